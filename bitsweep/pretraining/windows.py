"""Texts cut into windows that a student can read, between the special tokens of its teacher's tokenizer."""

import numpy as np
from tokenizers import Tokenizer

from bitsweep.data.tokenizer import Encoding
from bitsweep.pretraining.special_tokens import special_ends

# A teacher's principal components are those of its hidden states on at most so many windows.
SAMPLE = 1200


def tokenize(tokenizer: Tokenizer, texts: list[str], positions: int) -> tuple[list[Encoding], list[int]]:
    """Return windows of at most `positions` tokens, special ones included, and the number of each window's text.

    A long text becomes windows of like lengths.
    """
    first, last = special_ends(tokenizer)
    windows, owners = [], []
    for start in range(0, len(texts), 1000):
        for number, found in enumerate(tokenizer.encode_batch(texts[start : start + 1000], add_special_tokens=False)):
            pieces = np.array(found.ids, np.int32)
            parts = np.array_split(pieces, -(-len(pieces) // (positions - 2))) if len(pieces) else []
            for part in parts:
                ids = np.concatenate([[first], part, [last]]).astype(np.int32)
                windows.append(Encoding(ids, np.zeros_like(ids)))
                owners.append(start + number)
    return windows, owners
