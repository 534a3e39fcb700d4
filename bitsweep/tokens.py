"""Tokenized splits: ragged arrays in one file, memory-mapped by every run that reads them."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from bitsweep.files import whole_file


@dataclass(frozen=True)
class Tokens:
    """One tokenized split of n examples.

    `input_ids` and `token_type_ids` (int32) hold all examples one behind the other; example i lies at
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

    def to(self, device: str) -> "Tokens":
        """The same split with its tokens and labels on a device."""
        names = ("input_ids", "token_type_ids", "labels")
        return self if device == "cpu" else replace(self, **{name: getattr(self, name).to(device) for name in names})

    def subset(self, indices: np.ndarray) -> "Tokens":
        """The examples at `indices`, in that order, in memory."""
        lengths = self.lengths[indices]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][indices] - offsets[:-1], lengths)
        return Tokens(self.input_ids[places], self.token_type_ids[places], offsets, self.labels[indices])

    def padded(self, indices: np.ndarray, pad_id: int, width: int | None = None) -> dict[str, torch.Tensor]:
        """The examples as a rectangle of shape (len(indices), width or the longest), as the encoder takes them."""
        device = self.input_ids.device
        lengths = self.lengths[indices]
        columns = np.arange(width or int(lengths.max()))
        within = columns < lengths[:, None]
        # Places behind an example's end are any that exist: they are overwritten.
        places = np.where(within, self.offsets[:-1][indices][:, None] + columns, 0)
        mask, places = (torch.from_numpy(array).to(device) for array in (within, places))
        return {
            "input_ids": self.input_ids[places].long().masked_fill_(~mask, pad_id),
            "token_type_ids": self.token_type_ids[places].long().masked_fill_(~mask, 0),
            "attention_mask": mask.long(),
        }


def save_tokens(path: str | Path, encodings: list, labels: list[int]) -> None:
    """Writes `tokenization.Encoding`s and their labels."""
    lengths = [len(encoding.ids) for encoding in encodings]
    tensors = {
        "input_ids": torch.tensor(np.concatenate([e.ids for e in encodings]), dtype=torch.int32),
        "token_type_ids": torch.tensor(np.concatenate([e.type_ids for e in encodings]), dtype=torch.int32),
        "offsets": torch.tensor(np.concatenate([[0], np.cumsum(lengths)]), dtype=torch.int64),
        "labels": torch.tensor(labels, dtype=torch.int64),
    }
    with whole_file(path) as part:
        save_file(tensors, part)


def load_tokens(path: str | Path) -> Tokens:
    """Maps a file that `save_tokens` wrote; pages are read as they are used."""
    with safe_open(path, framework="pt") as file:
        return Tokens(
            input_ids=file.get_tensor("input_ids"),
            token_type_ids=file.get_tensor("token_type_ids"),
            offsets=file.get_tensor("offsets").numpy(),
            labels=file.get_tensor("labels"),
        )
