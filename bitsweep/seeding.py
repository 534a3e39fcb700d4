"""Random numbers by counter: every stream is named, none depends on what was drawn before it."""

import hashlib

import numpy as np


def stream_key(*name: int | str) -> int:
    """A 128-bit key for the stream called `name`, such as `(seed, "order", epoch)`."""
    text = "/".join(str(part) for part in name)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def generator(*name: int | str) -> np.random.Generator:
    """numpy's Philox (counter-based: Salmon et al., 2011, "Parallel random numbers") under the key of `name`."""
    return np.random.Generator(np.random.Philox(key=stream_key(*name)))
