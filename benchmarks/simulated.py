"""Runs whose training is simulated: benchmarks/scale.py puts this file into a copy, as bitsweep/training/run.py.

Everything else of a run is as ever: its process, its locks, what it reads and what it stores. Instead of training,
numbers are drawn that depend on the run's setting as accuracies do. The weights are the encoder's own under a random
head.

python -m benchmarks.simulated --encoder FOLDER --labels N --seeds ...
writes the digests of the untrained models. These need torch, and are the same for all runs of a seed.
"""

import argparse
import json
import math
from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from bitsweep.files import MODEL_WEIGHTS, read_json, sha256_file, whole_file, write_json, write_text
from bitsweep.number_format import spell_number
from bitsweep.seeding import generator

INITIAL_STATES = "initial_states.json"
VERSIONS = {name: version(name) for name in ("torch", "transformers")}


def draw_predictions(labels: np.ndarray, recipe: dict) -> np.ndarray:
    """Return the predictions of a run on validation after each epoch, int16 of shape (epochs, examples).

    They are best at a learning rate of 3e-4, worse with large batches, and a little better with every epoch.
    """
    setting = [recipe[name] for name in ("batch_size", "seed")] + [spell_number(recipe["learning_rate"])]
    random = generator("simulated", *setting, json.dumps(recipe["mode"]))
    distance = math.log10(recipe["learning_rate"] / 3e-4) ** 2 + (math.log2(recipe["batch_size"]) / 20) ** 2
    rows = []
    for epoch in range(1, recipe["epochs"] + 1):
        accuracy = 0.5 + (0.38 - 0.1 / epoch) * math.exp(-distance)
        right = random.random(len(labels)) < accuracy + random.normal(0, 0.005)
        rows.append(np.where(right, labels, (labels + 1) % (labels.max() + 1)))
    return np.array(rows, dtype=np.int16)


def trained_weights(encoder: Path, labels: int, recipe: dict) -> dict[str, np.ndarray]:
    """Return the parameters that the modes bitfit and bitfit_head train, by their names."""
    weights = {name: tensor for name, tensor in load_file(encoder / MODEL_WEIGHTS).items() if "bias" in name}
    weights["classifier.bias"] = np.zeros(labels, dtype=np.float32)
    if "head" in recipe["mode"]["train"]:
        hidden = read_json(encoder / "config.json")["hidden_size"]
        random = generator("simulated head", recipe["seed"])
        weights["classifier.weight"] = random.normal(0, 0.02, (labels, hidden)).astype(np.float32)
    return weights


def train_run(encoder: Path, tokens: dict[str, str], sources: dict, checkpoint: Path, folder: Path, timed: str) -> None:
    """Write the files that `bitsweep.training.run.train_run` writes, from the same arguments."""
    recipe = sources["recipe"]
    made_from = {**sources, "initial_state_sha256": read_json(INITIAL_STATES)[str(recipe["seed"])]}
    with safe_open(tokens["validation"], framework="np") as file:
        labels = file.get_tensor("labels")
    predictions = draw_predictions(labels, recipe)
    rows = []
    for epoch, predicted in enumerate(predictions, start=1):
        accuracy = float((predicted == labels).mean())
        losses = {"train_loss": 0.7 - accuracy / 2, "validation_loss": 1.2 - accuracy}
        rows.append({"epoch": epoch, "steps": 100 * epoch, **losses, "validation_accuracy": accuracy})
    weights = trained_weights(encoder, sources["labels"], recipe)
    with whole_file(folder / "weights.safetensors") as part:
        save_file(weights, part, metadata={"info": json.dumps(made_from, sort_keys=True)})
    lines = [",".join(rows[0]), *(",".join(map(repr, row.values())) for row in rows)]
    write_text(folder / "history.csv", "\n".join(lines) + "\n")
    write_json(
        folder / "costs.json", {"timed": timed, "seconds": 20.0, "tokens_per_second": 30_000.0, "peak_memory_mb": 600.0}
    )
    with whole_file(folder / "predictions.npy") as part, open(part, "wb") as file:
        np.save(file, predictions)
    result = {
        "made_from": made_from,
        "best": max(rows, key=lambda row: row["validation_accuracy"]),
        "diverged": False,
        "failed": None,
        "trainable_parameters": sum(tensor.size for tensor in weights.values()),
        "stored_bytes": (folder / "weights.safetensors").stat().st_size,
        "weights_sha256": sha256_file(folder / "weights.safetensors"),
        "versions": VERSIONS,
    }
    write_json(folder / "result.json", result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", required=True, type=Path, help="folder of the prepared encoder")
    parser.add_argument("--labels", required=True, type=int, help="number of classes")
    parser.add_argument("--seeds", required=True, type=int, nargs="+", help="the seeds of the grid")
    arguments = parser.parse_args()
    from bitsweep.model.classifier import build_classifier, digest_state

    build = (build_classifier(arguments.encoder, arguments.labels, seed) for seed in arguments.seeds)
    states = zip(arguments.seeds, map(digest_state, build), strict=True)
    write_json(INITIAL_STATES, {str(seed): state for seed, state in states})


if __name__ == "__main__":
    main()
