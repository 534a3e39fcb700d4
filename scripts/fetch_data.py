"""Fetch the labelled rows, and the official splits where there are some, as Parquet files of text and label."""

import argparse
import json
from pathlib import Path

from bitsweep.data.rows import save_rows
from bitsweep.data.sources import check_names, fetch
from bitsweep.files import write_json
from bitsweep.jobs.entry import run, settings_at_hand


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, type=json.loads, help="the config's data section, as JSON")
    parser.add_argument("--labels", required=True, type=int, help="number of classes")
    parser.add_argument("--output", required=True, type=Path, help="folder to write a Parquet file for each split to")
    arguments = parser.parse_args()
    tables, described = fetch(arguments.data, arguments.labels, arguments.output / ".kept")
    check_names(
        described.get("class_names", {}), settings_at_hand().get("label_names") or [], arguments.data.get("values")
    )
    for split, rows in tables.items():
        # Where the source has no other split, the training split is all of its labelled rows.
        save_rows(rows, arguments.output / f"{'labelled' if split == 'train' else split}.parquet")
        print(f"{split}: {len(rows)} labelled rows")
    for note in described.get("notes", []):
        print(f"Note: {note}")
    write_json(arguments.output / "source.json", described)


if __name__ == "__main__":
    run(main)
