"""Locks that end with the process that holds them, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from bitsweep.errors import UserError


def take(path: Path, *, message: str) -> TextIO:
    """Take the lock of a file, which is held until the returned file is closed or the process ends.

    Raises UserError with `message` where another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UserError(message) from None
    except OSError:
        # The file system has no locks, and a sweep without them is better than none.
        pass
    return file


@contextmanager
def waited_for(path: Path, *, message: str) -> Iterator[None]:
    """Hold the lock of a file within the block; print `message` where that has to wait for another process."""
    try:
        file = take(path, message=message)
    except UserError:
        print(message, flush=True)
        file = path.open("a")
        fcntl.flock(file, fcntl.LOCK_EX)
    with file:
        yield
