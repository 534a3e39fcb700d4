"""Dropout from cheap random bits, seeded by counter.

torch's `bernoulli_` takes a quarter of the time of a small encoder's training on a CPU. Here each element takes 16 bits
from numpy's SFC64, so the rate is exact to 1/65536, and the elements that remain are divided by the share that remains,
as in Srivastava et al., 2014, and `torch.nn.Dropout`.
"""

import numpy as np
import torch
from torch import nn

from bitsweep.seeding import stream_key


class Noise:
    """The random bits of one micro-batch. They follow from the name given to `seed`, whatever was drawn before."""

    def __init__(self) -> None:
        self.seed(slice(0, 1), 1, 0)

    def seed(self, rows: slice, total: int, *name: int | str) -> None:
        """Start the stream called `name`, of which `rows` of all `total` rows of the micro-batch are wanted."""
        self.bits = np.random.SFC64(stream_key(*name))
        self.rows = rows
        self.total = total

    def draw(self, shape: torch.Size) -> torch.Tensor:
        """Return random int16 numbers, uniform on -32768..32767, of `shape`.

        Where its first dimension is the number of rows that are wanted, they are cut from what all rows would get.
        """
        row, first, total = shape[1:].numel(), self.rows.start, self.total
        if shape[0] != self.rows.stop - first:
            first, total = 0, shape[0]
        # One number of 64 bits holds four of 16 bits. Those before and behind the rows are drawn, but not stored.
        start, stop = first * row, (first + shape[0]) * row
        before, behind, end = start // 4, -(-stop // 4), -(-total * row // 4)
        self.bits.random_raw(before, output=False)
        drawn = self.bits.random_raw(behind - before).view(np.int16)
        self.bits.random_raw(end - behind, output=False)
        return torch.from_numpy(drawn[start - 4 * before : stop - 4 * before]).view(shape)


def levels(rate: float) -> int:
    """Return how many of the 65,536 possible values of `Noise.draw` mean that an element is dropped."""
    return round(rate * 65536)


def scale_of(rate: float) -> float:
    """Return the factor for the elements that remain: one over the share that remains."""
    return 65536 / (65536 - levels(rate))


def to_mask(drawn: torch.Tensor, rate: float) -> torch.Tensor:
    """Turn drawn numbers, in place, into 0 (dropped) with probability levels(rate) / 65536, else -1 (all bits set)."""
    # Clamped to two neighbouring values, a number shows on which side of the threshold it was. Comparisons and boolean
    # masks would do the same, but torch's are many times slower on a CPU.
    last = 32767 - levels(rate)
    return drawn.clamp_(last, last + 1).sub_(last + 1)


def mask_(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Set `x` to 0 in place where `mask` is 0, by masking the bits of the floating-point numbers."""
    integer = torch.int16 if x.element_size() == 2 else torch.int32 if x.element_size() == 4 else torch.int64
    x.view(integer).bitwise_and_(mask.to(integer))
    return x


class DropoutFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor, mask: torch.Tensor, scale: float) -> torch.Tensor:
        ctx.save_for_backward(mask)
        ctx.scale = scale
        return mask_(x * scale, mask)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (mask,) = ctx.saved_tensors
        return mask_(gradient * ctx.scale, mask), None, None


def drop(x: torch.Tensor, rate: float, noise: Noise) -> torch.Tensor:
    """Return `x` with a share `rate` of its elements set to 0 and the others divided by the share that remains."""
    if levels(rate) == 0:
        return x
    return DropoutFunction.apply(x, to_mask(noise.draw(x.shape), rate), scale_of(rate))


class CheapDropout(nn.Module):
    """A replacement for `torch.nn.Dropout`."""

    def __init__(self, p: float, noise: Noise) -> None:
        super().__init__()
        self.p = p
        self.noise = noise

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return drop(x, self.p, self.noise) if self.training else x


def install(model: nn.Module) -> Noise:
    """Replace the dropout layers of a model; return the source of their bits, which every module gets as `noise`."""
    noise = Noise()
    for module in list(model.modules()):
        module.noise = noise
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout):
                setattr(module, name, CheapDropout(child.p, noise))
    return noise
