"""How long a sweep will take here and how much disk, from a few steps of its own training."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import bitsweep.model.fast.light_imports  # noqa: F401
from bitsweep.data.table_survey import Survey
from bitsweep.data.tokens import Tokens, to_tokens
from bitsweep.errors import UserError
from bitsweep.files import MODEL_WEIGHTS
from bitsweep.model.classifier import build_classifier
from bitsweep.model.modes import BUILT_IN, freeze
from bitsweep.training.batches import predict
from bitsweep.training.loop import Run
from bitsweep.training.machine import Machine
from bitsweep.training.precision import choose_precision
from bitsweep.training.recipe import Recipe

# A process's start, and what Snakemake does for a job.
START_SECONDS = 5.0
# What comes before the runs and after them, the report above all.
OTHER_SECONDS = 20.0
# Batch sizes between which the time of a step is drawn as a line.
SMALL, LARGE = 8, 32
# Examples that are timed; fewer of large encoders.
EXAMPLES, LARGE_FILE = 128, 10**8
# Bytes of a token in a tokenized split: its id and its type.
TOKEN_BYTES = 8


@dataclass(frozen=True)
class Speed:
    """Seconds of a mode: for an example's forward and backward pass, for a step beside that, for a prediction.

    `stored` are the bytes that a run keeps.
    """

    example: float
    step: float
    prediction: float
    stored: int

    def run_seconds(self, batch_size: int, examples: int, validation: int, epochs: int) -> float:
        training = examples * self.example + -(-examples // batch_size) * self.step
        return START_SECONDS + epochs * (training + validation * self.prediction)


def fitting_modes(encoder: Path, labels: int) -> list[str]:
    """The modes to try: full and bitfit, or the head in its place where the encoder has no biases."""
    try:
        freeze(build_classifier(encoder, labels, 0), BUILT_IN["bitfit"], 0)
    except UserError:
        return ["full", "head"]
    return ["full", "bitfit"]


def measure(encoder: Path, encodings: list, labels: int, modes: list[str]) -> dict[str, Speed]:
    """The speed of each mode on one thread, on a sample of the user's texts, tokenized and cut."""
    verdict = choose_precision("auto", "auto")
    count = min(len(encodings), EXAMPLES if (encoder / MODEL_WEIGHTS).stat().st_size < LARGE_FILE else LARGE)
    tokens = to_tokens(encodings[:count])
    return {mode: measure_mode(encoder, tokens, labels, mode, verdict) for mode in modes}


def measure_mode(encoder: Path, tokens: Tokens, labels: int, mode: str, verdict: dict) -> Speed:
    seconds = {}
    # The one thread's own time, whatever else keeps the machine busy meanwhile; a GPU works beside the thread.
    clock = time.process_time if verdict["device"] == "cpu" else time.perf_counter
    machine = Machine(verdict["precision"], verdict["device"], threads=1)
    for size in (LARGE, SMALL):
        recipe = Recipe(
            mode=BUILT_IN[mode],
            batch_size=size,
            learning_rate=1e-4,
            seed=0,
            train_size=None,
            metric="accuracy",
            epochs=2,
            weight_decay=0.0,
            max_grad_norm=1.0,
        )
        run = Run(build_classifier(encoder, labels, 0), tokens, recipe, machine)
        # The first time products are compiled for their shapes.
        run.train_epoch(1)
        run.progress.step, before = 0, clock()
        run.train_epoch(2)
        seconds[size] = clock() - before
        predict(run.model, tokens, machine)
        before = clock()
        predict(run.model, tokens, machine)
        prediction = (clock() - before) / len(tokens)
    # Examples cost the same in batches of either size; the steps between them are what differs.
    steps = {size: -(-len(tokens) // size) for size in seconds}
    step = max(0.0, (seconds[SMALL] - seconds[LARGE]) / max(1, steps[SMALL] - steps[LARGE]))
    example = max(seconds[LARGE] - steps[LARGE] * step, 0.1 * seconds[LARGE]) / len(tokens)
    return Speed(example, step, prediction, 4 * run.trained.count)


def sweep_seconds(
    speeds: Mapping[str, Speed], grids: Mapping[str, Mapping], sizes: Mapping[str, int], epochs: int, cores: int
) -> float:
    """Seconds of a sweep, as many runs at a time as there are cores; `sizes` has the rows of each split."""
    total = sum(
        speeds[mode].run_seconds(size, sizes["train"], sizes["validation"], epochs)
        for mode, grid in grids.items()
        for size in grid["batch_size"]
        for _ in grid["learning_rate"]
    )
    return OTHER_SECONDS + total / cores


def disk_bytes(
    speeds: Mapping[str, Speed],
    grids: Mapping[str, Mapping],
    encoder: Path,
    survey: Survey,
    lengths: np.ndarray,
    cores: int,
) -> int:
    """Bytes of the experiment's folder while it runs; `lengths` are the tokens of the survey's texts."""
    kept = sum(
        speeds[mode].stored * len(grid["batch_size"]) * len(grid["learning_rate"]) for mode, grid in grids.items()
    )
    # A checkpoint has the parameters, two moments, and the best epoch's parameters.
    checkpoints = 4 * cores * max(speed.stored for speed in speeds.values())
    # Rows are kept as they came and once more by split.
    text = np.mean([len("".join(parts).encode()) for parts in survey.texts])
    data = survey.rows * (2 * text + TOKEN_BYTES * lengths.mean())
    return int(kept + checkpoints + (encoder / MODEL_WEIGHTS).stat().st_size + data)
