"""One call of Snakemake, on an experiment or a pretraining: what it does before its first job beside Snakemake."""

import json
import sys
import time
from pathlib import Path

from bitsweep.data.splits import check_limits
from bitsweep.errors import UserError
from bitsweep.files import read_json, sha256_file
from bitsweep.jobs.entry import JOBS_LOCK
from bitsweep.locks import take, waited_for
from bitsweep.workflow.audit import check_records, note_settings, set_aside_damaged, set_aside_failed
from bitsweep.workflow.slurm import cancel_left_jobs

# A look-over takes less.
PATIENCE_SECONDS = 3.0


class Sweep:
    """`results` is the folder to work on, `settings` are all that its results depend on.

    `rows_of` names an experiment's rows, `limits` (JSON) are what `data.check_limits` takes, `sources` the user's own
    files that the rows are from. A pretraining has no rows.
    """

    def __init__(self, results: str, rows_of: str, settings: dict, limits: str, sources: list[str]) -> None:
        self.results = Path(results)
        self.limits = json.loads(limits)
        self.rows_of = rows_of
        self.sources = sources
        self.settings = settings
        self.looked_over = False
        self.refusal: UserError | None = None
        self.lock = None

    def take_lock(self) -> None:
        # Snakemake's own lock outlives a killed Snakemake; this one ends with the process (see profiles/default).
        message = f"Another call works on {self.results} in this folder: wait for its end, or stop it, and call again."
        self.lock = take(self.results / ".lock", message=message)

    def look_over(self, later: bool = False) -> None:
        """Sets damaged files and failed runs aside, unless another sweep is at work on them.

        Raises UserError where the results were made with other settings and Snakemake cannot know it, or lets `start`
        raise it `later`, and where a split has fewer rows than its limit.
        """
        if self.results.exists():
            try:
                self.take_lock()
            except UserError:
                return
            try:
                check_records(self.results, self.settings, Path(".snakemake"))
            except UserError as error:
                if not later:
                    raise
                self.refusal = error
                self.lock.close()
                return
            folders = (self.results / "runs", self.results / "study" / "runs")
            failed = [sentence for folder in folders for sentence in set_aside_failed(folder)]
            for sentence in [*set_aside_damaged(self.results), *failed]:
                print(f"Note: {sentence}", file=sys.stderr)
            self.check_rows()
            # A dry run ends here, and must not keep others from starting.
            self.lock.close()
        self.looked_over = True

    def check_rows(self) -> None:
        """Raises UserError where a split is known to have fewer rows than its limit."""
        path = self.results / "data" / "rows.json"
        rows = read_json(path) if path.exists() else {}
        if rows.get("rows_of") != self.rows_of:
            return
        try:
            check_limits(rows, self.limits)
        except UserError:
            # The rows may be others by now: in doubt check_mode will see.
            if self.rows_are_of(self.results / "data" / "source" / "source.json", path):
                raise

    def rows_are_of(self, source: Path, rows: Path) -> bool:
        """Whether the user's files are what was fetched, by their content, and was split into rows after that."""
        if not source.exists() or source.stat().st_mtime > rows.stat().st_mtime:
            return False
        fetched = {file["name"]: file["sha256"] for file in read_json(source).get("files", {}).values()}
        return all(fetched.get(file) == sha256_file(file) for file in self.sources)

    def start(self) -> None:
        """Takes the lock of the results until the process ends; waits for jobs that a killed call has left running.

        Those in a Slurm cluster are cancelled.
        """
        if self.refusal:
            raise self.refusal
        patience = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self.take_lock()
                break
            except UserError:
                if time.monotonic() > patience:
                    raise
            time.sleep(0.1)
        if not self.looked_over:
            raise UserError(f"Another call was at work on {self.results} when this one began: call again.")
        cancel_left_jobs(self.results, Path(".snakemake"))
        with waited_for(
            self.results / JOBS_LOCK, message=f"Jobs of an earlier call still work on {self.results}: waiting for them."
        ):
            note_settings(self.results, self.settings)
