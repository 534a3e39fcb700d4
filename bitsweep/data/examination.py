"""Facts about the data that a reader of scores should know: sizes, labels, lengths, and what is doubtful."""

from itertools import combinations

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

from bitsweep.data.readability import MANY, count_unread
from bitsweep.data.rows import texts_of
from bitsweep.data.tokenizer import encode

# The report warns where more than these shares of texts are cut, and have the commonest label.
MANY_CUT, MOST = 0.2, 0.8
# It warns where a split that gives scores has fewer examples of a label: each moves that label's scores by more than a
# fifth.
FEW = 5
# Sentences name at most so many labels.
SHOWN = 6


def examine(splits: dict[str, pd.DataFrame], tokenizer: Tokenizer, max_length: int, classes: int) -> dict:
    """Return the counts of `examine_split` for each split, and for each two splits how many texts are in both."""
    texts = {split: set(texts_of(rows)) for split, rows in splits.items()}
    return {
        "max_length": max_length,
        "splits": {split: examine_split(rows, tokenizer, max_length, classes) for split, rows in splits.items()},
        "shared": [
            {"splits": [one, other], "texts": len(texts[one] & texts[other])} for one, other in combinations(splits, 2)
        ],
    }


def examine_split(rows: pd.DataFrame, tokenizer: Tokenizer, max_length: int, classes: int) -> dict:
    """Count what is in the rows of one split; lengths are in tokens, special ones included, before anything is cut.

    `duplicates` are rows whose text an earlier row has, `contradicting` texts that have more than one label, `empty`
    rows with a text of only spaces. `pieces`, `unknown` and `alike` are those of `readability.Readability`: what the
    encoder reads, and so behind the cut. Where rows are pairs of texts, a text is the whole pair.
    """
    texts = texts_of(rows)
    tokenizer.enable_truncation(max_length, strategy="longest_first")
    encodings = encode(tokenizer, texts)
    unread = count_unread(tokenizer, texts, encodings)
    lengths = token_lengths(tokenizer, texts, [len(encoding.ids) for encoding in encodings], max_length)
    columns = [column for column in ("text", "pair") if column in rows]
    labels_of = rows.groupby(columns, sort=False)["label"].nunique()
    empty = np.any([rows[column].str.strip() == "" for column in columns], axis=0)
    return {
        "rows": len(rows),
        "labels": np.bincount(rows["label"], minlength=classes).tolist(),
        "median_tokens": int(np.median(lengths)),
        "p95_tokens": int(np.quantile(lengths, 0.95)),
        "max_tokens": int(lengths.max()),
        "cut": int((lengths > max_length).sum()),
        "pieces": unread.pieces,
        "unknown": unread.unknown,
        "alike": unread.alike,
        "empty": int(empty.sum()),
        "duplicates": int(rows.duplicated(columns).sum()),
        "contradicting": int((labels_of > 1).sum()),
    }


def token_lengths(tokenizer: Tokenizer, texts: list, cut: list[int], max_length: int, size: int = 1000) -> np.ndarray:
    """Return how many tokens each text or pair has before any is cut: shape (len(texts),).

    `cut` are their lengths once cut to `max_length`: only the longest need to be tokenized once more.
    """
    tokenizer.no_truncation()
    lengths = np.array(cut)
    (longest,) = np.nonzero(lengths >= max_length)
    for start in range(0, len(longest), size):
        places = longest[start : start + size]
        lengths[places] = [len(each.ids) for each in tokenizer.encode_batch([texts[place] for place in places])]
    return lengths


def data_table(examination: dict, names: list[str]) -> pd.DataFrame:
    """Return what `examine` has found as a table, with one row for each split."""
    table = pd.DataFrame([{"split": split, **found} for split, found in examination["splits"].items()])
    table["labels"] = [spell_labels(counts, names) for counts in table["labels"]]
    table.insert(table.columns.get_loc("unknown") + 1, "unknown_share", unknown_share(table))
    return table


def unknown_share(found: dict | pd.DataFrame) -> float | pd.Series:
    """Return the share of the pieces of a split, or of each, that the encoder does not know."""
    # A split of empty texts has no pieces.
    return found["unknown"] / np.maximum(found["pieces"], 1)


def spell_labels(counts: list[int], names: list[str], most: int = 6) -> str:
    """Return how many rows each label has, in words; for more than `most` labels only the range."""
    if len(counts) > most:
        return f"{len(counts)} labels, {min(counts):,} to {max(counts):,} each"
    return ", ".join(f"{name}: {count:,}" for name, count in zip(names, counts, strict=True))


def find_doubts(examination: dict, names: list[str]) -> list[str]:
    """Return a sentence for each thing that is doubtful in the data."""
    doubts = []
    for split, found in examination["splits"].items():
        doubts += doubts_of_split(split, found, examination["max_length"], names)
    for pair in examination["shared"]:
        if pair["texts"]:
            one, other = pair["splits"]
            doubts.append(
                f"{some(pair['texts'], 'text')} of the {other} split {is_are(pair['texts'])} in the {one} split too: "
                f"scores on {'it' if one == 'train' else 'both'} may flatter."
            )
    return doubts


def describe_left_out(files: dict[str, dict]) -> list[str]:
    """Return a sentence for each split whose file has rows that `sources.fetch` has left out."""
    return [
        f"{some(file['left_out'], 'row')} of {file['name']} (data.{split}) without a label or a text "
        f"{is_are(file['left_out'])} left out."
        for split, file in files.items()
        if "left_out" in file
    ]


def compare_names(class_names: dict[str, list[str]], names: list[str]) -> list[str]:
    """Return a sentence where a file names its labels itself, and the config's label_names name them otherwise."""
    return [
        f"The file of data.{split} names its labels {', '.join(its)}, and label_names names them {', '.join(names)}."
        for split, its in class_names.items()
        if its[: len(names)] != names
    ][:1]


def doubts_of_split(split: str, found: dict, max_length: int, names: list[str]) -> list[str]:
    rows, doubts = found["rows"], []
    if found["cut"] > MANY_CUT * rows:
        doubts.append(
            f"{some(found['cut'], 'text')} of the {split} split ({100 * found['cut'] / rows:.0f} %) are longer than "
            f"{max_length} tokens and are cut; 95 % have at most {found['p95_tokens']:,} (max_length)."
        )
    if (share := unknown_share(found)) > MANY:
        doubts.append(
            f"{100 * share:.0f} % of the word pieces of the {split} split are unknown to the encoder, which reads them "
            "all as one and the same (encoder)."
        )
    if found["alike"]:
        doubts.append(
            f"{some(found['alike'], 'text')} of the {split} split {is_are(found['alike'])} for the encoder the same as "
            "an earlier one that differs: in pieces unknown to it (encoder), or behind the cut (max_length)."
        )
    if found["empty"]:
        doubts.append(f"{some(found['empty'], 'text')} of the {split} split {has_have(found['empty'])} only spaces.")
    if found["duplicates"]:
        doubts.append(
            f"{some(found['duplicates'], 'row')} of the {split} split {has_have(found['duplicates'])} the text of an "
            "earlier one."
        )
    if found["contradicting"]:
        doubts.append(
            f"{some(found['contradicting'], 'text')} of the {split} split {has_have(found['contradicting'])} more than "
            "one label there: no classifier can get all of these right."
        )
    missing = [name for name, count in zip(names, found["labels"], strict=True) if count == 0]
    if missing:
        doubts.append(f"The {split} split has no example of {', '.join(missing)}: scores say nothing about it.")
    few = {name: count for name, count in zip(names, found["labels"], strict=True) if 0 < count < FEW}
    if few and split != "train":
        shown = [f"{name} ({count})" for name, count in list(few.items())[:SHOWN]]
        more = f" and {len(few) - SHOWN} more labels" if len(few) > SHOWN else ""
        doubts.append(
            f"The {split} split has fewer than {FEW} examples of {', '.join(shown)}{more}: single texts decide "
            f"{'its score' if len(few) == 1 else 'their scores'}, and move macro F1."
        )
    share = max(found["labels"]) / rows
    if share > MOST:
        commonest = names[found["labels"].index(max(found["labels"]))]
        doubts.append(
            f"{100 * share:.0f} % of the {split} split are {commonest}: accuracy hides how the others fare; macro F1 "
            "and Matthews correlation show it (metric)."
        )
    return doubts


def some(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def is_are(count: int) -> str:
    return "is" if count == 1 else "are"


def has_have(count: int) -> str:
    return "has" if count == 1 else "have"
