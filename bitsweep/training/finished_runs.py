"""The finished runs in a run's folder, by what they were made from: a run that was trained before is not trained again.

Snakemake deletes the outputs of a job before it starts it, whatever the reason. The finished files lie beside the
outputs, which are links to them, so that both together take the space of one.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from bitsweep.files import is_intact, note_sum

# The run of the current settings and two of earlier ones, so that a setting that is changed and changed back does not
# train again.
STORED = 3
FOLDER = ".finished"


def link(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`, or a copy where the file system has no links."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


class FinishedRuns:
    """The finished runs of one run's folder; `names` are the files that each has."""

    def __init__(self, output: Path, names: Iterable[str]) -> None:
        self.output = output
        self.names = list(names)
        self.folder = output / FOLDER

    def has(self, folder: Path) -> bool:
        """Return whether a folder has all files of a run, each as it was written."""
        return all(is_intact(folder / name) for name in self.names)

    def link_files(self, source: Path, target: Path) -> None:
        for name in self.names:
            note_sum(target / name, source / name)
            link(source / name, target / name)

    def restore(self, key: str) -> bool:
        """Make the outputs from the finished run `key`; return False where there is none, or where it is damaged."""
        run = self.folder / key
        if not self.has(run):
            return False
        self.link_files(run, self.output)
        # Age is counted from the last use.
        os.utime(run)
        return True

    def adopt(self, key: str, folders: Iterable[Path]) -> bool:
        """Restore `key` from the folder of another run, one of `folders`; return False where none has it.

        In this way a mode that is renamed, and a study's run that is one of the sweep's, are not trained again.
        """
        for folder in folders:
            run = folder / FOLDER / key
            if folder != self.output and self.has(run):
                self.link_files(run, self.draft(key))
                self.store(key)
                return self.restore(key)
        return False

    def draft(self, key: str) -> Path:
        """Make an empty folder, in which a run's files can be written before `store`."""
        draft = self.folder / f"{key}.part"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        return draft

    def store(self, key: str) -> None:
        """Store the files in `draft(key)`, all at once; delete the runs that were used longest ago."""
        shutil.rmtree(self.folder / key, ignore_errors=True)
        (self.folder / f"{key}.part").replace(self.folder / key)
        # Drafts that runs of other settings have left half-written are of no use.
        for path in self.folder.glob("*.part"):
            shutil.rmtree(path)
        others = [path for path in self.folder.iterdir() if path.is_dir() and path.name != key]
        for path in sorted(others, key=lambda path: path.stat().st_mtime)[: -(STORED - 1)]:
            shutil.rmtree(path)
