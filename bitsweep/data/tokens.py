"""Tokenized splits: ragged arrays in one file, memory-mapped by every run that reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from bitsweep.files import whole_file

if TYPE_CHECKING:
    # Splits are tokenized and counted without torch, whose import takes a second.
    import torch


@dataclass(frozen=True)
class Tokens:
    """One tokenized split of n examples.

    `input_ids` and `token_type_ids` (int32) hold all examples one after the other; example i lies at
    `offsets[i]:offsets[i + 1]`. `offsets` is int64 of shape (n + 1,), `labels` int64 of shape (n,).
    """

    input_ids: torch.Tensor
    token_type_ids: torch.Tensor
    offsets: np.ndarray
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example, special ones included: int64 of shape (n,)."""
        return np.diff(self.offsets)

    def to(self, device: str) -> Tokens:
        """Return the same split with its tokens and labels on a device."""
        names = ("input_ids", "token_type_ids", "labels")
        return self if device == "cpu" else replace(self, **{name: getattr(self, name).to(device) for name in names})

    def subset(self, indices: np.ndarray) -> Tokens:
        """Return the examples at `indices`, in that order, in memory."""
        lengths = self.lengths[indices]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][indices] - offsets[:-1], lengths)
        return Tokens(self.input_ids[places], self.token_type_ids[places], offsets, self.labels[indices])

    def padded(self, indices: np.ndarray, pad_id: int, width: int | None = None) -> dict[str, torch.Tensor]:
        """Return examples as the encoder takes them: rectangles of shape (len(indices), `width` or the longest)."""
        import torch

        device = self.input_ids.device
        lengths = self.lengths[indices]
        columns = np.arange(width or int(lengths.max()))
        within = columns < lengths[:, None]
        # Behind an example's end any place will do, since what it gives is overwritten.
        places = np.where(within, self.offsets[:-1][indices][:, None] + columns, 0)
        mask, places = (torch.from_numpy(array).to(device) for array in (within, places))
        return {
            "input_ids": self.input_ids[places].long().masked_fill_(~mask, pad_id),
            "token_type_ids": self.token_type_ids[places].long().masked_fill_(~mask, 0),
            "attention_mask": mask.long(),
        }


def save_tokens(path: str | Path, encodings: list, labels: list[int]) -> None:
    """Write the encodings of `tokenizer.encode`, and their labels."""
    lengths = [len(encoding.ids) for encoding in encodings]
    arrays = {
        "input_ids": np.concatenate([e.ids for e in encodings], dtype=np.int32),
        "token_type_ids": np.concatenate([e.type_ids for e in encodings], dtype=np.int32),
        "offsets": np.concatenate([[0], np.cumsum(lengths)], dtype=np.int64),
        "labels": np.array(labels, dtype=np.int64),
    }
    with whole_file(path) as part:
        save_file(arrays, part)


def to_tokens(encodings: list) -> Tokens:
    """Return encodings, of `tokenizer.encode` or of tokenizers, as a split in memory, whose labels are all 0."""
    import torch

    return Tokens(
        input_ids=torch.tensor(np.concatenate([e.ids for e in encodings]), dtype=torch.int32),
        token_type_ids=torch.tensor(np.concatenate([e.type_ids for e in encodings]), dtype=torch.int32),
        offsets=np.concatenate([[0], np.cumsum([len(e.ids) for e in encodings])]),
        labels=torch.zeros(len(encodings), dtype=torch.int64),
    )


def load_tokens(path: str | Path) -> Tokens:
    """Map a file that `save_tokens` wrote; pages are read as they are used."""
    with safe_open(path, framework="pt") as file:
        return Tokens(
            input_ids=file.get_tensor("input_ids"),
            token_type_ids=file.get_tensor("token_type_ids"),
            offsets=file.get_tensor("offsets").numpy(),
            labels=file.get_tensor("labels"),
        )


def count_examples(path: str | Path) -> int:
    """Return the number of examples in a file that `save_tokens` wrote."""
    with safe_open(path, framework="numpy") as file:
        return file.get_slice("labels").get_shape()[0]
