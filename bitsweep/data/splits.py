"""Three splits of labelled rows, as the reference divides them, and checks of their sizes and labels."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bitsweep.errors import UserError
from bitsweep.jobs.entry import settings_at_hand


def split_rows(
    labelled: pd.DataFrame, official: dict[str, pd.DataFrame], held_out: float, seed: int, stratified: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return training, validation and test rows, each with `row`, its number in the source.

    `official` has the splits "validation" and "test" that the source itself has. What it lacks is held out:

    | it has | training | validation | test |
    |---|---|---|---|
    | neither | the labelled rows less `held_out` | the first half of what is held out | the second half |
    | test | the labelled rows less `held_out` | what is held out | test |
    | validation | all labelled rows | half of validation | the other half |
    | both | all labelled rows | validation | test |

    Rows are held out by `datasets.Dataset.train_test_split`, so that the split is the reference's. Official splits, and
    labelled rows that all train, are shuffled by the same seed: some splits are sorted by label, and a limit takes the
    first rows. Where `stratified`, each held-out part has the labels' shares. Raises UserError where there are too few
    rows.
    """
    labelled = labelled.assign(row=range(len(labelled)))
    official = {split: shuffle(rows.assign(row=range(len(rows))), seed) for split, rows in official.items()}
    if "validation" in official:
        train, rest = shuffle(labelled, seed), official["validation"]
    else:
        beginning = f"split.held_out is {held_out}"
        train, rest = hold_out(labelled, held_out, seed, stratified, beginning, "set split.held_out nearer to 0.5")
    if "test" in official:
        return train, rest, official["test"]
    if len(rest) < 2:
        remedy = "give the validation split more rows, or name a test split"
        if "validation" not in official:
            remedy = f"split.held_out is {held_out}, too little of {len(labelled)} rows for two splits: raise it"
        raise UserError(f"{len(rest)} row(s) are too few to validate and to test: {remedy}.")
    if stratified:
        beginning, remedy = f"split.held_out is {held_out}, half of it for testing,", "raise split.held_out"
        if "validation" in official:
            beginning, remedy = "Half of the validation split tests", "name a test split"
        return train, *hold_out(rest, 0.5, seed, stratified, beginning, remedy)
    half = len(rest) // 2
    return train, rest.iloc[:half], rest.iloc[half:]


def shuffle(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    return rows.iloc[np.random.default_rng(seed).permutation(len(rows))]


def hold_out(
    rows: pd.DataFrame, share: float, seed: int, stratified: bool, beginning: str, remedy: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split off a share of the rows at random; return the other rows, and that share.

    Raises UserError where there are too few rows, with a sentence that begins with `beginning` and has `remedy`.
    """
    from datasets import ClassLabel, Dataset, Features, Value

    # The columns get their types from the start: a later cast would go through the whole machinery of `Dataset.map`.
    features = Features({"row": Value("int64"), "label": ClassLabel(num_classes=int(rows["label"].max()) + 1)})
    columns = {"row": list(range(len(rows))), "label": rows["label"].tolist()}
    numbers = Dataset.from_dict(columns, features=features)
    try:
        parts = numbers.train_test_split(share, seed=seed, stratify_by_column="label" if stratified else None)
    except ValueError:
        if not stratified:
            raise UserError(f"{beginning}, for which {len(rows)} row(s) are too few: {remedy}, or add rows.") from None
        counts = rows["label"].value_counts()
        raise UserError(
            f"{beginning} and split.stratified is true, but label {counts.idxmin()} has only {counts.min()} of "
            f"{len(rows)} rows, too few for every label to be in each part: {remedy}, set split.stratified to false, "
            "or add rows with that label."
        ) from None
    return tuple(rows.iloc[parts[part]["row"]] for part in ("train", "test"))


def check_classes(
    labels: Sequence[int], classes: int, split: str, limit: int | None = None, settings: Mapping | None = None
) -> None:
    """Raise UserError where the rows of a split have only one label, or training rows lack any of 0 to `classes` - 1.

    `limit` is how many rows the split was cut to. Validation rows that lack a label can select: the report mentions it.
    `settings` are the experiment's, which the sentences are worded by; None takes those that this job can read.
    """
    settings = settings_at_hand() if settings is None else settings
    found = sorted(set(labels))
    missing = [name_label(label, settings) for label in range(classes) if label not in found]
    remedies = [f"raise limit.{split}"] if limit else []
    remedies.append("give it rows with every label")
    stratify = advise_stratifying(settings)
    if len(found) == 1:
        # Most of the rows train: where these have one label, so has nearly every other row.
        remedies += stratify if split == "validation" else []
        raise UserError(
            f"The {split} split has only one label, {name_label(found[0], settings)}: {join_remedies(remedies)}."
        )
    if missing and split == "train":
        remedies += [*stratify, "take that label out of label_names"]
        raise UserError(f"The train split has no row with label {', '.join(missing)}: {join_remedies(remedies)}.")


def name_label(label: int, settings: Mapping) -> str:
    """Return a label's number, with its name where the settings have it, as in `0 (negative)`."""
    names = settings.get("label_names") or []
    return f"{label} ({names[label]})" if label < len(names) else str(label)


def advise_stratifying(settings: Mapping) -> list[str]:
    """Return what to do so that held-out rows have every label; nothing where none are held out, or that is done."""
    data, split = settings.get("data") or {}, settings.get("split") or {}
    if data.get("validation") or data.get("source") == "glue" or split.get("stratified"):
        return []
    # On the Hub, the data set may have a validation split that the config does not name.
    known = data.get("source") in ("files", "package")
    return ["set split.stratified to true" + ("" if known else " where rows are held out")]


def join_remedies(remedies: Sequence[str]) -> str:
    return ", or ".join(filter(None, [", ".join(remedies[:-1]), remedies[-1]]))


def check_limit(rows: int, limit: int | None, split: str) -> None:
    """Raise UserError where a split of `rows` rows has fewer than its limit."""
    if limit is not None and limit > rows:
        raise UserError(f"limit.{split} is {limit}, but the split has {rows} rows: lower it, or set it to null.")


def check_limits(rows: dict[str, int], limits: dict[str, int | None]) -> None:
    """Raise UserError where any split has fewer rows than its limit; both arguments are by the name of the split.

    `limits` may also have `study`, the largest training set of the training-size study.
    """
    for split in ("train", "validation", "test"):
        check_limit(rows[split], limits.get(split), split)
    if (study := limits.get("study") or 0) > rows["train"]:
        raise UserError(
            f"study.train_size has {study}, but the training split has {rows['train']} rows: lower it, or remove it."
        )
