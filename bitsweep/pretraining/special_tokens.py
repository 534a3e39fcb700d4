"""The tokens of a teacher's tokenizer that are no piece of a text, and the pieces that may stand in for others."""

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from bitsweep.errors import UserError
from bitsweep.files import read_json


@dataclass(frozen=True)
class Special:
    """The ids of the tokenizer's own tokens; pieces from `words[0]` on, and before `words[1]`, stand in for others."""

    first: int
    last: int
    mask: int
    padding: int
    words: tuple[int, int]


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


def special_tokens(teacher: Path, padding: int, vocabulary: int) -> Special:
    """The special tokens of a teacher, which are at its vocabulary's start (BERT's own), end, or both."""
    tokenizer = Tokenizer.from_file(str(teacher / "tokenizer.json"))
    first, last = special_ends(tokenizer)
    mask = mask_of(tokenizer, read_json(teacher / "tokenizer_config.json"), vocabulary)
    special = (first, last, mask, padding)
    start = 1 + max((token for token in special if token < vocabulary // 2), default=-1)
    end = min((token for token in special if token >= vocabulary // 2), default=vocabulary)
    return Special(first, last, mask, padding, words=(start, end))
