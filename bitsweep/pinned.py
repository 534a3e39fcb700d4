"""The encoder's commit where the config names none: `fetch_encoder` keeps it beside its outputs."""

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
