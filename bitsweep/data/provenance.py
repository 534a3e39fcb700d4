"""What is known once it has been fetched, where the config does not say it: commits, and the splits that data have."""

from collections.abc import Collection
from pathlib import Path

from bitsweep.files import read_json


def add_commit(experiment: dict, kept: Path) -> None:
    """Adds the commit that the file `kept` holds to what is said of the encoder, where the config names none.

    `experiment` is what `params.experiment_text` or `params.export_text` says.
    """
    commit = read_json(kept).get(experiment["encoder"]) if kept.is_file() else None
    if commit:
        experiment["encoder"] += f" at {commit}"
        if "sources" in experiment:
            experiment["sources"]["encoder"]["revision"] = commit


def add_source(experiment: dict, source: dict) -> None:
    """Adds the commit and the splits in `source` (source.json) to what is said of the data."""
    if "revision" in source and source["revision"] not in experiment["data"]:
        experiment["data"] += f" at {source['revision']}"
    if experiment["test_split"] is None:
        official = [split for split in ("validation", "test") if split in source["files"]]
        experiment |= {"official_splits": official, "test_split": describe_test_split(official)}
        experiment["unlabelled_test"] = source.get("unlabelled_test", False)


def describe_test_split(official: Collection[str]) -> str:
    """Where the test rows come from: the official split, half of the validation split, or the labelled rows."""
    if "test" in official:
        return "official"
    return "half_of_validation" if "validation" in official else "held_out"
