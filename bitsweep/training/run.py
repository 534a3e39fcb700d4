"""One run from its tokens to its files: history, result, costs, predictions and the parameters that it trained."""

import math
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np

import bitsweep.model.fast.light_imports  # noqa: F401
from bitsweep.data.tokens import Tokens, load_tokens
from bitsweep.errors import UserError
from bitsweep.files import sha256_file, short_key, whole_file, write_json, write_text
from bitsweep.model.classifier import build_classifier, digest_state, save_trained
from bitsweep.seeding import generator
from bitsweep.training.batches import is_out_of_memory
from bitsweep.training.checkpoint import Checkpoint
from bitsweep.training.loop import Outcome, train
from bitsweep.training.recipe import Recipe, read_recipe
from bitsweep.training.run_files import RUN_FILES

VERSIONS = {
    "python": platform.python_version(),
    "torch": version("torch"),
    "transformers": version("transformers"),
}


def versions_of(mode: dict) -> dict[str, str]:
    """Return the versions of Python and of the packages that a run's numbers depend on."""
    return {**VERSIONS, "peft": version("peft")} if "lora" in mode else VERSIONS


def finite(row: dict | None) -> dict | None:
    """Return a row with None in place of numbers that are not finite, for which JSON has no word."""
    if row is None:
        return None
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}


def describe(outcome: Outcome, made_from: dict, weights: Path) -> dict:
    """Return the run's result: the same whenever the run is trained again on this hardware."""
    return {
        "made_from": made_from,
        "best": finite(outcome.best),
        "diverged": outcome.diverged,
        "failed": None,
        "trainable_parameters": outcome.trainable_parameters,
        "stored_bytes": weights.stat().st_size,
        "weights_sha256": sha256_file(weights),
        "versions": versions_of(made_from["recipe"]["mode"]),
    }


def describe_costs(outcome: Outcome, timed: str | None) -> dict:
    """Return the costs of the run, which differ from time to time; `timed` names all that its time depends on."""
    return {
        "timed": timed,
        "seconds": round(outcome.seconds, 3),
        "tokens_per_second": round(outcome.tokens_per_second, 1),
        "peak_memory_mb": round(outcome.peak_memory_mb, 1),
    }


def draw_training_set(tokens: Tokens, recipe: Recipe) -> Tokens:
    """Return as many examples as `recipe.train_size` says: the first ones of an order that the seed determines."""
    if recipe.train_size is None:
        return tokens
    return tokens.subset(generator(recipe.seed, "train_size").permutation(len(tokens))[: recipe.train_size])


def train_run(
    encoder: Path, tokens: dict[str, str], sources: dict, checkpoint: Path, folder: Path, timed: str | None = None
) -> None:
    """Train the run that `sources` describes, from its checkpoint if there is one, and write its files to `folder`.

    `encoder` is the folder of the prepared encoder, `tokens` has the files of the splits "train" and "validation".
    `timed` is for `describe_costs`.
    """
    recipe, machine = read_recipe(sources["recipe"])
    model = build_classifier(encoder, sources["labels"], recipe.seed)
    made_from = {**sources, "initial_state_sha256": digest_state(model)}
    train_split, validation = (load_tokens(tokens[name]) for name in ("train", "validation"))
    resumable = Checkpoint(checkpoint, short_key([sources, versions_of(recipe.mode)]))
    try:
        outcome = train(model, draw_training_set(train_split, recipe), validation, recipe, machine, resumable)
    except (RuntimeError, MemoryError) as error:
        # Micro-batches are halved where memory runs out; what fails here cannot be made smaller.
        if not is_out_of_memory(error):
            raise
        raise UserError("Memory ran out: lower max_length, or run fewer jobs at once.") from None
    save_trained(folder / RUN_FILES["weights"], outcome.weights, made_from)
    columns = list(outcome.history[0])
    lines = [",".join(columns)] + [",".join(repr(row[column]) for column in columns) for row in outcome.history]
    write_text(folder / RUN_FILES["history"], "\n".join(lines) + "\n")
    write_json(folder / RUN_FILES["costs"], describe_costs(outcome, timed))
    with whole_file(folder / RUN_FILES["predictions"]) as part, open(part, "wb") as file:
        np.save(file, outcome.predictions.numpy())
    write_json(folder / RUN_FILES["result"], describe(outcome, made_from, folder / RUN_FILES["weights"]))
