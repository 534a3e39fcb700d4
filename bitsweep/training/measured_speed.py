"""The speed at which this machine trains each mode, measured in a few steps on a user's own texts."""

import time
from pathlib import Path

import bitsweep.model.fast.light_imports  # noqa: F401
from bitsweep.data.tokens import Tokens, to_tokens
from bitsweep.errors import UserError
from bitsweep.files import MODEL_WEIGHTS
from bitsweep.model.classifier import build_classifier
from bitsweep.model.modes import BUILT_IN, freeze
from bitsweep.training.batches import predict
from bitsweep.training.estimates import Speed
from bitsweep.training.loop import Run
from bitsweep.training.machine import Machine
from bitsweep.training.precision import choose_precision
from bitsweep.training.recipe import Recipe

# The batch sizes that are timed: their difference gives the time of a step.
SMALL, LARGE = 8, 32
# The number of examples that are timed. An encoder whose weights take LARGE_FILE bytes or more is timed on LARGE.
EXAMPLES, LARGE_FILE = 128, 10**8


def fitting_modes(encoder: Path, labels: int) -> list[str]:
    """Return the modes to try: full and bitfit, or head in place of bitfit where the encoder has no biases."""
    try:
        freeze(build_classifier(encoder, labels, 0), BUILT_IN["bitfit"], 0)
    except UserError:
        return ["full", "head"]
    return ["full", "bitfit"]


def measure(encoder: Path, encodings: list, labels: int, modes: list[str]) -> tuple[dict[str, Speed], dict[str, int]]:
    """Return each mode's speed on one thread, and the bytes that a run of it stores.

    `encodings` are a sample of the user's texts, tokenized and cut.
    """
    verdict = choose_precision("auto", "auto")
    count = min(len(encodings), EXAMPLES if (encoder / MODEL_WEIGHTS).stat().st_size < LARGE_FILE else LARGE)
    tokens = to_tokens(encodings[:count])
    found = {mode: measure_mode(encoder, tokens, labels, mode, verdict) for mode in modes}
    return {mode: speed for mode, (speed, _) in found.items()}, {mode: stored for mode, (_, stored) in found.items()}


def measure_mode(encoder: Path, tokens: Tokens, labels: int, mode: str, verdict: dict) -> tuple[Speed, int]:
    seconds = {}
    # On a CPU only this process's own time counts, whatever else the machine does. A GPU works beside the process.
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
        # The first time is not counted, since products are compiled for their shapes then.
        run.train_epoch(1)
        run.progress.step, before = 0, clock()
        run.train_epoch(2)
        seconds[size] = clock() - before
        predict(run.model, tokens, machine)
        before = clock()
        predict(run.model, tokens, machine)
        prediction = (clock() - before) / len(tokens)
    # Examples cost the same in batches of either size; only the number of steps differs.
    steps = {size: -(-len(tokens) // size) for size in seconds}
    step = max(0.0, (seconds[SMALL] - seconds[LARGE]) / max(1, steps[SMALL] - steps[LARGE]))
    example = max(seconds[LARGE] - steps[LARGE] * step, 0.1 * seconds[LARGE]) / len(tokens)
    return Speed(example, step, prediction), 4 * run.trained.count
