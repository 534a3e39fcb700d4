"""Collect the results, histories and costs of all runs into three tables."""

import argparse
import json
from pathlib import Path

import pandas as pd

from bitsweep.config.grid import run_path, table_of_runs
from bitsweep.files import read_json, whole_file
from bitsweep.jobs.entry import run
from bitsweep.selection.runs_table import CROSSED, check_alike, describe_epochs, describe_run, load_labels
from bitsweep.training.run_files import RUN_FILES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grids", required=True, type=json.loads, help="each mode's grid, as JSON")
    parser.add_argument("--train-sizes", type=int, nargs="+", help="the study's sizes, where the runs are the study's")
    parser.add_argument("--runs", required=True, type=Path, help="folder of the runs")
    parser.add_argument("--validation", required=True, help="tokenized validation split, for its labels")
    parser.add_argument("--table", required=True, help="CSV file to write: one row per run")
    parser.add_argument("--epochs", required=True, help="CSV file to write: one row per run and epoch")
    parser.add_argument("--costs", required=True, help="CSV file to write: one row per run, with its costs")
    arguments = parser.parse_args()
    more = {"train_size": arguments.train_sizes} if arguments.train_sizes else {}
    labels = load_labels(arguments.validation)
    rows, histories, costs, results = [], [], [], {}
    for cell in table_of_runs(arguments.grids, **more).to_dict("records"):
        path = run_path(cell)
        folder = arguments.runs / path
        results[folder] = read_json(folder / RUN_FILES["result"])
        history = describe_epochs(folder, labels)
        row = describe_run(cell["mode"], path, results[folder], history)
        # The study gives a size to its runs on all examples, too.
        row["train_size"] = int(cell["train_size"]) if more else None
        rows.append(row)
        setting = {key: row[key] for key in CROSSED}
        histories.append(history.assign(**setting))
        cost = read_json(folder / RUN_FILES["costs"])
        # This key is only for estimating what jobs request of a cluster.
        cost.pop("timed", None)
        costs.append({**setting, "path": path, **cost})
    check_alike(results)
    tables = [(pd.DataFrame(rows), arguments.table), (pd.concat(histories), arguments.epochs)]
    for table, path in [*tables, (pd.DataFrame(costs), arguments.costs)]:
        # Only the study's runs have training sets of several sizes.
        table = table if more else table.drop(columns="train_size")
        with whole_file(path) as part:
            table.to_csv(part, index=False)


if __name__ == "__main__":
    run(main)
