"""A user's mistake, told in one sentence instead of a traceback."""

import sys
from collections.abc import Callable

# As the C library says ENOSPC.
FULL_DISK = "No space left on device"


class UserError(Exception):
    """What the user can mend: the message names the key or file, the value and the remedy."""


def run(main: Callable[[], None]) -> None:
    """Calls a script's `main`; a `UserError` or a full disk becomes one line on standard error and exit status 1."""
    try:
        main()
    except UserError as error:
        sys.exit(f"Error: {error}")
    except Exception as error:
        # Writers have classes of their own for it.
        if FULL_DISK not in str(error):
            raise
        sys.exit(f"Error: {error}: free some space and call again; what is finished is kept.")
