"""Errors that a user can correct, each explained in one sentence."""

# The C library's words for ENOSPC, which the errors of Python and of other libraries contain.
FULL_DISK = "No space left on device"


class UserError(Exception):
    """An error that the user can correct: the message names the key or file, the value and the remedy."""


def in_short(error: Exception) -> str:
    """Return an error's kind and the first 300 characters of its message, on one line.

    Where the disk is full, the error itself is raised again: `jobs.entry.run` has a sentence of its own for it.
    """
    if FULL_DISK in str(error):
        raise error
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300] or 'no reason given'}"
