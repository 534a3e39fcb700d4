"""The search for unusable files in a folder of results: damaged ones, failed runs, results of other settings.

Snakemake knows whether an output exists, not whether it is whole: a truncated one would be used.
"""

import json
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitsweep.errors import UserError
from bitsweep.files import SUMS, noted_sum, read_json, sha256_file, write_json
from bitsweep.jobs.entry import SNAPSHOT
from bitsweep.training.finished_runs import FOLDER
from bitsweep.training.run_files import RUN_FILES
from bitsweep.workflow.snakemake_internals import is_recorded

# Larger files are judged by their size when a sweep starts, and by their SHA-256 where they are used.
HASHED_BYTES = 10**6


@dataclass(frozen=True)
class Unusable:
    """A file that must be made anew, and a clause that says why."""

    path: Path
    why: str

    @property
    def aside(self) -> Path:
        """The name under which it can still be looked at."""
        return self.path.with_name(f".{self.path.name}.set-aside")

    def set_aside(self) -> None:
        """Rename the file so that it counts as missing."""
        self.path.replace(self.aside)


def recorded_files(folder: Path) -> Iterator[Path]:
    """Yield all files below `folder` whose sums are recorded, except finished runs, which are checked when used."""
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != FOLDER]
        if os.path.basename(root) == SUMS:
            yield from (path for name in files if (path := Path(root).parent / name).is_file())


def damage_of(path: Path) -> str | None:
    """Return what is wrong with a file, as the end of a sentence; None where it is whole or no checksum is noted."""
    noted = noted_sum(path)
    if noted is None:
        return None
    size, found = noted[0], path.stat().st_size
    if found != size:
        return f"has {found} bytes instead of {size}"
    if found <= HASHED_BYTES and sha256_file(path) != noted[1]:
        return "is not what was written"
    return None


def find_damaged(folder: Path) -> list[Unusable]:
    """Return the damaged files below a folder of results."""
    found = []
    for path in sorted(recorded_files(folder)):
        # Another call that is at work may replace files meanwhile.
        with suppress(FileNotFoundError):
            if wrong := damage_of(path):
                found.append(Unusable(path, f"{path} {wrong}"))
    return found


def find_failed(results: Path, damaged: Collection[Path] = ()) -> list[Unusable]:
    """Return the results of runs that failed, which are tried again; not those that are `damaged`."""
    found = []
    for runs in (results / "runs", results / "study" / "runs"):
        # The study's runs lie a folder deeper.
        for depth in ("*/*/*/*", "*/*/*/*/*"):
            for path in sorted(runs.glob(f"{depth}/{RUN_FILES['result']}")):
                with suppress(FileNotFoundError):
                    # A run that was trained has null there, so these bytes are enough to know.
                    if path not in damaged and b'"failed": "' in path.read_bytes():
                        why = read_json(path)["failed"].rstrip(".")
                        found.append(Unusable(path, f"{path.parent} failed the last time: {why}"))
    return found


def changes(old: Any, new: Any, name: str = "") -> list[str]:
    """Return the differences of two JSON values, by the names of their keys: 'training.epochs was 4 and is 5'."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        return [line for key in keys for line in changes(old.get(key), new.get(key), f"{name}.{key}".lstrip("."))]
    return [] if old == new else [f"{name} was {json.dumps(old)} and is {json.dumps(new)}"]


def check_settings(folder: Path, settings: dict) -> None:
    """Raise UserError where results came without Snakemake's records and were made with other settings.

    Without its records Snakemake sees time stamps alone: it would take such results for those of the new settings.
    """
    snapshot = folder / SNAPSHOT
    if not snapshot.exists() or all(is_recorded(path) for path in recorded_files(folder) if path != snapshot):
        return
    if found := changes(read_json(snapshot), settings):
        raise UserError(
            f"{folder} was made with other settings ({found[0]}), and Snakemake's records of it are not here: copy "
            f".snakemake with it, take another name (experiment, or pretrain.model), or delete {folder}."
        )


def write_settings(folder: Path, settings: dict) -> None:
    """Write the settings that `check_settings` compares with."""
    write_json(folder / SNAPSHOT, settings)
