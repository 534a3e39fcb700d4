"""The splits of a data set on the Hub, found by the names of the files in its repository.

The layouts are those that the Hub's own tools write: `<configuration>/<split>-00000-of-00003.parquet`, in
the folder `data` or none for the configuration "default" (push_to_hub of the library datasets),
`<configuration>/<split>/0000.parquet` (the Hub's conversion, in a repository's branch refs/convert/parquet), and one
file, `<split>.parquet`.
"""

import difflib
import re
from collections.abc import Collection
from fnmatch import fnmatchcase
from itertools import combinations

from bitsweep.data.readers import suffix_of
from bitsweep.errors import UserError

SPLITS = ("train", "validation", "test")
FOLDER = r"(?:(?P<folder>.+)/)?"
LAYOUTS = (
    re.compile(rf"{FOLDER}(?P<split>[^/]+)/[0-9]{{4,}}\.parquet"),
    re.compile(rf"{FOLDER}(?P<split>[^/]+?)(?:-[0-9]{{5}}-of-[0-9]{{5}}(?:-[0-9a-f]+)?)?\.parquet"),
)
# A file's name without its suffix: the part before its number, the number, and in some layouts the number of files.
NUMBER = re.compile(
    r"(?P<before>.*?)(?:-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<digest>-[0-9a-f]+)?|/(?P<other>\d{4,}))"
)


def finds_splits(train: str | None) -> bool:
    """Return whether to look for splits in the repository: not where the config's `data.train` names files."""
    return suffix_of(train or "") is None


def needs_listing(data: dict) -> bool:
    """Return whether the repository's files must be listed: not where a data section names one file for each split."""
    places = [data.get("train") or "", *(data[split] for split in SPLITS if split in data)]
    return any(suffix_of(place) is None or is_pattern(place) for place in places)


def is_pattern(path: str) -> bool:
    return bool(set("*?[") & set(path))


def files_of_splits(names: Collection[str], data: dict, others: Collection[str]) -> dict[str, list[str]]:
    """Return the files of each split, in order, among the `names` of a repository's files.

    `data` is a data section with its revision, whose keys train, validation and test name a split, a file, or files by
    a pattern. The splits of `others` that it does not name are taken where the data set has them. Raises UserError.
    """
    given = {"train": "train" if finds_splits(data.get("train")) else None, **data}
    asked = {split: given[split] or "train" for split in SPLITS if given.get(split)}
    files = {}
    for split, place in asked.items():
        if suffix_of(place) is None:
            files[split] = choose_split(choose_configuration(names, data), place, split, data)
        else:
            exact = place in names or not is_pattern(place)
            files[split] = [place] if exact else matching_files(names, place, split, data)
    for split in others:
        # A split that another key names is used for that key alone.
        if split not in asked.values() and split in (splits := choose_configuration(names, data)):
            files.setdefault(split, choose_split(splits, split, split, data))
    for one, other in combinations(files, 2):
        if twice := set(files[one]) & set(files[other]):
            raise UserError(
                f"data.{other} has {min(twice)} of {repository(data)}, and so has data.{one}: set each to files of its "
                "own."
            )
    return {split: files[split] for split in SPLITS if split in files}


def matching_files(names: Collection[str], pattern: str, split: str, data: dict) -> list[str]:
    files = sorted(name for name in names if fnmatchcase(name, pattern))
    if not files:
        raise UserError(f"data.{split} is {pattern!r}, which no file of {repository(data)} matches: correct it.")
    return files


def find_splits(names: Collection[str]) -> dict[str, dict[str, list[str]]]:
    """Return the Parquet files of a repository, by configuration and split."""
    found: dict[str, dict[str, list[str]]] = {}
    for name in sorted(names):
        if match := next(filter(None, (layout.fullmatch(name) for layout in LAYOUTS)), None):
            configuration = re.sub("^data(/|$)", "", match["folder"] or "") or "default"
            found.setdefault(configuration, {}).setdefault(match["split"], []).append(name)
    return found


def choose_configuration(names: Collection[str], data: dict) -> dict[str, list[str]]:
    """Return the files of each split of the configuration that `data` names, or of the only or the default one."""
    found, wanted = find_splits(names), data.get("configuration")
    if not found:
        readable = sorted(name for name in names if suffix_of(name))
        has = f"it has {', '.join(readable[:10])}" if readable else "nor others that can be read"
        raise UserError(
            f"{repository(data)} has no Parquet files ({has}): name files under data.train and data.test, or set "
            "data.revision to a commit of its branch refs/convert/parquet, where the Hub keeps a conversion."
        )
    if wanted is None:
        if len(found) > 1 and "default" not in found:
            split = data.get("train") or "train"
            if not any(split in splits for splits in found.values()):
                raise UserError(
                    f"No Parquet files of {repository(data)} have the name of a split {split!r}: name them under "
                    f"data.train and data.test, by a path or a pattern. It has {', '.join(sorted(names)[:10])}."
                )
            raise UserError(
                f"data.configuration is missing, and {repository(data)} has several: set it to one of "
                f"{', '.join(found)}."
            )
        return found.get("default") or next(iter(found.values()))
    if wanted not in found:
        raise UserError(
            f"data.configuration is {wanted!r}, which {repository(data)} does not have: {one_of(wanted, found)}"
        )
    return found[wanted]


def choose_split(splits: dict[str, list[str]], wanted: str, split: str, data: dict) -> list[str]:
    if wanted not in splits:
        configuration = f"configuration {data['configuration']} of " if data.get("configuration") else ""
        raise UserError(
            f"data.{split} is {wanted!r}, a split that {configuration}{repository(data)} does not have: "
            f"{one_of(wanted, splits, 'or to the path of a file')}"
        )
    files = splits[wanted]
    if not is_complete_set(files):
        raise UserError(
            f"The files of the split {wanted!r} in {repository(data)} do not form one complete set "
            f"({', '.join(files[:10])}): take another revision, or name files under data.{split}."
        )
    return files


def is_complete_set(files: list[str]) -> bool:
    """Return whether a split's files are all files of one set: with two sets the same rows might come twice."""
    if len(files) == 1 and not NUMBER.fullmatch(files[0].removesuffix(".parquet")):
        return True
    matches = [NUMBER.fullmatch(file.removesuffix(".parquet")) for file in files]
    if None in matches or len({(match["before"], match["count"], bool(match["digest"])) for match in matches}) > 1:
        return False
    numbers = [int(match["number"] or match["other"]) for match in matches]
    return sorted(numbers) == list(range(int(matches[0]["count"] or len(files))))


def repository(data: dict) -> str:
    return f"{data['name']} at revision {data['revision']}"


def one_of(wanted: str, there: Collection[str], *more: str) -> str:
    """Return the remedy where the name `wanted` is not among those that are `there`."""
    near = difflib.get_close_matches(wanted, there, n=1)
    return f"did you mean {near[0]}?" if near else f"set it to one of {', '.join([*there, *more])}."
