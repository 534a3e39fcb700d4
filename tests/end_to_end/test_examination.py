"""The examination of the data in the report."""

import json
import re

import pandas as pd

from tests.helpers.unreadable import chinese_rows


def test_the_report_has_the_finding(results):
    summary = json.loads((results / "report" / "summary.json").read_text())
    assert {split: found["rows"] for split, found in summary["data"]["splits"].items()} == {
        "train": 96,
        "validation": 64,
        "test": 64,
    }
    # The reviews are long, and cut to 32 tokens.
    assert any("are longer than 32 tokens and are cut" in doubt for doubt in summary["data"]["doubts"])
    report = (results / "report" / "report.md").read_text()
    assert "## Data\n" in report
    assert "What to bear in mind" in report
    table = pd.read_csv(results / "report" / "tables" / "data.csv")
    assert table["split"].tolist() == ["train", "validation", "test"]


def test_texts_that_the_encoder_cannot_read_train_only_where_that_is_meant(workspace):
    """Refused before any run; allowed, they are told on the terminal and in the report, and nothing trains again."""
    pd.DataFrame(chinese_rows(), columns=["text", "label"]).to_csv(workspace.folder / "rows.csv", index=False)
    changes = {
        "data": {"source": "files", "train": "rows.csv", "values": ["差评", "好评"]},
        "label_names": ["bad\n(差评)", "good\n(好评)"],
        "limit": {},
        "grid": {"mode": ["bitfit"], "batch_size": [32], "learning_rate": [1e-3]},
        "training": {"epochs": 1},
    }
    call = ("--cores", "2", "--configfile", workspace.config("chinese", **changes))
    results = workspace.folder / "results" / "chinese"
    done = workspace.snakemake(*call)
    assert done.returncode != 0
    # The split that is tokenized first stops the call.
    assert re.search(r"Error: \d\d % of the word pieces of the (train|validation) split are unknown", done.stdout)
    assert not (results / "runs").exists()

    workspace.config("chinese", **changes, allow_unreadable=True)
    done = workspace.snakemake(*call)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    note = r"Note: (\d\d % of the word pieces of the train split are unknown to the encoder)"
    (told,) = [match for match in map(re.compile(note).match, lines) if match]
    # It comes before the run.
    assert lines.index(told.string) < next(n for n, line in enumerate(lines) if "rule train_run" in line)
    report = (results / "report" / "report.md").read_text()
    assert f"- {told[1]}" in report
    assert "has fewer than 5 examples of" in report
    # The labels' line breaks split no table.
    for label in ("bad", "good"):
        assert re.search(rf"^\| bitfit +\| {label} \(..\) +\| +\d+ \| +\d+ \|$", report, re.MULTILINE)
    workspace.config("chinese", **changes)
    assert workspace.plan(*call) == set()
