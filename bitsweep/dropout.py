"""Dropout from cheap random bits, seeded by counter.

torch's `bernoulli_` takes a quarter of the time of a small encoder's training on a CPU. Here each element takes 16 bits
from numpy's SFC64, so the rate is exact to 1/65536, and the kept elements are scaled by one over the rate kept, as in
Srivastava et al., 2014, and `torch.nn.Dropout`.
"""

import numpy as np
import torch
from torch import nn

from bitsweep.seeding import stream_key

ATTENTION = "bitsweep"


class Noise:
    """The random bits of one micro-batch: `seed` names them, whatever was drawn before."""

    def __init__(self) -> None:
        self.seed(slice(0, 1), 1, 0)

    def seed(self, rows: slice, total: int, *name: int | str) -> None:
        """Starts the stream called `name`, of which `rows` of all `total` rows of the micro-batch are wanted."""
        self.bits = np.random.SFC64(stream_key(*name))
        self.rows = rows
        self.total = total

    def kept(self, shape: torch.Size, rate: float) -> torch.Tensor:
        """An int16 tensor of `shape`: 0 with probability round(rate * 65536) / 65536, else -1 (all bits set).

        Where its first dimension is that of the rows asked for, they are cut from what all rows would get.
        """
        row, first, total = shape[1:].numel(), self.rows.start, self.total
        if shape[0] != self.rows.stop - first:
            first, total = 0, shape[0]
        # Four numbers of 16 bits come in one of 64; those before and behind the rows are passed over, not kept.
        start, stop = first * row, (first + shape[0]) * row
        before, behind, end = start // 4, -(-stop // 4), -(-total * row // 4)
        self.bits.random_raw(before, output=False)
        drawn = self.bits.random_raw(behind - before).view(np.int16)
        self.bits.random_raw(end - behind, output=False)
        raw = torch.from_numpy(drawn[start - 4 * before : stop - 4 * before])
        # raw is uniform on -32768..32767. Cut to {last - 1, last}, it says on which side of the threshold it was: whole
        # numbers all the way, since torch's comparisons and boolean masks are many times slower on a CPU.
        last = round(rate * 65536) - 32768
        return raw.clamp_(last - 1, last).neg_().add_(last - 1).view(shape)


def keep(x: torch.Tensor, kept: torch.Tensor, scale: float) -> torch.Tensor:
    """`x * scale` where `kept` is -1, else 0, by masking the bits of the floating-point numbers."""
    integer = torch.int16 if x.element_size() == 2 else torch.int32 if x.element_size() == 4 else torch.int64
    return (x * scale).view(integer).bitwise_and_(kept.to(integer)).view(x.dtype)


class DropoutFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor, kept: torch.Tensor, scale: float) -> torch.Tensor:
        ctx.save_for_backward(kept)
        ctx.scale = scale
        return keep(x, kept, scale)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (kept,) = ctx.saved_tensors
        return keep(gradient, kept, ctx.scale), None, None


def drop(x: torch.Tensor, rate: float, noise: Noise) -> torch.Tensor:
    """`x` with a share `rate` of its elements set to 0 and the others divided by the share kept."""
    dropped = round(rate * 65536)
    if dropped == 0:
        return x
    return DropoutFunction.apply(x, noise.kept(x.shape, rate), 65536 / (65536 - dropped))


class CheapDropout(nn.Module):
    """Stands in for `torch.nn.Dropout`."""

    def __init__(self, p: float, noise: Noise) -> None:
        super().__init__()
        self.p = p
        self.noise = noise

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return drop(x, self.p, self.noise) if self.training else x


def attention(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **_):
    """transformers' eager attention with the cheap dropout. query, key, value: (n, heads, length, head size)."""
    weights = torch.matmul(query, key.transpose(2, 3)) * (query.size(-1) ** -0.5 if scaling is None else scaling)
    if attention_mask is not None:
        weights = weights + attention_mask
    weights = torch.softmax(weights, dim=-1)
    weights = drop(weights, dropout, module.noise) if module.training else weights
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


def install(model: nn.Module) -> Noise:
    """Replaces the dropout layers of a transformers model on the CPU; returns the source of their bits."""
    # Not at the top: the model's classes come in by light_imports first.
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    noise = Noise()
    for module in list(model.modules()):
        module.noise = noise
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout):
                setattr(module, name, CheapDropout(child.p, noise))
    AttentionInterface.register(ATTENTION, attention)
    AttentionMaskInterface.register(ATTENTION, eager_mask)
    model.set_attn_implementation(ATTENTION)
    return noise
