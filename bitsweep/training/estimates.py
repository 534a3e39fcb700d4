"""How long runs and sweeps take, and how much disk: added up alike from a measured speed and from a predicted one."""

from collections.abc import Mapping
from dataclasses import dataclass

from bitsweep.model.shape import Shape

# From a process's start to its first step, and what Snakemake does for a job.
START_SECONDS = 5.0
# What comes before the runs and after them, the report above all.
OTHER_SECONDS = 20.0
# A core's work on matrices, GFLOP/s: what an older one does in float32.
GFLOPS = 20.0
# Bytes of a token in a tokenized split: its id and its type.
TOKEN_BYTES = 8


@dataclass(frozen=True)
class Speed:
    """Seconds for an example's forward and backward pass, for a step beside that, and for a prediction."""

    example: float
    step: float
    prediction: float

    def training_seconds(self, batch_size: int, examples: int, validation: int, epochs: int) -> float:
        """Return the seconds of a run's epochs, each with its predictions on validation."""
        training = examples * self.example + -(-examples // batch_size) * self.step
        return epochs * (training + validation * self.prediction)

    def run_seconds(self, batch_size: int, examples: int, validation: int, epochs: int) -> float:
        """Return the seconds of a run, start included."""
        return START_SECONDS + self.training_seconds(batch_size, examples, validation, epochs)


def speed_of_shape(shape: Shape, length: int, threads: int) -> Speed:
    """Return the speed on texts of `length` tokens, on cores that do GFLOPS: a bound for schedulers, no forecast."""
    per_second = GFLOPS * 1e9 * threads
    # The matrix products of a forward pass; those of the backward pass are twice as many.
    forward = length * (2 * shape.body + 4 * shape.layers * shape.hidden * length) / per_second
    # AdamW over all parameters counts as some twenty operations each.
    step = 20 * (shape.body + shape.embeddings) / per_second
    return Speed(example=3 * forward, step=step, prediction=forward)


def sweep_seconds(
    speeds: Mapping[str, Speed], grids: Mapping[str, Mapping], sizes: Mapping[str, int], epochs: int, cores: int
) -> float:
    """Return the seconds of a sweep, as many runs at a time as there are cores; `sizes` has the rows of each split."""
    total = sum(
        speeds[mode].run_seconds(size, sizes["train"], sizes["validation"], epochs)
        for mode, grid in grids.items()
        for size in grid["batch_size"]
        for _ in grid["learning_rate"]
    )
    return OTHER_SECONDS + total / cores


def disk_bytes(
    stored: Mapping[str, int],
    grids: Mapping[str, Mapping],
    encoder: int,
    rows: int,
    row: float,
    tokens: float,
    cores: int,
) -> int:
    """Return the bytes of an experiment's folder while it runs.

    `stored` has the bytes of a run's weights in each mode, `encoder` those of the encoder's; there are `rows` rows, of
    so many bytes and tokens on average.
    """
    weights = sum(stored[mode] * len(grid["batch_size"]) * len(grid["learning_rate"]) for mode, grid in grids.items())
    # A checkpoint has the parameters, two moments, and the best epoch's parameters.
    checkpoints = 4 * cores * max(stored.values())
    # Rows are stored as they came and once more by split.
    return int(weights + checkpoints + encoder + rows * (2 * row + TOKEN_BYTES * tokens))
