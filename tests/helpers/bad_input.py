"""Mistakes in users' data and configs, each with the sentence that it gets (bad_input.yaml)."""

import yaml

from tests.helpers.workspace import ROOT

GOOD = "text,label\n" + "".join(f"text {row},{row % 2}\n" for row in range(40))
BASE = {
    "experiment": "mine",
    "data": {"source": "files", "train": "rows.csv"},
    "label_names": ["no", "yes"],
    "encoder": {"source": "folder", "path": str(ROOT / "models" / "bert-tiny")},
    "max_length": 32,
}


def table(row: str) -> str:
    """Good rows and then another one, on line 42."""
    return f"{GOOD}{row}\n"


# The sentences, by the names of what they are about.
SENTENCES = yaml.safe_load((ROOT / "tests" / "helpers" / "bad_input.yaml").read_text())
