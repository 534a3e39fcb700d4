"""An exported classifier as ONNX, compared in onnxruntime with the model that it was made from."""

from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification

from bitsweep.data.tokens import Tokens
from bitsweep.errors import UserError
from bitsweep.files import whole_file

# At most EXAMPLES examples of the test split are compared, and at most BATCH at a time.
EXAMPLES, BATCH = 256, 16
# The logits may differ by this share of the largest distance of a logit from its class's mean.
TOLERANCE = 1e-3


def convert(folder: Path, tokens: Tokens, target: Path) -> float:
    """Write the classifier of an exported folder to `target` as ONNX, and return the largest difference of its logits.

    Its inputs are the tokenizer's, int64 of shape (batch, tokens) with both free; its output is `logits`, float32 of
    shape (batch, labels). Raises UserError where the encoder cannot be converted, or where the logits differ.
    """
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True
    ).eval()
    batches = [inputs_of(model, tokens, rows) for rows in row_batches(min(EXAMPLES, len(tokens)))]
    free = torch.export.Dim.DYNAMIC
    try:
        program = torch.onnx.export(
            model,
            kwargs=batches[0],
            dynamo=True,
            dynamic_shapes={name: {0: free, 1: free} for name in batches[0]},
            output_names=["logits"],
        )
    except torch.onnx.errors.OnnxExporterError as error:
        kind = model.config.model_type
        raise UserError(
            f"torch cannot convert the architecture {kind} to ONNX ({str(error).splitlines()[0]}): use the "
            "exported folder with transformers instead."
        ) from None
    with whole_file(target) as part:
        program.save(part)
        return compare(part, model, batches)


def row_batches(count: int) -> list[np.ndarray]:
    return np.array_split(np.arange(count), -(-count // BATCH))


def inputs_of(model: torch.nn.Module, tokens: Tokens, rows: np.ndarray) -> dict[str, torch.Tensor]:
    """Return a padded batch of the `rows`, as the model takes it."""
    padded = tokens.padded(rows, model.config.pad_token_id or 0)
    segments = getattr(model.config, "type_vocab_size", 0) > 1
    return {name: padded[name] for name in padded if segments or name != "token_type_ids"}


@torch.inference_mode()
def compare(path: Path, model: torch.nn.Module, batches: list[dict[str, torch.Tensor]]) -> float:
    """Return the largest difference of logits between onnxruntime and torch.

    Raises UserError where that is more than rounding explains.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = np.concatenate([model(**batch).logits.numpy() for batch in batches])
    found = np.concatenate(
        [session.run(["logits"], {name: ids.numpy() for name, ids in batch.items()})[0] for batch in batches]
    )
    difference = float(np.abs(found - expected).max())
    if not difference <= TOLERANCE * np.abs(expected - expected.mean(axis=0)).max() + 1e-5:
        raise UserError(
            f"onnxruntime's logits differ from torch's by up to {difference:.3g}, more than rounding explains: use the "
            "exported folder with transformers instead."
        )
    return difference
