"""transformers' eager attention as one function with its own backward pass, made for a CPU's caches.

The scores of a few examples at a time stay in the cache from the product that makes them to the product that uses them,
and all scaling is part of the products. Numbers stay in the queries' format, while autocast would widen them to float32
for the softmax alone; within the softmax and the products torch computes in float32 as always.
"""

import sys

import torch
from torch import nn

from bitsweep.model.fast.dropout import levels, mask_, scale_of, to_mask

NAME = "bitsweep"
# The bytes of scores that are computed at a time: about the size of a core's second-level cache.
BLOCK_BYTES = 2**20
# By these arguments some decoders change the scores further: such calls go to the decoder's own eager attention.
OTHER_SCORES = ("block_indices", "indices", "position_bias", "s_aux", "sinks", "softcap")


def product(left: torch.Tensor, right: torch.Tensor, alpha: float) -> torch.Tensor:
    """Return `alpha` times the products of (n, rows, inner) and (n, inner, columns), scaled while in registers."""
    return torch.baddbmm(left.new_empty(1, 1, 1), left, right, beta=0, alpha=alpha)


def matrices(x: torch.Tensor) -> torch.Tensor:
    """Return `x`, of shape (n, heads, rows, columns), as contiguous (n * heads, rows, columns)."""
    return x.reshape(-1, *x.shape[2:]).contiguous()


def blocks(examples: int, largest: int) -> list[slice]:
    """Cut examples into blocks of 1, 2, 4, ... up to `largest`: few sizes, as products are compiled for each."""
    parts, start = [], 0
    while start < examples:
        size = 2 ** (min(largest, examples - start).bit_length() - 1)
        parts.append(slice(start, start + size))
        start += size
    return parts


class Attention(torch.autograd.Function):
    """The function dropout(softmax(scaling query key^T + bias)) value, all of shape (n, heads, length, head size).

    `bias` is None or broadcasts to (n, heads, length, length). `mask` is None or the numbers that `Noise.draw` gave for
    the scores, which become dropout's mask in place.
    """

    @staticmethod
    def forward(ctx, query, key, value, bias, scaling, mask, rate):
        n, heads, length, _ = query.shape
        scores_bytes = heads * length * key.shape[2] * query.element_size()
        size = max(1, BLOCK_BYTES // scores_bytes)
        ctx.blocks = blocks(n, size)
        ctx.scaling, ctx.scale = scaling, 1.0 if mask is None else scale_of(rate)
        # The layout that the next layer takes: (n, length, heads, head size).
        output = query.new_empty(n, length, heads, value.shape[3]).transpose(1, 2)
        probabilities = []
        with torch.autocast("cpu", enabled=False):
            for block in ctx.blocks:
                q, k, v = (matrices(x[block]) for x in (query, key, value))
                if bias is None:
                    scores = product(q, k.mT, scaling)
                else:
                    added = bias[block].expand(-1, heads, length, -1).flatten(0, 1)
                    scores = torch.baddbmm(added, q, k.mT, alpha=scaling)
                probability = torch.softmax(scores, -1)
                probabilities.append(probability)
                if mask is not None:
                    part = to_mask(mask[block], rate).flatten(0, 1)
                    probability = mask_(probability.clone(), part)
                output[block] = product(probability, v, ctx.scale).view(output[block].shape)
        ctx.save_for_backward(query, key, value, mask, *probabilities)
        return output

    @staticmethod
    def backward(ctx, gradient):
        query, key, value, mask, *probabilities = ctx.saved_tensors
        gradients = [torch.empty_like(x) for x in (query, key, value)]
        for block, probability in zip(ctx.blocks, probabilities, strict=True):
            q, k, v, g = (matrices(x[block]) for x in (query, key, value, gradient))
            dropped, towards = probability, product(g, v.mT, ctx.scale)
            if mask is not None:
                part = mask[block].flatten(0, 1)
                dropped = mask_(probability.clone(), part)
                mask_(towards, part)
            by_score = torch._softmax_backward_data(towards, probability, -1, probability.dtype)
            parts = (
                product(by_score, k, ctx.scaling),
                product(by_score.mT, q, ctx.scaling),
                product(dropped.mT, g, ctx.scale),
            )
            for whole, part in zip(gradients, parts, strict=True):
                whole[block] = part.view(whole[block].shape)
        return *gradients, None, None, None, None


def additive(mask: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    """Return a mask in the form that is added to the scores: 0 where to look, the lowest number elsewhere."""
    lowest = torch.finfo(dtype).min
    if mask is None or mask.dtype == dtype:
        return mask
    if mask.dtype == torch.bool:
        return torch.zeros(mask.shape, dtype=dtype).masked_fill_(~mask, lowest)
    # Without this limit, float32's lowest number would become minus infinity in bfloat16.
    return mask.clamp(min=lowest).to(dtype)


def attend(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **others):
    """Return the output of attention, called through transformers' interface for attention functions.

    query, key, value: (n, heads, length, head size); output: (n, length, heads, head size).
    """
    rate = dropout if module.training else 0.0
    # Rotary positions make queries and keys float32, while autocast has made the values bfloat16.
    query, key = query.to(value.dtype), key.to(value.dtype)
    attention_mask = additive(attention_mask, query.dtype)
    trained_mask = attention_mask is not None and attention_mask.requires_grad
    if trained_mask or any(others.get(name) is not None for name in OTHER_SCORES):
        eager = sys.modules[type(module).__module__].eager_attention_forward
        return eager(module, query, key, value, attention_mask, scaling=scaling, dropout=rate, **others)
    # Where several heads of queries share one of keys and values, each gets its own copy.
    key, value = (x.repeat_interleave(query.shape[1] // x.shape[1], 1) for x in (key, value))
    scaling = query.size(-1) ** -0.5 if scaling is None else scaling
    mask = None
    if levels(rate):
        mask = module.noise.draw(torch.Size([*query.shape[:3], key.shape[2]]))
    output = Attention.apply(query, key, value, attention_mask, scaling, mask, rate)
    return output.transpose(1, 2), None


def install(model: nn.Module) -> None:
    """Let a transformers model on the CPU use `attend`, if its attention can be chosen by name.

    Its modules need their `noise` (`dropout.install`).
    """
    # These imports are not at the top, because light_imports has to import the model's classes first.
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import bidirectional_mask_function, sdpa_mask

    def mask(*, mask_function, attention_mask, kv_length, **options):
        plain = mask_function is bidirectional_mask_function and attention_mask is not None
        if plain and attention_mask.shape[-1] == kv_length:
            # All queries of a text see the same keys, so that a mask of (n, 1, 1, keys) is enough, or none at all where
            # nothing is padded.
            return None if attention_mask.all() else attention_mask.bool()[:, None, None, :]
        options["allow_is_causal_skip"] = False
        return sdpa_mask(mask_function=mask_function, attention_mask=attention_mask, kv_length=kv_length, **options)

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, mask)
    model.set_attn_implementation(NAME)
