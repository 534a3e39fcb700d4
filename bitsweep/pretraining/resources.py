"""The memory, in MB, and the minutes that the rules of a pretraining ask of a machine or a cluster."""

import contextlib
import importlib.metadata
import math
import os
from pathlib import Path

from bitsweep.data.folders import text_files
from bitsweep.pretraining.settings import PackageTexts, PretrainingSettings
from bitsweep.training.estimates import GFLOPS


def corpus_mb(settings: PretrainingSettings) -> float:
    """Return the size of the corpus's files in MB of 10^6 bytes; a file that is not there counts as 0."""
    total = 0
    for entry in settings.corpus:
        with contextlib.suppress(OSError, importlib.metadata.PackageNotFoundError):
            if isinstance(entry, PackageTexts):
                path = Path(str(importlib.metadata.distribution(entry.package).locate_file(entry.file)))
            else:
                path = Path(entry.path)
            total += sum(file.stat().st_size for file in (text_files(path) if path.is_dir() else [path]))
    return total / 1e6


def teaching_mb(weights: str, corpus: str) -> int:
    """Return the memory in MB to ask for a teacher: for its weights, its computation, and its targets of a part."""
    size, texts = (os.path.getsize(path) / 1e6 for path in (weights, corpus))
    return int(3000 + 3 * size + 20 * texts)


def reading_minutes(weights: str, corpus: str, parts: int, most: float = math.inf) -> int:
    """Return the minutes to ask for where a teacher reads one of `parts` parts of the corpus, at most `most` tokens."""
    # A token takes 8 bytes of the corpus's file.
    return teaching_minutes(os.path.getsize(weights), min(os.path.getsize(corpus) / 8 / parts, most))


def teaching_minutes(weights: float, tokens: float) -> int:
    """Return the minutes to ask for where a teacher of `weights` bytes of float32 reads `tokens` tokens on one core."""
    # A token needs two operations for each parameter. As many again are for attention, and for parts that are larger
    # than others.
    return math.ceil(20 + 2 * 2 * tokens * weights / 4 / (GFLOPS * 1e9) / 60)
