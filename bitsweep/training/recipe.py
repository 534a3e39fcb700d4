"""The settings of one run."""

from dataclasses import dataclass, fields

from bitsweep.training.machine import Machine


@dataclass(frozen=True)
class Recipe:
    """The settings that a run's numbers depend on, besides its data, its encoder and its machine.

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


def read_recipe(recorded: dict) -> tuple[Recipe, Machine]:
    """Return the recipe and the machine that a run's result has recorded together, under `made_from.recipe`.

    Raises KeyError where one of their fields is missing.
    """
    return tuple(kind(**{field.name: recorded[field.name] for field in fields(kind)}) for kind in (Recipe, Machine))
