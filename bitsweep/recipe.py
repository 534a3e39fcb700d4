"""The settings of one run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """What a run's numbers depend on, besides its data and its encoder."""

    mode: str
    batch_size: int
    learning_rate: float
    seed: int
    epochs: int
    weight_decay: float
    max_grad_norm: float
    precision: str
    device: str
    threads: int
