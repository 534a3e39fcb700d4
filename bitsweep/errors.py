"""A user's mistake, told in one sentence instead of a traceback."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """What the user can mend: the message names the key or file, the value and the remedy."""


def run(main: Callable[[], None]) -> None:
    """Calls a script's `main`; a `UserError` becomes one line on standard error and exit status 1."""
    try:
        main()
    except UserError as error:
        sys.exit(f"Error: {error}")
