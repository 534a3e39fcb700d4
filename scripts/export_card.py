"""Write the model card of an exported classifier."""

import argparse
import json
from pathlib import Path

import pandas as pd

from bitsweep.data.provenance import add_commit, add_source
from bitsweep.export.model_card import gather, model_card
from bitsweep.export.run_choice import chosen_run
from bitsweep.files import read_json, write_text
from bitsweep.jobs.entry import run
from bitsweep.selection.comparison import compare
from bitsweep.selection.runs_table import load_labels
from bitsweep.training.run_files import RUN_FILES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", required=True, help="the mode")
    parser.add_argument("--experiment", required=True, type=json.loads, help="what the config says, as JSON")
    parser.add_argument("--selection", required=True, help="JSON file that select_runs wrote")
    parser.add_argument("--prices", required=True, help="JSON file that price_selection wrote")
    parser.add_argument("--scores", required=True, help="JSON file that evaluate_mode wrote")
    parser.add_argument("--predictions", required=True, help="CSV file that evaluate_mode wrote")
    parser.add_argument("--precision", required=True, help="JSON file that choose_precision wrote")
    parser.add_argument("--runs", required=True, type=Path, help="folder of the runs")
    parser.add_argument("--train", required=True, help="tokenized training split, for its size")
    parser.add_argument("--calibration", required=True, help="JSON file that export_mode wrote")
    parser.add_argument("--output", required=True, help="Markdown file to write")
    parser.add_argument("--source", required=True, help="JSON file of what fetch_data took")
    parser.add_argument("--pinned", required=True, type=Path, help="JSON file of the encoder's commit, if it is there")
    arguments = parser.parse_args()
    add_commit(arguments.experiment, arguments.pinned)
    add_source(arguments.experiment, read_json(arguments.source))
    mode, selection = arguments.mode, read_json(arguments.selection)
    chosen = chosen_run(selection, mode)
    predictions = pd.read_csv(arguments.predictions)
    facts = gather(
        arguments.experiment,
        mode,
        selection[mode],
        read_json(arguments.prices)[mode],
        read_json(arguments.scores),
        compare({mode: predictions[predictions["seed"] == chosen["seed"]]}, arguments.experiment["metric"]),
        read_json(arguments.calibration),
    )
    facts |= {
        "result": read_json(arguments.runs / chosen["path"] / RUN_FILES["result"]),
        "examples": len(load_labels(arguments.train)),
        "hardware": read_json(arguments.precision)["hardware"],
    }
    write_text(arguments.output, model_card(facts))


if __name__ == "__main__":
    run(main)
