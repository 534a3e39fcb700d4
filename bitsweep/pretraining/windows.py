"""Texts cut into windows that a student can read, between the special tokens of its teacher's tokenizer."""

import numpy as np
from tokenizers import Tokenizer

from bitsweep.data.tokenizer import Encoding
from bitsweep.errors import UserError


def tokenize(tokenizer: Tokenizer, texts: list[str], positions: int) -> tuple[list[Encoding], list[int]]:
    """Windows of at most `positions` tokens, special ones included, and the number of the text that each is from.

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


def special_ends(tokenizer: Tokenizer) -> tuple[int, int]:
    """The ids that stand before and behind a text. Raises UserError where a tokenizer has others."""
    ends = tokenizer.encode("").ids
    if len(ends) != 2:
        raise UserError(
            f"pretrain.teacher puts {len(ends)} tokens around a text, where a BERT puts two: name another teacher."
        )
    return ends[0], ends[1]


def mask_of(tokenizer: Tokenizer, config: dict, vocabulary: int) -> int:
    """The id of the token that hides a piece, of a model with so many; `config` is the tokenizer's.

    Raises UserError where there is none.
    """
    name = config.get("mask_token") or "[MASK]"
    mask = tokenizer.token_to_id(name["content"] if isinstance(name, dict) else name)
    # transformers gives a tokenizer without one an id that its model does not have.
    if mask is None or mask >= vocabulary:
        raise UserError("pretrain.teacher has a tokenizer without a mask token: name another teacher.")
    return mask
