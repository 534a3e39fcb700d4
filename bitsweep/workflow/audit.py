"""What a sweep finds when it starts: damaged files and failed runs are set aside, so that Snakemake makes them anew.

Snakemake knows whether an output exists, not whether it is whole: a truncated one would be used.
"""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bitsweep.errors import UserError
from bitsweep.files import SUMS, damage_of, read_json, write_json
from bitsweep.training.finished_runs import FOLDER

# Larger files are judged by their size when a sweep starts, and by their SHA-256 where they are used.
HASHED_BYTES = 10**6
# Where the settings are kept that an experiment's results were made with.
SNAPSHOT = ".settings.json"


def noted_files(folder: Path) -> Iterator[Path]:
    """All files below `folder` whose sums are noted, but for kept runs, which are checked when they are used."""
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != FOLDER]
        if os.path.basename(root) == SUMS:
            yield from (path for name in files if (path := Path(root).parent / name).is_file())


def set_aside(path: Path) -> Path:
    """Renames a file so that it counts as missing and can still be looked at."""
    return path.replace(path.with_name(f".{path.name}.set-aside"))


def set_aside_damaged(folder: Path) -> list[str]:
    """Sets damaged files below a folder of results aside; returns a sentence for each."""
    told = []
    for path in sorted(noted_files(folder)):
        if wrong := damage_of(path, HASHED_BYTES):
            told.append(f"{path} {wrong}: it is set aside as {set_aside(path).name}, to be made anew where needed.")
    return told


def set_aside_failed(runs: Path) -> list[str]:
    """Sets the results of failed runs aside, so that they are tried again; returns a sentence for each."""
    told = []
    # The study's runs lie a folder deeper.
    for path in sorted([*runs.glob("*/*/*/*/result.json"), *runs.glob("*/*/*/*/*/result.json")]):
        # The word is enough: a run that was trained has null there.
        if b'"failed": "' in path.read_bytes():
            told.append(f"{path.parent} failed the last time and is tried again: {read_json(path)['failed']}")
            set_aside(path)
    return told


def is_recorded(output: str | Path, records: Path) -> bool:
    """Whether Snakemake's records (`.snakemake`) know an output, given as it stands in the rule, finished or begun."""
    return next(records_of(output, records), None) is not None


def recorded_inputs(output: Path, records: Path) -> list[str]:
    """What Snakemake's records say that a finished output was made from."""
    return [path for record in records_of(output, records) for path in read_json(record).get("input") or []]


def records_of(output: str | Path, records: Path) -> Iterator[Path]:
    """The files in which Snakemake's records tell of an output: how it was made, or that it was begun."""
    name = base64.urlsafe_b64encode(str(output).encode()).decode()
    for folder in (records / "metadata", records / "incomplete"):
        if folder.is_dir():
            longest = os.pathconf(folder, "PC_NAME_MAX") - 1
            parts = [name[start : start + longest] for start in range(0, len(name), longest)]
            record = folder.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])
            if record.exists():
                yield record


def changes(old: Any, new: Any, name: str = "") -> list[str]:
    """The differences between two JSON values, by the names of their keys: 'training.epochs was 4 and is 5'."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        return [line for key in keys for line in changes(old.get(key), new.get(key), f"{name}.{key}".lstrip("."))]
    return [] if old == new else [f"{name} was {json.dumps(old)} and is {json.dumps(new)}"]


def check_records(folder: Path, settings: dict, records: Path) -> None:
    """Raises UserError where results came without Snakemake's records and were made with other settings.

    Without its records Snakemake sees time stamps alone: it would take such results for those of the new settings.
    """
    snapshot = folder / SNAPSHOT
    if not snapshot.exists() or all(is_recorded(path, records) for path in noted_files(folder) if path != snapshot):
        return
    if told := changes(read_json(snapshot), settings):
        raise UserError(
            f"{folder} was made with other settings ({told[0]}), and Snakemake's records of it are not here: copy "
            f".snakemake with it, take another name (experiment, or pretrain.model), or delete {folder}."
        )


def note_settings(folder: Path, settings: dict) -> None:
    """Keeps what `check_records` compares."""
    write_json(folder / SNAPSHOT, settings)
