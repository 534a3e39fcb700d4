"""The tokens of a teacher's tokenizer that are no pieces of a text, and the pieces that may stand in for others."""

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
    """Return the ids of the tokens before and behind a text. Raises UserError where there are not two in all."""
    ends = tokenizer.encode("").ids
    if len(ends) != 2:
        raise UserError(
            f"pretrain.teacher puts {len(ends)} tokens around a text, where a BERT puts two: name another teacher."
        )
    return ends[0], ends[1]


def mask_of(tokenizer: Tokenizer, config: dict, vocabulary: int) -> int:
    """Return the id of the mask token, which hides a piece; `vocabulary` is how many tokens the model has.

    `config` is the tokenizer's. Raises UserError where there is no mask token.
    """
    name = config.get("mask_token") or "[MASK]"
    mask = tokenizer.token_to_id(name["content"] if isinstance(name, dict) else name)
    # To a tokenizer without a mask token transformers adds one, with an id that the model does not have.
    if mask is None or mask >= vocabulary:
        raise UserError("pretrain.teacher has a tokenizer without a mask token: name another teacher.")
    return mask


def special_tokens(teacher: Path, padding: int, vocabulary: int) -> Special:
    """Return the special tokens of a teacher; they stand at its vocabulary's start, as BERT's own, its end, or both."""
    tokenizer = Tokenizer.from_file(str(teacher / "tokenizer.json"))
    first, last = special_ends(tokenizer)
    mask = mask_of(tokenizer, read_json(teacher / "tokenizer_config.json"), vocabulary)
    special = (first, last, mask, padding)
    start = 1 + max((token for token in special if token < vocabulary // 2), default=-1)
    end = min((token for token in special if token >= vocabulary // 2), default=vocabulary)
    return Special(first, last, mask, padding, words=(start, end))
