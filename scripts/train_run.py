"""Trains one run of the grid and writes its history, its result and the parameters that it trained."""

import argparse
import json
import math
import platform
from importlib.metadata import version
from pathlib import Path

import bitsweep.imports  # noqa: F401
from bitsweep.errors import run
from bitsweep.files import WEIGHTS, read_json, sha256_file, write_json, write_text
from bitsweep.model import build_classifier, digest_state, save_trained
from bitsweep.tokens import load_tokens
from bitsweep.training import Outcome, Recipe, train


def finite(row: dict | None) -> dict | None:
    """A row with its numbers that are not finite as None, which JSON has a word for."""
    if row is None:
        return None
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}


def describe(outcome: Outcome, made_from: dict, weights_sha256: str) -> dict:
    """The run's result, as JSON holds it."""
    return {
        "made_from": made_from,
        "best": finite(outcome.best),
        "diverged": outcome.diverged,
        "trainable_parameters": outcome.trainable_parameters,
        "seconds": round(outcome.seconds, 3),
        "tokens_per_second": round(outcome.tokens_per_second, 1),
        "peak_memory_mb": round(outcome.peak_memory_mb, 1),
        "weights_sha256": weights_sha256,
        "versions": {
            "python": platform.python_version(),
            "torch": version("torch"),
            "transformers": version("transformers"),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", required=True, type=json.loads, help="the run's settings, as JSON")
    parser.add_argument("--labels", required=True, type=int, help="number of classes")
    parser.add_argument("--encoder", required=True, type=Path, help="folder of the prepared encoder")
    parser.add_argument("--train", required=True, help="tokenized training split")
    parser.add_argument("--validation", required=True, help="tokenized validation split")
    parser.add_argument("--precision", required=True, help="JSON file that choose_precision wrote")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    arguments = parser.parse_args()
    verdict = read_json(arguments.precision)
    recipe = Recipe(**arguments.recipe, precision=verdict["precision"], device=verdict["device"])
    model = build_classifier(arguments.encoder, arguments.labels, recipe.seed)
    made_from = {
        "recipe": vars(recipe),
        "labels": arguments.labels,
        "encoder_sha256": sha256_file(arguments.encoder / WEIGHTS),
        "initial_state_sha256": digest_state(model),
        "train_sha256": sha256_file(arguments.train),
        "validation_sha256": sha256_file(arguments.validation),
    }
    outcome = train(model, load_tokens(arguments.train), load_tokens(arguments.validation), recipe)
    weights = arguments.output / "weights.safetensors"
    save_trained(weights, outcome.weights, made_from)
    columns = list(outcome.history[0])
    lines = [",".join(columns)] + [",".join(repr(row[column]) for column in columns) for row in outcome.history]
    write_text(arguments.output / "history.csv", "\n".join(lines) + "\n")
    write_json(arguments.output / "result.json", describe(outcome, made_from, sha256_file(weights)))


if __name__ == "__main__":
    run(main)
