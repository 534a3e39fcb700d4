"""Modes: which parameters of the model train, by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bitsweep.errors import UserError

if TYPE_CHECKING:
    # Settings are checked by these names, without the second that torch takes to import.
    import torch

# For each mode, whether the parameter of a name trains.
MODES: dict[str, Callable[[str], bool]] = {
    "full": lambda name: True,
    # Ben Zaken et al., 2022, "BitFit", arXiv:2106.10199, as the reference experiment takes it: the biases of the
    # classifier train with the encoder's, its randomly drawn weight stays frozen.
    "bitfit": lambda name: "bias" in name,
}


def freeze(model: torch.nn.Module, mode: str) -> dict[str, torch.nn.Parameter]:
    """Lets only the parameters of `mode` require gradients; returns these by name.

    Raises UserError where the encoder has none for it, as one without bias terms has none for `bitfit`.
    """
    trained, encoder = {}, f"{model.base_model_prefix}."
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(MODES[mode](name))
        if parameter.requires_grad:
            trained[name] = parameter
    if not any(name.startswith(encoder) for name in trained):
        raise UserError(f"grid.mode has {mode!r}, but the encoder has no parameter that it would train: remove it.")
    return trained
