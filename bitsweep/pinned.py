"""The commits that were taken where the config names none: what fetched them keeps them beside its outputs."""

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


def add_data_commit(experiment: dict, source: dict) -> None:
    """Adds the commit in `source` (source.json) to what is said of the data, where the config names none."""
    if "revision" in source and source["revision"] not in experiment["data"]:
        experiment["data"] += f" at {source['revision']}"
