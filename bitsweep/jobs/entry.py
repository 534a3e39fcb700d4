"""The frame of every script: a user's mistake ends it with one sentence, and later calls can see that it is at work."""

import fcntl
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bitsweep.errors import FULL_DISK, UserError
from bitsweep.files import read_json

# The file in a folder of results that all its jobs lock while they work; they share the lock.
JOBS_LOCK = ".jobs"
# The environment variable that names the folder that jobs work on. It is no param, since it is the same for all
# scripts, and a script that is run by hand has none.
RESULTS = "BITSWEEP_RESULTS"
# The file of the settings that an experiment's results were made with, which a call writes before its first job.
SNAPSHOT = ".settings.json"


def run(main: Callable[[], None]) -> None:
    """Call a script's `main`; a `UserError`, a full disk or Ctrl-C becomes one line on standard error.

    The exit status is 1, and after Ctrl-C that of SIGINT.
    """
    # scripts/__init__.py sets this while modules are imported, and explains it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with at_work():
            main()
    except UserError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        going_on = ": what is finished is kept, and the same call goes on" if os.environ.get(RESULTS) else ""
        print(f"Interrupted{going_on}.", file=sys.stderr, flush=True)
        # As Python itself ends: a shell that runs several commands then stops as well.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except Exception as error:
        # Libraries that write files have error classes of their own for a full disk.
        if FULL_DISK not in str(error):
            raise
        sys.exit(f"Error: {error}: free some space and call again; what is finished is kept.")


@contextmanager
def at_work() -> Iterator[None]:
    """Show later calls, by a lock in the folder that `prepare_jobs` names, that a job is at work on its files."""
    results = os.environ.get(RESULTS)
    if not results:
        # The script is run by hand.
        yield
        return
    Path(results).mkdir(parents=True, exist_ok=True)
    with Path(results, JOBS_LOCK).open("a") as file:
        # Some file systems have no locks, and a sweep without them is better than none.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_SH)
        yield


def settings_at_hand() -> dict:
    """Return the settings of the experiment that this job works for, for the wording of what it tells.

    Another value here makes nothing stale, so what a job computes by is its params. A script by hand has no settings.
    """
    results = os.environ.get(RESULTS)
    snapshot = Path(results, SNAPSHOT) if results else None
    return read_json(snapshot) if snapshot and snapshot.is_file() else {}
