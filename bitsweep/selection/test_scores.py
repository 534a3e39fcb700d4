"""The selected runs on the test split: their weights are checked to be the ones that were selected, then used once."""

from pathlib import Path

import pandas as pd
import torch
from torch.nn.functional import cross_entropy

from bitsweep.data.tokens import Tokens
from bitsweep.errors import UserError
from bitsweep.files import read_json, sha256_file
from bitsweep.metrics import METRICS, confusion, score_predictions
from bitsweep.model.classifier import build_classifier, digest_state, load_trained
from bitsweep.model.modes import adapt, freeze
from bitsweep.training.batches import predict, prepare
from bitsweep.training.machine import Machine
from bitsweep.training.recipe import Recipe, read_recipe
from bitsweep.training.run_files import RUN_FILES


def rebuild_classifier(folder: Path, encoder: Path, expected_sha256: str) -> tuple[torch.nn.Module, Recipe, Machine]:
    """Return the model of the finished run in `folder`, at its best epoch, with its recipe and its machine.

    Raises UserError where the weights do not have the digest `expected_sha256`, or were trained from another encoder or
    with other settings than the run's result says.
    """
    result = read_json(folder / RUN_FILES["result"])
    made_from = result["made_from"]
    weights = folder / RUN_FILES["weights"]
    if sha256_file(weights) != expected_sha256 or result["weights_sha256"] != expected_sha256:
        raise UserError(f"{weights} is not the file that was selected: delete the folder {folder} and run again.")
    model = build_classifier(encoder, made_from["labels"], made_from["recipe"]["seed"])
    if digest_state(model) != made_from["initial_state_sha256"]:
        raise UserError(f"{folder} was trained from another encoder than {encoder}: delete the folder and run again.")
    recipe, machine = read_recipe(made_from["recipe"])
    adapt(model, recipe.mode, recipe.seed)
    trained = freeze(model, recipe.mode, recipe.seed)
    load_trained(weights, trained.tensors, made_from)
    trained.write_back()
    return model, recipe, machine


def evaluate(mode: str, selected: dict, runs: Path, encoder: Path, test: Tokens) -> tuple[dict, pd.DataFrame]:
    """Score every selected run of a mode (one for each seed) on the test split.

    Returns the mode's scores (means and standard deviations over seeds, and each seed's with its confusion matrix) and
    a table with a row for each seed and test example: seed, example, label, prediction, and a column `logit_<label>`
    for each label.
    """
    scores, tables = [], []
    for run in selected["runs"]:
        model, _, machine = rebuild_classifier(runs / run["path"], encoder, run["weights_sha256"])
        prepare(model, machine)
        logits = predict(model, test, machine)
        labels, predicted = test.labels.numpy(), logits.argmax(-1).numpy()
        scores.append(
            {
                "seed": run["seed"],
                "epoch": run["epoch"],
                **score_predictions(labels, predicted),
                "loss": cross_entropy(logits.double(), test.labels).item(),
                "confusion": confusion(labels, predicted, logits.shape[1]),
            }
        )
        table = pd.DataFrame(logits.numpy(), columns=[f"logit_{label}" for label in range(logits.shape[1])])
        table.insert(0, "prediction", predicted)
        table.insert(0, "label", labels)
        table.insert(0, "example", range(len(test)))
        table.insert(0, "seed", run["seed"])
        tables.append(table)
    numbers = pd.DataFrame(scores)[[*METRICS, "loss"]]
    evaluation = {
        "mode": mode,
        "examples": len(test),
        "commonest_label_share": test.labels.bincount().max().item() / len(test),
        **numbers.mean().to_dict(),
        # They are not known with one seed.
        "sd": {key: None if len(numbers) < 2 else float(numbers[key].std()) for key in METRICS},
        "runs": scores,
    }
    return evaluation, pd.concat(tables, ignore_index=True)
