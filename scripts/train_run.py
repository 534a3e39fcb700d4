"""Train one run of the grid and write its history, result, costs, validation predictions and trained parameters.

A run that was trained before from the same settings, data, encoder and code is taken as it was stored; one that was
interrupted goes on at its checkpoint.
"""

import argparse
import json
from pathlib import Path

from bitsweep.errors import UserError
from bitsweep.files import read_json, short_key
from bitsweep.jobs.entry import run
from bitsweep.jobs.gpu_slots import gpu_slot
from bitsweep.locks import waited_for
from bitsweep.training.finished_runs import FinishedRuns
from bitsweep.training.run_files import RUN_FILES
from bitsweep.training.run_sources import (
    complete_recipe,
    describe_sources,
    is_undecided,
    remove_checkpoints,
    similar_runs,
    write_failed,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", required=True, type=json.loads, help="the run's settings, as JSON")
    parser.add_argument("--labels", required=True, type=int, help="number of classes")
    parser.add_argument("--code", default="", help="fingerprint of the code that trains")
    parser.add_argument("--encoder", required=True, type=Path, help="folder of the prepared encoder")
    parser.add_argument("--train", required=True, help="tokenized training split")
    parser.add_argument("--validation", required=True, help="tokenized validation split")
    parser.add_argument("--precision", required=True, help="JSON file that choose_precision wrote")
    parser.add_argument("--selection", help="JSON file of the selection that decides what is null in the recipe")
    parser.add_argument("--mode", help="the mode's name in the selection")
    parser.add_argument("--results", type=Path, help="the experiment's folder, which may have this run already")
    parser.add_argument("--timed", help="short name for all that the run's time depends on, for costs.json")
    parser.add_argument("--gpu-percent", type=int, default=100, help="share of a GPU to take, in percent")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    arguments = parser.parse_args()
    folder = arguments.output
    selected = read_json(arguments.selection)[arguments.mode] if arguments.selection else None
    recipe = complete_recipe(arguments.recipe, read_json(arguments.precision), selected, arguments.train)
    sources = describe_sources(
        recipe, arguments.labels, arguments.code, arguments.encoder, arguments.train, arguments.validation
    )
    if is_undecided(recipe):
        write_failed(folder, sources, f"No setting of {arguments.mode} was sound in the sweep, so none can be studied.")
        return
    key, finished = short_key(sources), FinishedRuns(folder, RUN_FILES.values())
    # A process that a killed Snakemake has left behind may still train this run: then its result is taken.
    with waited_for(folder / ".lock", message="Another process trains this run: waiting for its result."):
        checkpoint = folder / ".checkpoint.safetensors"
        others = similar_runs(arguments.results, recipe) if arguments.results else ()
        if finished.restore(key) or finished.adopt(key, others):
            print("Trained before from the same settings, data, encoder and code: taken as it was stored.")
            remove_checkpoints(folder)
            return
        # Not at the top: a finished run is taken without the seconds of these imports.
        from bitsweep.training.run import train_run

        tokens = {"train": arguments.train, "validation": arguments.validation}
        error = ""
        try:
            with gpu_slot(arguments.gpu_percent):
                train_run(arguments.encoder, tokens, sources, checkpoint, finished.draft(key), arguments.timed)
        except UserError as raised:
            error = str(raised)
        if error:
            # This is not in the handler, whose exception keeps alive what has filled the memory. The sweep goes on, and
            # the report names the failure; the next call of Snakemake tries the run again.
            print(f"Error: {error}")
            write_failed(folder, sources, error)
            return
        finished.store(key)
        if not finished.restore(key):
            raise UserError(f"{folder} has lost the run that was just written to it: call again.")
        remove_checkpoints(folder)


if __name__ == "__main__":
    run(main)
