"""Collects the results, histories and costs of all runs into three tables."""

import argparse
import json
from pathlib import Path

import pandas as pd

from bitsweep.errors import run
from bitsweep.files import read_json, whole_file
from bitsweep.grid import run_path, table_of_runs
from bitsweep.selection import check_alike, describe_result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", required=True, type=json.loads, help="the config's grid section, as JSON")
    parser.add_argument("--runs", required=True, type=Path, help="folder of the runs")
    parser.add_argument("--table", required=True, help="CSV file to write: a row a run")
    parser.add_argument("--epochs", required=True, help="CSV file to write: a row a run and epoch")
    parser.add_argument("--costs", required=True, help="CSV file to write: a row a run, what it has cost")
    arguments = parser.parse_args()
    rows, histories, costs, results = [], [], [], {}
    for cell in table_of_runs(arguments.grid).to_dict("records"):
        folder = arguments.runs / run_path(cell)
        results[folder] = read_json(folder / "result.json")
        row = describe_result(results[folder])
        rows.append(row)
        setting = {key: row[key] for key in ("mode", "batch_size", "learning_rate", "seed")}
        histories.append(pd.read_csv(folder / "history.csv").assign(**setting))
        costs.append({**setting, **read_json(folder / "costs.json")})
    check_alike(results)
    tables = [(pd.DataFrame(rows), arguments.table), (pd.concat(histories), arguments.epochs)]
    for table, path in [*tables, (pd.DataFrame(costs), arguments.costs)]:
        with whole_file(path) as part:
            table.to_csv(part, index=False)


if __name__ == "__main__":
    run(main)
