"""Write the report as Markdown and as an HTML page that opens without a network."""

import argparse
from pathlib import Path

import pandas as pd

from bitsweep.files import read_json, write_text
from bitsweep.jobs.entry import run
from bitsweep.report.html_page import to_html
from bitsweep.report.markdown import compose

TABLES = ("results", "grid", "validation", "test", "differences", "modes", "runs", "costs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", required=True, type=Path, help="folder of the report, its tables and figures in it")
    parser.add_argument("--study", help="JSON file that summarize_study wrote, where there is one")
    arguments = parser.parse_args()
    folder = arguments.report
    summary, study = read_json(folder / "summary.json"), arguments.study and read_json(arguments.study)
    names = [*TABLES, *(["study"] if study else [])]
    made = {name: pd.read_csv(folder / "tables" / f"{name}.csv") for name in names}
    # In these tables "null" and "NA" are texts, tokens or labels, not missing values.
    for name in ("data", "encoder_input", "confusion"):
        made[name] = pd.read_csv(folder / "tables" / f"{name}.csv", keep_default_na=False)
    markdown = compose(summary, made, study)
    write_text(folder / "report.md", markdown)
    write_text(folder / "index.html", to_html(markdown, f"BitSweep: {summary['experiment']['name']}", folder))


if __name__ == "__main__":
    run(main)
