"""Layer normalization whose output stays bfloat16 where autocast would widen it to float32.

The matrix products that follow would each round it to bfloat16 anyway. The normalization itself computes in float32:
for bfloat16 inputs torch adds up the gradients of weight and bias in bfloat16 on a CPU, which loses a tenth of them
over some thousand tokens.
"""

import torch
from torch import nn


class LayerNorm(nn.LayerNorm):
    """A replacement for `torch.nn.LayerNorm`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(torch.get_autocast_dtype("cpu"))


def install(model: nn.Module) -> None:
    """Let the layer normalizations of a model on the CPU give their output in autocast's number format."""
    for module in model.modules():
        if type(module) is nn.LayerNorm:
            module.__class__ = LayerNorm
