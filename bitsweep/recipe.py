"""The settings of one run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """What a run's numbers depend on, besides its data and its encoder.

    `mode` is what `modes.freeze` takes, `train_size` how many examples train, None for all; `metric` picks the epoch.
    """

    mode: dict
    batch_size: int
    learning_rate: float
    seed: int
    train_size: int | None
    metric: str
    epochs: int
    weight_decay: float
    max_grad_norm: float
    precision: str
    device: str
    threads: int
