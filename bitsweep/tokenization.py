"""Texts to token ids, by the encoder's own tokenizer."""

from pathlib import Path

from tokenizers import Encoding, Tokenizer


def load_tokenizer(encoder: str | Path, max_length: int) -> Tokenizer:
    """The tokenizer of a prepared encoder's folder; texts are cut to `max_length` tokens, special ones included.

    Of a pair the longer text is cut first.
    """
    tokenizer = Tokenizer.from_file(str(Path(encoder) / "tokenizer.json"))
    tokenizer.enable_truncation(max_length, strategy="longest_first")
    tokenizer.no_padding()
    return tokenizer


def encode(tokenizer: Tokenizer, texts: list[str] | list[tuple[str, str]], size: int = 1000) -> list[Encoding]:
    """Tokenizes texts or pairs of them, `size` at a time, with a line of progress each ten thousand."""
    encodings: list[Encoding] = []
    for start in range(0, len(texts), size):
        encodings += tokenizer.encode_batch(texts[start : start + size])
        if len(encodings) % 10_000 == 0:
            print(f"{len(encodings)} of {len(texts)} texts tokenized", flush=True)
    return encodings
