"""Random numbers by counter: every stream has a name, and none depends on what was drawn before it."""

import hashlib

import numpy as np


def stream_key(*name: int | str) -> int:
    """Return a 128-bit key for the stream called `name`, such as `(seed, "order", epoch)`."""
    text = "/".join(str(part) for part in name)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def generator(*name: int | str) -> np.random.Generator:
    """Return numpy's Philox under the key of `name` (counter-based: Salmon et al., 2011, "Parallel random numbers")."""
    return np.random.Generator(np.random.Philox(key=stream_key(*name)))
