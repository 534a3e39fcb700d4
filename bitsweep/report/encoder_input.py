"""The tokens that the encoder reads, for the report."""

from pathlib import Path

import pandas as pd

from bitsweep.data.tokenizer import load_tokenizer, padding

SENTENCES = ["Hello world!", "How are you?"]
REVIEWS = 3


def shortest_texts(texts: list, count: int) -> list:
    """Return the `count` shortest texts or pairs of them, each once: short enough to be shown whole."""

    def characters(text: str | tuple[str, str]) -> int:
        return len(text) if isinstance(text, str) else sum(map(len, text))

    return sorted(dict.fromkeys(texts), key=characters)[:count]


def encoder_inputs(encoder: str | Path, max_length: int, texts: list) -> pd.DataFrame:
    """Return the arrays that the encoder takes, one row a token; `texts` are the training split's, or pairs of them.

    Columns: group (`sentences`, `pair` or `reviews`; each group is padded to its longest), text, position, token,
    input_ids, token_type_ids, attention_mask.
    """
    tokenizer = load_tokenizer(encoder, max_length)
    groups = {
        "sentences": list(SENTENCES),
        "pair": [tuple(SENTENCES)],
        "reviews": shortest_texts(texts, REVIEWS),
    }
    pad_id, pad_token = padding(encoder, tokenizer)
    tokenizer.enable_padding(pad_id=pad_id, pad_token=pad_token)
    rows = []
    for group, members in groups.items():
        for member, encoding in zip(members, tokenizer.encode_batch(members), strict=True):
            text = member if isinstance(member, str) else " | ".join(member)
            arrays = zip(encoding.tokens, encoding.ids, encoding.type_ids, encoding.attention_mask, strict=True)
            rows += [(group, text, position, *values) for position, values in enumerate(arrays)]
    columns = ["group", "text", "position", "token", "input_ids", "token_type_ids", "attention_mask"]
    return pd.DataFrame(rows, columns=columns)
