"""Finished runs, kept by what they were made from: a run whose job starts again is trained only if nothing is kept.

Snakemake deletes the outputs of a job before it starts it, whatever the reason. The outputs are links to what is kept,
so that both take the space of one.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bitsweep.files import canonical_json, is_whole, note_sum

# The run of the current settings and two of settings before: what is changed and changed back is not trained again.
KEPT = 3
FOLDER = ".finished"


def key_of(made_from: Any) -> str:
    """A short name of what a run is made from."""
    return hashlib.sha256(canonical_json(made_from).encode()).hexdigest()[:16]


def link(source: Path, target: Path) -> None:
    """Makes `target` the same file as `source`, or a copy where the file system has no links."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


class KeptRuns:
    """The kept runs of one run's folder; `names` are the files that each has."""

    def __init__(self, output: Path, names: list[str]) -> None:
        self.output = output
        self.names = names
        self.folder = output / FOLDER

    def restore(self, key: str) -> bool:
        """Makes the outputs from the kept run `key`; False where there is none, or where it is not whole."""
        kept = self.folder / key
        if not all(is_whole(kept / name) for name in self.names):
            return False
        for name in self.names:
            note_sum(self.output / name, kept / name)
            link(kept / name, self.output / name)
        # Age is counted from the last use.
        os.utime(kept)
        return True

    def adopt(self, key: str, folders: Iterable[Path]) -> bool:
        """Restores `key` as another run has kept it, whose folder is among `folders`; False where none has.

        So a mode that is renamed, and a study's run that is one of the sweep's, are not trained again.
        """
        for folder in folders:
            kept = folder / FOLDER / key
            if folder != self.output and all(is_whole(kept / name) for name in self.names):
                part = self.part(key)
                for name in self.names:
                    note_sum(part / name, kept / name)
                    link(kept / name, part / name)
                self.keep(key)
                return self.restore(key)
        return False

    def part(self, key: str) -> Path:
        """An empty folder, in which a run's files can be written before `keep`."""
        part = self.folder / f"{key}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        return part

    def keep(self, key: str) -> None:
        """Keeps the files in `part(key)`, all at once; forgets the runs that were used longest ago."""
        shutil.rmtree(self.folder / key, ignore_errors=True)
        (self.folder / f"{key}.part").replace(self.folder / key)
        # What other settings have left half-written counts for nothing.
        for path in self.folder.glob("*.part"):
            shutil.rmtree(path)
        others = [path for path in self.folder.iterdir() if path.is_dir() and path.name != key]
        for path in sorted(others, key=lambda path: path.stat().st_mtime)[: -(KEPT - 1)]:
            shutil.rmtree(path)
