"""Put an experiment's numbers together: summary.json, and the report's tables as CSV, Markdown and LaTeX."""

import argparse
import json
from pathlib import Path

import pandas as pd

from bitsweep.data.examination import compare_names, data_table, describe_left_out, find_doubts
from bitsweep.data.provenance import add_commit, add_source
from bitsweep.data.tokens import count_examples
from bitsweep.files import read_json, write_json
from bitsweep.jobs.entry import run
from bitsweep.jobs.environment import commit_of
from bitsweep.report import tables
from bitsweep.report.summary import summarize


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", required=True, type=json.loads, help="what the config says, as JSON")
    parser.add_argument("--runs", required=True, help="CSV file with one row per run")
    parser.add_argument("--costs", required=True, help="CSV file with one row per run, with its costs")
    parser.add_argument("--selection", required=True, help="JSON file that select_runs wrote")
    parser.add_argument("--prices", required=True, help="JSON file that price_selection wrote")
    parser.add_argument("--evaluations", required=True, nargs="+", help="JSON files that evaluate_mode wrote")
    parser.add_argument("--comparison", required=True, help="JSON file that compare_modes wrote")
    parser.add_argument("--precision", required=True, help="JSON file that choose_precision wrote")
    parser.add_argument("--tokens", required=True, nargs=3, help="tokenized training, validation and test split")
    parser.add_argument("--examination", required=True, help="JSON file that examine_data wrote")
    parser.add_argument("--source", required=True, help="JSON file of what fetch_data took")
    parser.add_argument("--pinned", required=True, type=Path, help="JSON file of the encoder's commit, if it is there")
    parser.add_argument("--output", required=True, type=Path, help="folder of the report to write to")
    arguments = parser.parse_args()
    experiment = arguments.experiment
    sizes = map(count_examples, arguments.tokens)
    experiment["examples"] = dict(zip(("train", "validation", "test"), sizes, strict=True))
    add_commit(experiment, arguments.pinned)
    runs, costs = pd.read_csv(arguments.runs), pd.read_csv(arguments.costs)
    environment = {
        **read_json(arguments.precision),
        "encoder_sha256": runs["encoder_sha256"].iloc[0],
        "commit": commit_of(Path(__file__).resolve().parent.parent),
        "versions": sorted(runs["versions"].dropna().unique()),
        "run_seconds": round(float(costs["seconds"].sum()), 1),
        "peak_memory_mb": None if costs["peak_memory_mb"].isna().all() else float(costs["peak_memory_mb"].max()),
    }
    evaluations = dict(zip(experiment["grid"]["mode"], map(read_json, arguments.evaluations), strict=True))
    selection, prices, comparison = map(read_json, (arguments.selection, arguments.prices, arguments.comparison))
    selection = {mode: selection[mode] for mode in experiment["grid"]["mode"]}
    source, names = read_json(arguments.source), experiment["label_names"]
    add_source(experiment, source)
    summary = summarize(experiment, runs, costs, selection, prices, evaluations, comparison, environment)
    examination = read_json(arguments.examination)
    doubts = [
        *describe_left_out(source["files"]),
        *source.get("notes", []),
        *compare_names(source.get("class_names", {}), names),
        *find_doubts(examination, names),
    ]
    summary["data"] = {**examination, **source, "doubts": doubts}
    write_json(arguments.output / "summary.json", summary)
    made = {
        "runs": runs,
        "costs": costs,
        "data": data_table(examination, names),
        "grid": tables.grid_table(experiment),
        "results": tables.results_table(summary),
        "validation": tables.validation_table(summary),
        "test": tables.test_table(summary),
        "confusion": tables.confusion_table(summary),
        "differences": tables.differences_table(summary),
        "modes": tables.modes_table(summary),
    }
    for name, table in made.items():
        tables.save_table(table, arguments.output / "tables" / f"{name}.csv", experiment["metric"])


if __name__ == "__main__":
    run(main)
