"""The check of limits against rows that an experiment has split already, which reports a mistake before any job."""

import json
from collections.abc import Sequence
from pathlib import Path

from bitsweep.data.splits import check_limits
from bitsweep.errors import UserError
from bitsweep.files import read_json, sha256_file


class KnownRows:
    """The rows of each split, as far as an earlier call has counted them.

    `rows_of` names what the rows are made from, `limits` (JSON) are what `splits.check_limits` takes.
    `sources` are the user's own files that the rows are from.
    """

    def __init__(self, rows_of: str, limits: str, sources: Sequence[str]) -> None:
        self.rows_of = rows_of
        self.limits = json.loads(limits)
        self.sources = sources

    def check(self, results: Path, damaged: Sequence[Path] = ()) -> None:
        """Raise UserError where a split is known to have fewer rows than its limit.

        Nothing is known by files that are `damaged`.
        """
        path, source = results / "data" / "rows.json", results / "data" / "source" / "source.json"
        if {path, source} & set(damaged):
            return
        rows = read_json(path) if path.exists() else {}
        if rows.get("rows_of") != self.rows_of:
            return
        try:
            check_limits(rows, self.limits)
        except UserError:
            # The rows may be others by now. In doubt nothing is raised here: the rule check_mode checks them later.
            if self.are_of(source, path):
                raise

    def are_of(self, source: Path, rows: Path) -> bool:
        """Return whether the user's files have the content that was fetched, and the rows were split after that."""
        if not source.exists() or source.stat().st_mtime > rows.stat().st_mtime:
            return False
        fetched = {file["name"]: file["sha256"] for file in read_json(source).get("files", {}).values()}
        return all(fetched.get(file) == sha256_file(file) for file in self.sources)
