"""The questions that `make new` asks, and checks of their answers; each mistake gets a sentence."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from bitsweep.config.new_config import HELD_OUT, name_for
from bitsweep.config.settings import HubName, Place
from bitsweep.data.splits import split_rows
from bitsweep.data.streaming import open_table
from bitsweep.data.table_survey import Survey
from bitsweep.errors import UserError


def ask(number: int, question: str, default: str | None, check: Callable[[str], object]) -> str:
    """Ask until `check` takes the answer, and return that one; print what is wrong with any other."""
    shown = f" [{default}]" if default else ""
    while True:
        answer = input(f"{number}. {question}{shown} ").strip() or default or ""
        try:
            if answer:
                check(answer)
                return answer
        except UserError as error:
            print(error)


def parse_minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < float("inf"):
        raise UserError(f"--minutes is {text!r}: give a number greater than 0.")
    return minutes


def config_takes(kind: object, text: str) -> bool:
    """Return whether a config would take a text for a value of this kind, a type of settings.py."""
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


def check_encoder(name: str) -> None:
    """Raise UserError where `name` is neither a folder nor a name on the Hub."""
    # Unlike `Path.is_dir`, this raises nothing for a name that no file system can have.
    if os.path.isdir(name):
        return
    if os.path.isdir(os.path.dirname(name)):
        raise UserError(f"--encoder is {name!r}, but there is no such folder: correct the path.")
    if not config_takes(HubName, name):
        raise UserError(f"--encoder is {name!r}, neither a folder here nor a name on the Hub: correct it.")


def check_file(file: str) -> None:
    """Raise UserError for a path that no config can name, and for a file that cannot be read."""
    if set("{}") & set(file):
        raise UserError(f"--file is {file!r}, but Snakemake reads braces as wildcards: rename the file or folder.")
    if not config_takes(Place, file):
        raise UserError(f"--file is {file!r}, with control characters or not in UTF-8: rename the file or folder.")
    if set("*?[") & set(file) and not os.path.exists(file):
        raise UserError(f"--file is {file!r}, a pattern: name one file, into which you have joined those it matches.")
    open_table(file)


def check_name(given: str | None, file: str) -> str:
    """Return the experiment's name, given or made from the file's. Raises UserError where its config exists."""
    name = given or name_for(file)
    if name != name_for(name):
        raise UserError(f"--name is {name!r}: use letters, digits, dashes and underscores.")
    if len(name) > 100:
        raise UserError(f"The name {name} has {len(name)} characters: give one of at most 100 by --name.")
    if Path("configs", f"{name}.yaml").exists():
        raise UserError(f"configs/{name}.yaml exists: delete it, or give another --name (EXPERIMENT=... for make).")
    return name


def split_sizes(survey: Survey, file: str) -> dict[str, int]:
    """Return the rows of each split that the sweep will make. Raises UserError where one would lack a label."""
    labels = np.repeat(range(len(survey.labels)), list(survey.labels.values()))
    try:
        parts = split_rows(pd.DataFrame({"text": "", "label": labels}), {}, HELD_OUT, 0, stratified=True)
    except UserError:
        rare = min(survey.labels, key=survey.labels.get)
        raise UserError(
            f"{file} has {survey.rows:,} rows of {len(survey.labels)} labels, {survey.labels[rare]:,} of them with "
            f"label {rare!r}, too few to train, validate and test on every label: add rows (ten of each label are "
            "enough), or remove those of rare labels."
        ) from None
    return dict(zip(("train", "validation", "test"), map(len, parts), strict=True))
