"""Facts that the config leaves open and that are known once all is fetched: commits, and the splits that data have."""

from collections.abc import Collection
from pathlib import Path

from bitsweep.files import read_json


def add_commit(experiment: dict, revisions_file: Path) -> None:
    """Add the commit that `revisions_file` stores to the encoder's description, where the config names none.

    `experiment` is what `rule_params.experiment_text` or `rule_params.export_text` returns, read from its JSON.
    """
    commit = read_json(revisions_file).get(experiment["encoder"]) if revisions_file.is_file() else None
    if commit:
        experiment["encoder"] += f" at {commit}"
        if "sources" in experiment:
            experiment["sources"]["encoder"]["revision"] = commit


def add_source(experiment: dict, source: dict) -> None:
    """Add the commit and the splits in `source` (source.json) to the description of the data."""
    if "revision" in source and source["revision"] not in experiment["data"]:
        experiment["data"] += f" at {source['revision']}"
    if experiment["test_split"] is None:
        official = [split for split in ("validation", "test") if split in source["files"]]
        experiment |= {"official_splits": official, "test_split": describe_test_split(official)}
        experiment["unlabelled_test"] = source.get("unlabelled_test", False)


def describe_test_split(official: Collection[str]) -> str:
    """Return where the test rows come from: the official split, half of the validation split, or the labelled rows."""
    if "test" in official:
        return "official"
    return "half_of_validation" if "validation" in official else "held_out"
