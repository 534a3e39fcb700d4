"""The way from texts to token ids, by the encoder's own tokenizer."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from bitsweep.files import read_json


def load_tokenizer(encoder: str | Path, max_length: int) -> Tokenizer:
    """Return the tokenizer of a prepared encoder's folder; texts are cut to `max_length` tokens, special ones included.

    Of a pair the longer text is cut first. Where there are no special tokens, as in GPT-2, the empty text becomes one
    token of padding, since it needs a prediction too.
    """
    tokenizer = Tokenizer.from_file(str(Path(encoder) / "tokenizer.json"))
    tokenizer.enable_truncation(max_length, strategy="longest_first")
    pad_id, pad_token = padding(encoder, tokenizer)
    tokenizer.enable_padding(length=1, pad_id=pad_id, pad_token=pad_token)
    return tokenizer


def padding(encoder: str | Path, tokenizer: Tokenizer) -> tuple[int, str]:
    """Return the id and the token of padding, as a prepared encoder's config names it.

    A config may leave out what is the default of its kind of encoder: then the token is the tokenizer's.
    """
    named = read_json(Path(encoder) / "tokenizer_config.json").get("pad_token")
    pad_id = read_json(Path(encoder) / "config.json").get("pad_token_id")
    if not isinstance(pad_id, int) or pad_id < 0:
        # Some configs write a token as a section with its settings.
        pad_id = tokenizer.token_to_id(named["content"] if isinstance(named, dict) else named or "") or 0
    return pad_id, tokenizer.id_to_token(pad_id) or "[PAD]"


class Encoding(NamedTuple):
    """A text's tokens and their types: int32 of shape (tokens,), a hundredth of the memory of `tokenizers.Encoding`."""

    ids: np.ndarray
    type_ids: np.ndarray


def encode(tokenizer: Tokenizer, texts: list[str] | list[tuple[str, str]], size: int = 1000) -> list[Encoding]:
    """Tokenize texts or pairs of them, `size` at a time, with a line of progress after each ten thousand."""
    encodings: list[Encoding] = []
    for start in range(0, len(texts), size):
        for found in tokenizer.encode_batch(texts[start : start + size]):
            encodings.append(Encoding(np.array(found.ids, np.int32), np.array(found.type_ids, np.int32)))
        if len(encodings) % 10_000 == 0:
            print(f"{len(encodings)} of {len(texts)} texts tokenized", flush=True)
    return encodings
