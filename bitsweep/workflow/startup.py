"""The steps of a call on its folder of results before the first job: look it over, mend it, and lock it.

A call that runs no job changes nothing: it only reports what it has found.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from bitsweep.errors import UserError
from bitsweep.jobs.entry import JOBS_LOCK, SNAPSHOT
from bitsweep.locks import take, waited_for
from bitsweep.workflow.audit import Unusable, check_settings, find_damaged, find_failed, write_settings
from bitsweep.workflow.slurm import cancel_left_jobs

# How long a call waits for another one that is about to end: it may have had nothing to do.
PATIENCE_SECONDS = 3.0


class Startup:
    """The work of a call on its folder of results before the first job.

    `results` is the folder, `settings` are all that its results depend on.
    `check` raises UserError where the settings do not go with what is in the folder, except in the files that it is
    given, which are damaged.
    """

    def __init__(
        self, results: str, settings: dict, check: Callable[[Path, list[Path]], None] = lambda results, damaged: None
    ) -> None:
        self.results = Path(results)
        self.settings = settings
        self.check = check
        self.lock = None

    def take_lock(self) -> None:
        """Take the lock of the results until the process ends. Raises UserError where another call holds it."""
        message = f"Another call works on {self.results} in this folder: wait for its end, or stop it, and call again."
        end = time.monotonic() + PATIENCE_SECONDS
        while self.lock is None:
            try:
                # Snakemake's own lock outlives a killed Snakemake; this one ends with the process (profiles/default).
                self.lock = take(self.results / ".lock", message=message)
            except UserError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def find_unusable(self) -> list[Unusable]:
        """Return the files that must be made anew. Raises UserError where the results were made with other settings."""
        check_settings(self.results, self.settings)
        damaged = find_damaged(self.results)
        return [*damaged, *find_failed(self.results, {file.path for file in damaged})]

    @property
    def began(self) -> float:
        """When this call started its jobs, by the clock of the disk that the nodes of a cluster share."""
        settings = self.results / SNAPSHOT
        return settings.stat().st_mtime if settings.exists() else 0.0

    def look(self) -> list[Path]:
        """Report what is damaged or failed, and return these files, without changing anything."""
        if not self.results.exists():
            return []
        found = self.find_unusable()
        for file in found:
            print(f"Note: {file.why}. A call that runs jobs sets it aside, to be made anew.", file=sys.stderr)
        paths = [file.path for file in found]
        self.check(self.results, paths)
        return paths

    def mend(self) -> None:
        """Set damaged files and failed runs aside, so that they are made anew, and lock the results."""
        if not self.results.exists():
            return
        self.take_lock()
        for file in self.find_unusable():
            file.set_aside()
            print(f"Note: {file.why}. It is set aside as {file.aside.name}, to be made anew.", file=sys.stderr)
        self.check(self.results, [])

    def start(self) -> None:
        """Lock the results; wait for jobs that a killed call has left running, and cancel those in a Slurm cluster."""
        self.take_lock()
        cancel_left_jobs(self.results)
        waiting = f"Jobs of an earlier call still work on {self.results}: waiting for them."
        with waited_for(self.results / JOBS_LOCK, message=waiting):
            write_settings(self.results, self.settings)
