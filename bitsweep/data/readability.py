"""What the encoder cannot read in texts: pieces that it does not know, and texts that it takes for the same one."""

import hashlib
import json
from typing import NamedTuple

from tokenizers import Tokenizer

from bitsweep.data.tokenizer import Encoding
from bitsweep.errors import UserError

# Above the first share it is told before any training; above the second one training would be on noise.
MANY, MOST = 0.05, 0.5


class Readability(NamedTuple):
    """Counts of texts (or pairs) as the encoder reads them, cut to the maximal length.

    `pieces` are tokens without special ones, `unknown` those that are the tokenizer's unknown token, and `alike` texts
    that are read as an earlier one is, although what they say differs.
    """

    texts: int
    pieces: int
    unknown: int
    alike: int

    @property
    def unknown_share(self) -> float:
        return self.unknown / max(self.pieces, 1)

    @property
    def alike_share(self) -> float:
        return self.alike / max(self.texts, 1)


def count_unread(tokenizer: Tokenizer, texts: list, encodings: list[Encoding]) -> Readability:
    """Count what the encoder cannot read; `encodings` are those that `encode` made of the texts or pairs.

    From then on the tokenizer cuts no text.
    """
    special = tokenizer.num_special_tokens_to_add(bool(texts) and not isinstance(texts[0], str))
    pieces = sum(len(encoding.ids) - special for encoding in encodings)
    unknown = unknown_id(tokenizer)
    missed = 0 if unknown is None else sum(int((encoding.ids == unknown).sum()) for encoding in encodings)
    return Readability(len(texts), pieces, missed, count_alike(tokenizer, texts, encodings, unknown))


def unknown_id(tokenizer: Tokenizer) -> int | None:
    """Return the id of the token that stands for what the tokenizer does not know; None where it knows all bytes."""
    # Of Unigram models the library gives the id in their JSON alone.
    model = json.loads(tokenizer.to_str())["model"]
    found = model.get("unk_id") if model["type"] == "Unigram" else tokenizer.token_to_id(model.get("unk_token") or "")
    # Tokenizers of bytes, which know every text, may name a token that ends or pads texts, as GPT-2 does.
    return None if found in tokenizer.encode("").ids else found


def count_alike(tokenizer: Tokenizer, texts: list, encodings: list[Encoding], unknown: int | None) -> int:
    """Count the texts that are read as an earlier one is, although they differ in unknown pieces or behind the cut.

    Texts that differ only in what the tokenizer leaves out on purpose, such as capitals or the width of spaces, say the
    same to the encoder, and do not count.
    """
    tokenizer.no_truncation()
    groups: dict[bytes, list[int]] = {}
    for row, encoding in enumerate(encodings):
        # A digest, since a large split's tokens should not be in memory twice.
        read = hashlib.blake2b(encoding.ids.tobytes() + encoding.type_ids.tobytes(), digest_size=16).digest()
        groups.setdefault(read, []).append(row)
    alike = 0
    for rows in groups.values():
        distinct = {texts[row] for row in rows}
        if len(distinct) > 1:
            said = {text: what_is_said(tokenizer, text, unknown) for text in distinct}
            first = said[texts[rows[0]]]
            # From the first text on that differs from the first of all, each has an earlier one that differs.
            alike += len(rows) - next((n for n, row in enumerate(rows) if said[texts[row]] != first), len(rows))
    return alike


def what_is_said(tokenizer: Tokenizer, text: str | tuple[str, str], unknown: int | None) -> tuple:
    """Return the tokens of a whole text or pair, those that are unknown as they are spelled, in the usual spelling."""
    parts = (text,) if isinstance(text, str) else text
    encoding = tokenizer.encode(*parts)
    normalize = tokenizer.normalizer.normalize_str if tokenizer.normalizer else str
    said = list(encoding.ids)
    for place in [place for place, token in enumerate(encoding.ids) if token == unknown]:
        start, end = encoding.offsets[place]
        said[place] = normalize(parts[encoding.token_to_sequence(place) or 0][start:end])
    return tuple(said)


def check_readable(found: Readability, whose: str, *, message: str) -> None:
    """Raise UserError where the encoder cannot read most of the texts of `whose`; `message` says what to do then."""
    if found.unknown_share > MOST:
        raise UserError(
            f"{100 * found.unknown_share:.0f} % of the word pieces of {whose} are unknown to the encoder, which reads "
            f"them all as one and the same: {message}."
        )
    if found.alike_share > MOST:
        raise UserError(
            f"{100 * found.alike_share:.0f} % of the texts of {whose} are for the encoder the same as an earlier one "
            "that differs, in pieces unknown to it or behind the cut: raise max_length where that cuts them, or "
            f"{message}."
        )


def print_unread(found: Readability, whose: str) -> None:
    """Print a note where the encoder cannot read many of the texts of `whose`."""
    if found.unknown_share > MANY:
        print(
            f"Note: {100 * found.unknown_share:.0f} % of the word pieces of {whose} are unknown to the encoder, which "
            "reads them all as one and the same."
        )
    elif found.alike_share > MANY:
        print(
            f"Note: {100 * found.alike_share:.0f} % of the texts of {whose} are for the encoder the same as an earlier "
            "one that differs, in pieces unknown to it or behind the cut."
        )
