"""A selected run as a folder that transformers loads as it is, and as a delta to its pretrained encoder."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open

from bitsweep.data.tokens import Tokens
from bitsweep.errors import UserError
from bitsweep.export.calibration import calibrate
from bitsweep.export.run_choice import chosen_run
from bitsweep.export.saved_classifier import load_exported
from bitsweep.files import MODEL_WEIGHTS, read_json, whole_file, write_json
from bitsweep.model.classifier import save_trained
from bitsweep.model.modes import freeze
from bitsweep.selection.test_scores import rebuild_classifier
from bitsweep.training.batches import predict
from bitsweep.training.run_files import RUN_FILES

# The exported logits, which are float32, may differ from those of the evaluation by this share of the largest distance
# of a logit from its class's mean. bfloat16 has 8 bits of precision, and its errors add up over layers.
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.1}
# To this is added a share of the largest logit, or of 1 if that is larger: with one text, or with the same answer to
# all texts, every logit is its class's mean.
SHARES = {"float32": 1e-4, "bfloat16": 0.02}


def merge(model: torch.nn.Module) -> torch.nn.Module:
    """Return a plain classifier that computes what `model` does: low-rank updates are added to the layers' weights."""
    for module in model.modules():
        if hasattr(module, "lora_A"):
            module.merge()
    state = {
        name.replace(".base_layer.", "."): tensor for name, tensor in model.state_dict().items() if "lora_" not in name
    }
    plain = type(model)(model.config)
    plain.load_state_dict(state)
    return plain


def save_classifier(model: torch.nn.Module, label_names: list[str], folder: Path) -> None:
    """Write config.json, with the labels' names, and model.safetensors, in float32."""
    model.config.id2label = dict(enumerate(label_names))
    model.config.label2id = {name: label for label, name in enumerate(label_names)}
    model.config.problem_type = "single_label_classification"
    # An earlier task of the encoder may have left these, with which a pipeline would not give a softmax.
    for key in ("function_to_apply", "task_specific_params"):
        vars(model.config).pop(key, None)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as written:
        model.save_pretrained(written)
        for name in ("config.json", MODEL_WEIGHTS):
            with whole_file(folder / name) as part:
                shutil.copyfile(Path(written) / name, part)


def save_tokenizer(encoder: Path, max_length: int, segments: bool, folder: Path) -> None:
    """Write the encoder's tokenizer so that it cuts texts as in training, and gives token types only where they count.

    `segments` is whether the encoder uses token types, which distinguish the two texts of a pair.
    """
    settings = read_json(encoder / "tokenizer_config.json")
    # Loading the tokenizer offline has left these in its settings.
    for key in ("is_local", "local_files_only"):
        settings.pop(key, None)
    settings["model_max_length"] = max_length
    # Training cuts and pads at the end, whichever side the encoder's own tokenizer takes.
    settings["truncation_side"] = settings["padding_side"] = "right"
    settings["model_input_names"] = ["input_ids", *(["token_type_ids"] if segments else []), "attention_mask"]
    write_json(folder / "tokenizer_config.json", settings)
    with whole_file(folder / "tokenizer.json") as part:
        shutil.copyfile(encoder / "tokenizer.json", part)


def compare_logits(logits: np.ndarray, evaluation: pd.DataFrame, precision: str) -> dict:
    """Return how far exported logits (examples, classes) lie from those of one seed's evaluation.

    Raises UserError where that is more than rounding explains.
    """
    expected = evaluation[[f"logit_{label}" for label in range(logits.shape[1])]].to_numpy(np.float32)
    difference = float(np.abs(logits - expected).max())
    scale = float(np.abs(expected - expected.mean(axis=0)).max())
    allowed = TOLERANCES[precision] * scale + SHARES[precision] * max(1.0, float(np.abs(expected).max()))
    if not difference <= allowed:
        last = "delete its selected run" if precision == "float32" else "set training.precision to float32"
        raise UserError(
            f"The exported classifier's logits differ from the evaluation's by up to {difference:.3g}, more than the "
            f"rounding of {precision} explains ({allowed:.3g}): delete the mode's files in evaluation/ and export "
            f"again. If they still differ, {last}."
        )
    return {
        "examples": len(expected),
        "evaluated_in": precision,
        "largest_difference": difference,
        "largest_distance_from_mean": scale,
        "labels_that_differ": int((logits.argmax(1) != expected.argmax(1)).sum()),
    }


def export(
    selection: dict,
    mode: str,
    runs: Path,
    encoder: Path,
    label_names: list[str],
    max_length: int,
    splits: dict[str, Tokens],
    evaluation: pd.DataFrame,
    folder: Path,
) -> dict:
    """Write the exported folder of a mode, and return the content of its calibration.json.

    `splits` has the tokens of "validation" and "test", `evaluation` is the table that `test_scores.evaluate` returned.
    The classifier is loaded from the files that were just written, so that calibration and comparison are of what users
    get.
    """
    run = chosen_run(selection, mode)
    model, _, machine = rebuild_classifier(runs / run["path"], encoder, run["weights_sha256"])
    save_classifier(merge(model), label_names, folder)
    save_tokenizer(encoder, max_length, getattr(model.config, "type_vocab_size", 0) > 1, folder)
    plain = replace(machine, precision="float32")
    exported = load_exported(folder, plain)
    logits = {name: predict(exported, tokens, plain).numpy() for name, tokens in splits.items()}
    check = compare_logits(logits["test"], evaluation[evaluation["seed"] == run["seed"]], machine.precision)
    labelled = {name: (logits[name], tokens.labels.numpy()) for name, tokens in splits.items()}
    return {**calibrate(labelled["validation"], labelled["test"]), "seed": run["seed"], "evaluation_check": check}


def delta_of(model: torch.nn.Module, mode: dict, seed: int, pretrained: set[str]) -> dict[str, torch.Tensor]:
    """Return the tensors, by name, that a run's classifier adds to the pretrained encoder: all that a task needs.

    These are the trained parameters, as in the run's weights, and the rest of the head, which the seed drew. Of a
    parameter of which only some entries trained, there are the values of these, and under `<name>.places` their
    positions in the flattened parameter. `pretrained` are the names of the encoder's own parameters.
    """
    trained = freeze(model, mode, seed)
    tensors = dict(trained.tensors)
    for (name, values), sample in zip(trained.tensors.items(), trained.samples, strict=False):
        tensors[name], tensors[f"{name}.places"] = values.view(-1), sample.places
    for name, parameter in model.named_parameters():
        is_head = name.replace(".base_layer.", ".") not in pretrained and "lora_" not in name
        if is_head:
            tensors[name] = parameter
            tensors.pop(f"{name}.places", None)
    return tensors


def export_delta(selection: dict, mode: str, runs: Path, encoder: Path, path: Path) -> None:
    """Write the delta (see `delta_of`) of a mode's exported run to `path`."""
    run = chosen_run(selection, mode)
    model, recipe, _ = rebuild_classifier(runs / run["path"], encoder, run["weights_sha256"])
    with safe_open(encoder / MODEL_WEIGHTS, framework="pt") as file:
        pretrained = set(file.keys())
    made_from = read_json(runs / run["path"] / RUN_FILES["result"])["made_from"]
    save_trained(path, delta_of(model, recipe.mode, recipe.seed, pretrained), made_from)
