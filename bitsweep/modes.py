"""Modes: which parameters of the model train, by their names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Settings are checked by these names, without the second that torch takes to import.
    import torch


@dataclass(frozen=True)
class Mode:
    """A way of fine-tuning. `trains(name)` says whether the parameter called `name` trains."""

    name: str
    description: str
    trains: Callable[[str], bool]


MODES = {
    mode.name: mode
    for mode in (
        Mode("full", "every parameter trains", lambda name: True),
        # Ben Zaken et al., 2022, "BitFit", arXiv:2106.10199, as the reference experiment takes it: the biases of the
        # classifier train with the encoder's, its randomly drawn weight stays frozen.
        Mode("bitfit", "only the bias terms train, all weights stay frozen", lambda name: "bias" in name),
    )
}


def freeze(model: torch.nn.Module, mode: str) -> dict[str, torch.nn.Parameter]:
    """Lets only the parameters of `mode` require gradients; returns these by name.

    Raises ValueError where the model has no parameter for the mode, as an encoder without bias terms has none for
    `bitfit`.
    """
    trained = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(MODES[mode].trains(name))
        if parameter.requires_grad:
            trained[name] = parameter
    if not trained:
        raise ValueError(f"the encoder has no parameter that mode {mode} would train")
    return trained
