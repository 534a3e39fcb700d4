"""Tokenized splits: ragged arrays in one file, memory-mapped by every run that reads them."""

from dataclasses import dataclass
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

    def padded(self, indices: np.ndarray, pad_id: int, width: int | None = None) -> dict[str, torch.Tensor]:
        """The examples as a rectangle of shape (len(indices), width or the longest), as the encoder takes them."""
        lengths = self.lengths[indices]
        shape = (len(indices), width or int(lengths.max()))
        batch = {
            "input_ids": torch.full(shape, pad_id, dtype=torch.long),
            "token_type_ids": torch.zeros(shape, dtype=torch.long),
            "attention_mask": torch.zeros(shape, dtype=torch.long),
        }
        for row, (index, length) in enumerate(zip(indices, lengths, strict=True)):
            start = self.offsets[index]
            batch["input_ids"][row, :length] = self.input_ids[start : start + length]
            batch["token_type_ids"][row, :length] = self.token_type_ids[start : start + length]
            batch["attention_mask"][row, :length] = 1
        return batch


def save_tokens(path: str | Path, encodings: list, labels: list[int]) -> None:
    """Writes `tokenizers.Encoding`s and their labels."""
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
