"""The user's mistakes, each told in one sentence."""

# As the C library says ENOSPC.
FULL_DISK = "No space left on device"


class UserError(Exception):
    """What the user can mend: the message names the key or file, the value and the remedy."""


def in_short(error: Exception) -> str:
    """Return an error's kind and the beginning of what it says, on one line.

    A full disk is raised again: `jobs.entry.run` has a sentence of its own for it.
    """
    if FULL_DISK in str(error):
        raise error
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300] or 'no reason given'}"
