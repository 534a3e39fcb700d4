"""One call of Snakemake on an experiment: what it does before its first job, besides what Snakemake does."""

import sys
from pathlib import Path

from bitsweep.audit import check_records, note_settings, set_aside_damaged, set_aside_failed
from bitsweep.data import check_limits
from bitsweep.errors import UserError
from bitsweep.files import read_json
from bitsweep.locking import take

RECORDS = Path(".snakemake", "metadata")


class Sweep:
    """`results` is the experiment's folder, `outputs` are its runs' results, `settings` all that these depend on."""

    def __init__(self, results: str, outputs: list[str], settings: dict) -> None:
        self.results = Path(results)
        self.outputs = [Path(output) for output in outputs]
        self.settings = settings
        self.rows = self.results / "data" / "rows.json"
        self.lock = None

    def take_lock(self) -> None:
        # Snakemake's own lock outlives a killed Snakemake; this one ends with the process (see profiles/default).
        message = (
            f"Another sweep of {self.results} is running in this folder: wait for its end, or stop it, and call again."
        )
        self.lock = take(self.results / ".lock", message)

    def look_over(self) -> None:
        """Sets damaged files and failed runs aside, unless another sweep is at work on them.

        Raises UserError where the results were made with other settings and Snakemake cannot know it, and where a split
        has fewer rows than its limit.
        """
        if not self.results.exists():
            return
        try:
            self.take_lock()
        except UserError:
            return
        check_records(self.results, self.outputs, self.settings, RECORDS)
        for sentence in [*set_aside_damaged(self.results), *set_aside_failed(self.outputs)]:
            print(f"Note: {sentence}", file=sys.stderr)
        if self.rows.exists():
            check_limits(read_json(self.rows), self.settings["limit"])
        # A dry run ends here, and must not keep others from starting.
        self.lock.close()

    def start(self) -> None:
        """Takes the experiment's lock until the process ends."""
        self.take_lock()
        note_settings(self.results, self.settings)
