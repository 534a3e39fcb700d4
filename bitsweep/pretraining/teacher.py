"""The targets that a larger encoder, the teacher, gives for a corpus: one for each token, and one for each window.

The tokens' targets are the teacher's last hidden states on their leading principal components, whitened: so each
component counts alike, and no loss is spent on the few dimensions that have most of a transformer's variance. A
window's target is the mean of its tokens' hidden states, scaled to length 1, as encoders of sentences have it.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

from bitsweep.data.tokens import Tokens
from bitsweep.pretraining.principal_components import leading_components, whitening
from bitsweep.pretraining.windows import SAMPLE
from bitsweep.seeding import generator
from bitsweep.training.batches import prepare, rounded_lengths, split_by_length
from bitsweep.training.machine import Machine

# A batch has at most so many tokens, padding included.
TOKENS = 8192


class Teacher:
    """A BERT from a prepared encoder's folder, without dropout."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        from transformers import BertModel

        self.model = BertModel.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, add_pooling_layer=False
        )
        prepare(self.model, machine)
        # This comes after `prepare`, which puts in layers of dropout of its own.
        self.model.eval()
        self.machine = machine

    @torch.inference_mode()
    def read(self, windows: Tokens, indices: np.ndarray, width: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the hidden states of the tokens of some windows, in their order, and the windows' vectors; float32."""
        batch = windows.padded(indices, 0, width)
        with torch.autocast(self.machine.device, torch.bfloat16, enabled=self.machine.precision == "bfloat16"):
            hidden = self.model(**batch).last_hidden_state.float()
        mask = batch["attention_mask"]
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return hidden[mask.bool()], normalize(mean, dim=-1)

    def batches(self, windows: Tokens, indices: np.ndarray):
        """Yield the indices of some windows in batches of like lengths, each with its width."""
        widths = rounded_lengths(windows)
        for batch in split_by_length(indices, widths, TOKENS):
            yield batch, int(widths[batch].max())


def principal_components(teacher: Teacher, windows: Tokens, size: int, seed: int) -> dict[str, torch.Tensor]:
    """Return the mean and the whitening components of the teacher's hidden states on a part of the corpus.

    `mean` has shape (hidden,), `components` (hidden, size); both are float32.
    """
    sample = generator(seed, "sample").permutation(len(windows))[:SAMPLE]
    hidden = teacher.model.config.hidden_size
    count, total, products = 0, torch.zeros(hidden).double(), torch.zeros(hidden, hidden).double()
    for batch in teacher.batches(windows, sample):
        rows = teacher.read(windows, *batch)[0].double()
        count, total, products = count + len(rows), total + rows.sum(0), products + rows.T @ rows
    mean = total / count
    covariance = products / count - mean[:, None] * mean
    share = leading_components(covariance, size)[0].sum() / covariance.trace()
    print(f"{size} of {hidden} components: {share:.3f} of the variance", flush=True)
    return {"mean": mean.float(), "components": whitening(covariance, size).float().contiguous()}


def token_targets(teacher: Teacher, windows: Tokens, projection: dict) -> dict[str, torch.Tensor]:
    """Return the targets of all tokens, float16 (tokens, size), and of all windows, float32 (windows, hidden)."""
    mean, components = projection["mean"], projection["components"]
    tokens = torch.empty(int(windows.offsets[-1]), components.shape[1], dtype=torch.float16)
    vectors = torch.empty(len(windows), len(mean))
    done = 0
    for batch, width in teacher.batches(windows, np.arange(len(windows))):
        hidden, vectors[batch] = teacher.read(windows, batch, width)
        targets = ((hidden - mean) @ components).half()
        for index, part in zip(batch, targets.split(windows.lengths[batch].tolist()), strict=True):
            tokens[windows.offsets[index] : windows.offsets[index + 1]] = part
        done += len(batch)
        print(f"{done} of {len(windows)} windows", flush=True)
    return {"tokens": tokens, "vectors": vectors}


def windows_of_part(windows: Tokens, part: int, parts: int) -> Tokens:
    """Return the windows of part number `part` of `parts`; the sizes of parts differ by one window at most."""
    return windows.subset(np.array_split(np.arange(len(windows)), parts)[part])
