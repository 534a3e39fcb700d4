"""Layer normalization that keeps bfloat16 where autocast would widen its output to float32.

What follows it, a matrix product, rounds its input to bfloat16 anyway, once for every product. Within, everything is
float32: of bfloat16 inputs torch adds up the gradients of weight and bias in bfloat16 on a CPU, which loses a tenth of
them over some thousand tokens.
"""

import torch
from torch import nn


class LayerNorm(nn.LayerNorm):
    """Stands in for `torch.nn.LayerNorm`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(torch.get_autocast_dtype("cpu"))


def install(model: nn.Module) -> None:
    """Lets the model's layer normalizations on the CPU keep autocast's number format."""
    for module in model.modules():
        if type(module) is nn.LayerNorm:
            module.__class__ = LayerNorm
