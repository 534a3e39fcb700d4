"""The examination of the data in the report."""

import json

import pandas as pd


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
