"""The meaning of a cell in a column of labels: one for every format, whoever reads it."""

import math
import re
from collections.abc import Sequence

# `1.0` is what some programs make of 1 where a label is missing in the column.
WHOLE = re.compile(r"([+-]?[0-9]{1,9})(?:\.0*)?")


def spell_label(value: object) -> str | None:
    """Return the text of a cell, without the spaces around it; None where it has no label.

    Truth values are `true` and `false`, whole numbers are without decimals, however the format stores them.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() or None


def plain(spelled: str) -> str:
    """Return a spelling that is the same for `1`, `01`, `+1` and `1.0`, and for `True` and `true`."""
    if whole := WHOLE.fullmatch(spelled):
        return str(int(whole[1]))
    return spelled.lower() if spelled.lower() in ("true", "false") else spelled


def whole_number(value: object) -> int | None:
    """Return the whole number that a cell is, or spells; None for any other cell."""
    spelled = None if isinstance(value, bool) else spell_label(value)
    found = spelled and WHOLE.fullmatch(spelled)
    return int(found[1]) if found else None


def is_number(value: object) -> bool:
    """Return whether a cell is a number of any kind, or a text that spells one."""
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return not isinstance(value, bool)


class LabelNumbers:
    """The numbers of labels by what stands for them in the column: `values`, in the order of the labels."""

    def __init__(self, values: Sequence) -> None:
        spelled = [spell_label(value) or "" for value in values]
        self.exact = {value: number for number, value in enumerate(spelled)}
        # Two labels that differ as texts alone, such as 01 and 1, are found by their texts.
        plains = [plain(value) for value in spelled]
        self.plain = {value: number for number, value in enumerate(plains) if plains.count(value) == 1}

    def of(self, spelled: str) -> int | None:
        """Return the number of a label as `spell_label` spells it; None where nothing stands for it."""
        return self.exact.get(spelled, self.plain.get(plain(spelled)))


def plain_name(name: str) -> str:
    """Return a name of a label without what people spell differently: capitals, and spaces around it."""
    return name.strip().casefold()


def order_of_names(class_names: Sequence[str], label_names: Sequence[str]) -> str:
    """Return how the config's names of labels lie to those that a file gives to its labels 0, 1, ...

    It is `same`, also where the config has fewer; `permuted` where the config has some or all of them in another order;
    `mixed` where it has some of them and others; `other` where it has none.
    """
    its, names = list(map(plain_name, class_names)), list(map(plain_name, label_names))
    if names == its[: len(names)]:
        return "same"
    shared = set(names) & set(its)
    return "other" if not shared else "permuted" if shared == set(names) else "mixed"


def are_names(cells: Sequence, label_names: Sequence[str]) -> bool:
    """Return whether the cells of a column are names of labels, rather than numbers that count from 0.

    The first one that is there decides; where it is a number, all numbers must be among the `label_names` to be names.
    """
    spelled = [text for text in map(spell_label, cells) if text is not None]
    if not spelled or not is_number(spelled[0]):
        return bool(spelled)
    names = {plain(spell_label(name) or "") for name in label_names}
    return all(plain(text) in names for text in spelled if is_number(text))
