"""Trains one run of the grid and writes its history, result, costs, validation predictions and trained parameters.

A run that was trained before from the same settings, data, encoder and code is taken as it was kept; one that was
interrupted goes on at its checkpoint.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from safetensors import safe_open

from bitsweep.errors import UserError, run
from bitsweep.files import WEIGHTS, read_json, sha256_file, write_json, write_text
from bitsweep.gpu import gpu_slot
from bitsweep.kept import KeptRuns, key_of
from bitsweep.locking import waited_for
from bitsweep.spelling import spell_number

HISTORY = ["epoch", "steps", "train_loss", "validation_loss", "validation_accuracy"]
SETTING = ("batch_size", "learning_rate")
OUTPUTS = ["history.csv", "result.json", "costs.json", "predictions.npy", "weights.safetensors"]


def describe_sources(arguments: argparse.Namespace) -> dict:
    """Everything that a run's numbers depend on."""
    verdict = read_json(arguments.precision)
    recipe = {**arguments.recipe, "precision": verdict["precision"], "device": verdict["device"]}
    if arguments.selection:
        recipe |= selected_setting(read_json(arguments.selection)[arguments.mode], recipe)
    if recipe["train_size"] is not None:
        with safe_open(arguments.train, framework="np") as file:
            examples = file.get_slice("labels").get_shape()[0]
        if recipe["train_size"] > examples:
            raise UserError(
                f"study.train_size has {recipe['train_size']}, but the training split has {examples} examples: remove "
                "it, or raise limit.train."
            )
        # A part that is the whole makes one of the sweep's own runs.
        recipe["train_size"] = None if recipe["train_size"] == examples else recipe["train_size"]
    return {
        "recipe": recipe,
        "labels": arguments.labels,
        "code_sha256": arguments.code,
        "encoder_sha256": sha256_file(arguments.encoder / WEIGHTS),
        "encoder_config_sha256": sha256_file(arguments.encoder / "config.json"),
        "train_sha256": sha256_file(arguments.train),
        "validation_sha256": sha256_file(arguments.validation),
    }


def selected_setting(selected: dict | None, recipe: dict) -> dict:
    """What a recipe leaves to its mode's selection: nothing where no setting of the mode was sound."""
    return {key: selected[key] for key in SETTING if recipe[key] is None} if selected else {}


def alike(results: Path, recipe: dict) -> Iterator[Path]:
    """The folders of runs that may have been made from the same recipe: other modes' names, the study's runs."""
    setting = f"batch_size~{recipe['batch_size']}/learning_rate~{spell_number(recipe['learning_rate'])}"
    yield from results.glob(f"runs/mode~*/{setting}/seed~{recipe['seed']}")
    # Where the selection tells the setting, the folder does not.
    yield from results.glob(f"study/runs/mode~*/*/*/seed~{recipe['seed']}/train_size~*")


def remove_checkpoints(folder: Path) -> None:
    """Removes a finished run's checkpoint, and what a kill has left of one that was being written."""
    for path in folder.glob(".*checkpoint*.safetensors"):
        path.unlink()


def write_failed(folder: Path, sources: dict, error: str) -> None:
    """Writes the outputs of a run that could not be trained: what it is, and the sentence that says why."""
    unknown = dict.fromkeys(("best", "trainable_parameters", "stored_bytes", "weights_sha256"))
    unknown |= {"diverged": False, "versions": {}}
    write_text(folder / "history.csv", f"{','.join(HISTORY)}\n")
    write_text(folder / "predictions.npy", "")
    write_text(folder / "weights.safetensors", "")
    write_json(folder / "costs.json", {"seconds": None, "tokens_per_second": None, "peak_memory_mb": None})
    write_json(folder / "result.json", {"made_from": sources, "failed": error, **unknown})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", required=True, type=json.loads, help="the run's settings, as JSON")
    parser.add_argument("--labels", required=True, type=int, help="number of classes")
    parser.add_argument("--code", default="", help="fingerprint of the code that trains")
    parser.add_argument("--encoder", required=True, type=Path, help="folder of the prepared encoder")
    parser.add_argument("--train", required=True, help="tokenized training split")
    parser.add_argument("--validation", required=True, help="tokenized validation split")
    parser.add_argument("--precision", required=True, help="JSON file that choose_precision wrote")
    parser.add_argument("--selection", help="JSON file of the selection that tells what is null in the recipe")
    parser.add_argument("--mode", help="the mode's name in the selection")
    parser.add_argument("--results", type=Path, help="folder of the experiment, whose finished runs may be this one's")
    parser.add_argument("--timed", help="what the run's time follows from, as a short name, for costs.json")
    parser.add_argument("--gpu-percent", type=int, default=100, help="the run's share of a GPU that runs share")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    arguments = parser.parse_args()
    folder, sources = arguments.output, describe_sources(arguments)
    if None in [sources["recipe"][key] for key in SETTING]:
        write_failed(folder, sources, f"No setting of {arguments.mode} was sound in the sweep, so none can be studied.")
        return
    key, kept = key_of(sources), KeptRuns(folder, OUTPUTS)
    # A process that a killed Snakemake has left behind may still train this run: then its result is taken.
    with waited_for(folder / ".lock", message="Another process trains this run: waiting for its result."):
        checkpoint = folder / ".checkpoint.safetensors"
        others = alike(arguments.results, sources["recipe"]) if arguments.results else ()
        if kept.restore(key) or kept.adopt(key, others):
            print("Trained before from the same settings, data, encoder and code: taken as it was kept.")
            remove_checkpoints(folder)
            return
        # Not at the top: what is kept is taken without the seconds of these imports.
        from bitsweep.results import train_run

        tokens = {"train": arguments.train, "validation": arguments.validation}
        error = ""
        try:
            with gpu_slot(arguments.gpu_percent):
                train_run(arguments.encoder, tokens, sources, checkpoint, kept.part(key), arguments.timed)
        except UserError as raised:
            error = str(raised)
        if error:
            # Out of the handler, which keeps alive what has filled the memory. The sweep goes on, and the report tells
            # of it; the next call of Snakemake tries the run again.
            print(f"Error: {error}")
            write_failed(folder, sources, error)
            return
        kept.keep(key)
        if not kept.restore(key):
            raise UserError(f"{folder} has lost the run that was just written to it: call again.")
        remove_checkpoints(folder)


if __name__ == "__main__":
    run(main)
