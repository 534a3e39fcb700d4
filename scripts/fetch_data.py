"""Fetches the labelled rows, and the official test split where there is one, as Parquet files of text and label."""

import argparse
import json

from bitsweep import data
from bitsweep.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, type=json.loads, help="the config's data section, as JSON")
    parser.add_argument("--labelled", required=True, help="Parquet file to write: the labelled rows")
    parser.add_argument("--official-test", help="Parquet file to write: the official test split, where there is one")
    arguments = parser.parse_args()
    source = dict(arguments.data)
    columns = {"text": source["text"], "label": source["label"]}
    if source["source"] == "package":
        rows = data.read_package(source["package"], source["file"], source["where"], **columns)
        data.save_rows(rows, arguments.labelled)
        print(f"{len(rows)} labelled rows from package {source['package']} {source['version']}")
        return
    from bitsweep.hub import download_data_file

    for split, target in (("train", arguments.labelled), ("test", arguments.official_test)):
        rows = data.read_parquet(download_data_file(source["name"], source["revision"], source[split]), **columns)
        data.save_rows(rows, target)
        print(f"{len(rows)} rows of {source['name']}'s {split} split")


if __name__ == "__main__":
    run(main)
