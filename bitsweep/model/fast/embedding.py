"""Word embeddings whose gradient takes time for the batch's tokens, not for the whole vocabulary.

torch fills a gradient of the whole table for every micro-batch, which takes a quarter of the time of a small encoder's
training.
"""

import torch
from torch import nn
from torch.nn.functional import embedding


class RowLookup(torch.autograd.Function):
    """The lookup of rows; its backward pass adds their gradients to `weight.grad` in place."""

    @staticmethod
    def forward(ctx, weight: torch.Tensor, ids: torch.Tensor, padding: int | None) -> torch.Tensor:
        ctx.save_for_backward(ids)
        ctx.weight = weight
        ctx.padding = padding
        return embedding(ids, weight)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[None, None, None]:
        (ids,) = ctx.saved_tensors
        ids, rows = ids.flatten(), gradient.flatten(0, -2)
        if ctx.padding is not None:
            rows = rows.masked_fill((ids == ctx.padding)[:, None], 0)
        ctx.weight.grad.index_add_(0, ids, rows.to(ctx.weight.dtype))
        return None, None, None


class RowGradientEmbedding(nn.Module):
    """A replacement for an `nn.Embedding` whose `weight.grad` exists before the first backward pass."""

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        self.weight = table.weight
        self.padding_idx = table.padding_idx

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled() and self.weight.requires_grad:
            return RowLookup.apply(self.weight, ids, self.padding_idx)
        return embedding(ids, self.weight)


def install(model: nn.Module) -> None:
    """Replace a transformers model's word embeddings, where they are a plain `nn.Embedding`."""
    table = model.get_input_embeddings()
    if type(table) is nn.Embedding and table.max_norm is None and not table.scale_grad_by_freq:
        model.set_input_embeddings(RowGradientEmbedding(table))
