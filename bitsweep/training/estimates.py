"""Estimates of the time and the disk space of runs and sweeps, from a measured speed or from a predicted one."""

from collections.abc import Mapping
from dataclasses import dataclass

from bitsweep.model.shape import Shape

# The time from a process's start to its first step, and that of Snakemake's own work for a job.
START_SECONDS = 5.0
# The time of everything before the runs and after them, above all of the report.
OTHER_SECONDS = 20.0
# The speed at which a core multiplies matrices, in GFLOP/s: that of an older one in float32.
GFLOPS = 20.0
# The bytes of a token in a tokenized split: its id and its type.
TOKEN_BYTES = 8


@dataclass(frozen=True)
class Speed:
    """The seconds of an example's forward and backward pass, of a step beside that, and of a prediction."""

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
    """Return the speed on texts of `length` tokens, on cores that do GFLOPS: a bound for schedulers, not a forecast."""
    per_second = GFLOPS * 1e9 * threads
    # The matrix products of a forward pass; those of the backward pass are twice as many.
    forward = length * (2 * shape.body + 4 * shape.layers * shape.hidden * length) / per_second
    # AdamW takes some twenty operations for each parameter.
    step = 20 * (shape.body + shape.embeddings) / per_second
    return Speed(example=3 * forward, step=step, prediction=forward)


def sweep_seconds(
    speeds: Mapping[str, Speed], grids: Mapping[str, Mapping], sizes: Mapping[str, int], epochs: int, cores: int
) -> float:
    """Return the seconds of a sweep with as many runs at a time as cores; `sizes` has the rows of each split."""
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

    `stored` has the bytes of a run's weights in each mode, and `encoder` is the bytes of the encoder's weights. There
    are `rows` rows, of `row` bytes and `tokens` tokens on average.
    """
    weights = sum(stored[mode] * len(grid["batch_size"]) * len(grid["learning_rate"]) for mode, grid in grids.items())
    # A checkpoint has the parameters, two moments, and the best epoch's parameters.
    checkpoints = 4 * cores * max(stored.values())
    # Rows are stored twice: as they came, and by split.
    return int(weights + checkpoints + encoder + rows * (2 * row + TOKEN_BYTES * tokens))
