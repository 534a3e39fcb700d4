"""The sources of a run, the folders where the same run may lie already, and the files of a run that failed."""

from collections.abc import Iterator
from pathlib import Path

from bitsweep.data.tokens import count_examples
from bitsweep.errors import UserError
from bitsweep.files import MODEL_WEIGHTS, sha256_file, write_json, write_text
from bitsweep.number_format import spell_number
from bitsweep.training.run_files import HISTORY, RUN_FILES

# The settings that the study's recipes may leave to the mode's selection.
SELECTED_SETTING = ("batch_size", "learning_rate")


def complete_recipe(recipe: dict, verdict: dict, selected: dict | None, train: str | Path) -> dict:
    """Return a rule's recipe with what is known only when the run starts.

    `verdict` is what choose_precision wrote. `selected` is the mode's selection, which replaces what is None in the
    recipe; it is empty where no setting of the mode was sound. `train` is the tokenized training split. Raises
    UserError where that has fewer examples than `train_size`.
    """
    recipe = {**recipe, "precision": verdict["precision"], "device": verdict["device"]}
    if selected:
        recipe |= {key: selected[key] for key in SELECTED_SETTING if recipe[key] is None}
    size = recipe["train_size"]
    if size is None:
        return recipe
    examples = count_examples(train)
    if size > examples:
        raise UserError(
            f"study.train_size has {size}, but the training split has {examples} examples: remove that size, or "
            "raise limit.train."
        )
    # Where the part is the whole split, the run is one of the sweep's own.
    return {**recipe, "train_size": None if size == examples else size}


def is_undecided(recipe: dict) -> bool:
    """Return whether a recipe lacks settings because the selection has found none."""
    return None in [recipe[key] for key in SELECTED_SETTING]


def describe_sources(recipe: dict, labels: int, code: str, encoder: Path, train: str, validation: str) -> dict:
    """Return everything that a run's numbers depend on, with the SHA-256 in place of files and code."""
    return {
        "recipe": recipe,
        "labels": labels,
        "code_sha256": code,
        "encoder_sha256": sha256_file(encoder / MODEL_WEIGHTS),
        "encoder_config_sha256": sha256_file(encoder / "config.json"),
        "train_sha256": sha256_file(train),
        "validation_sha256": sha256_file(validation),
    }


def similar_runs(results: Path, recipe: dict) -> Iterator[Path]:
    """Yield the folders of runs that may have been made from the same recipe: other modes' names, the study's runs."""
    setting = f"batch_size~{recipe['batch_size']}/learning_rate~{spell_number(recipe['learning_rate'])}"
    yield from results.glob(f"runs/mode~*/{setting}/seed~{recipe['seed']}")
    # Where the selection decides the setting, the folder's name does not give it.
    yield from results.glob(f"study/runs/mode~*/*/*/seed~{recipe['seed']}/train_size~*")


def remove_checkpoints(folder: Path) -> None:
    """Remove a finished run's checkpoint, and what is left of one that was being written when the run was killed."""
    for path in folder.glob(".*checkpoint*.safetensors"):
        path.unlink()


def write_failed(folder: Path, sources: dict, error: str) -> None:
    """Write the files of a run that could not be trained; `error` is the sentence that says why."""
    unknown = dict.fromkeys(("best", "trainable_parameters", "stored_bytes", "weights_sha256"))
    unknown |= {"diverged": False, "versions": {}}
    write_text(folder / RUN_FILES["history"], f"{','.join(HISTORY)}\n")
    write_text(folder / RUN_FILES["predictions"], "")
    write_text(folder / RUN_FILES["weights"], "")
    costs = dict.fromkeys(("seconds", "tokens_per_second", "peak_memory_mb"))
    write_json(folder / RUN_FILES["costs"], costs)
    write_json(folder / RUN_FILES["result"], {"made_from": sources, "failed": error, **unknown})
