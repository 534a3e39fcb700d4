"""What the rules of a pretraining ask of a machine or a cluster: MB of memory, minutes."""

import contextlib
import importlib.metadata
import math
import os
from pathlib import Path

from bitsweep.pretraining.settings import PackageTexts, PretrainingSettings
from bitsweep.training.estimates import GFLOPS


def corpus_mb(settings: PretrainingSettings) -> float:
    """The size of the files that the corpus is in, MB of 10^6 bytes; of what is not there 0."""
    total = 0
    for entry in settings.corpus:
        with contextlib.suppress(OSError, importlib.metadata.PackageNotFoundError):
            if isinstance(entry, PackageTexts):
                path = Path(str(importlib.metadata.distribution(entry.package).locate_file(entry.file)))
            else:
                path = Path(entry.path)
            total += sum(file.stat().st_size for file in (path.glob("*.txt") if path.is_dir() else [path]))
    return total / 1e6


def teaching_mb(weights: str, corpus: str) -> int:
    """Return the megabytes that a teacher asks for: its weights, what it computes, and its targets of a part."""
    size, texts = (os.path.getsize(path) / 1e6 for path in (weights, corpus))
    return int(3000 + 3 * size + 20 * texts)


def reading_minutes(weights: str, corpus: str, parts: int, most: float = math.inf) -> int:
    """Return the minutes that a teacher asks for to read one of so many parts of the corpus, at most `most` tokens."""
    # A token has 8 bytes.
    return teaching_minutes(os.path.getsize(weights), min(os.path.getsize(corpus) / 8 / parts, most))


def teaching_minutes(weights: float, tokens: float) -> int:
    """The minutes to ask for where a teacher of so many bytes of weights, float32, reads so many tokens on one core."""
    # Two operations a token for each parameter; as many again for attention, and where a part has more than its share.
    return math.ceil(20 + 2 * 2 * tokens * weights / 4 / (GFLOPS * 1e9) / 60)
