"""Folders of text files: one sub-folder for each label."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bitsweep.data.records import lines_of
from bitsweep.errors import UserError

# Names of splits: a folder that has one of them holds splits, not labels.
SPLIT_NAMES = {"train", "test", "validation", "valid", "val", "dev"}


@dataclass(frozen=True)
class Texts:
    """The files of a folder: those to read by the folder of their label, and those that are no text files."""

    files: dict[Path, list[Path]]
    passed_over: list[Path]


def label_folders(path: Path, name: str) -> list[Path]:
    """Return the sub-folders of a folder, in the order of their names. Raises UserError where they are no labels."""
    folders = sorted(part for part in path.iterdir() if part.is_dir() and not part.name.startswith("."))
    if not folders:
        raise UserError(
            f"{name} is a folder without sub-folders: name a file, or put the texts into one sub-folder for each label."
        )
    splits = [folder.name for folder in folders if folder.name.lower() in SPLIT_NAMES]
    if len(splits) > 1 or (splits and len(folders) == 1):
        train = next((split for split in splits if split.lower() == "train"), "the one to train on")
        raise UserError(
            f"{name} is a folder that has {' and '.join(splits)} in it, splits rather than labels: set data.train to "
            f"{path / train}, and data.validation and data.test to those that validate and test."
        )
    return folders


def folder_texts(path: Path, name: str) -> Texts:
    """Return the files of a folder whose names end in .txt, in small or capital letters, at any depth.

    Hidden files and folders are left alone; all others are passed over.
    """
    files, passed_over = {}, [file for file in visible(path) if file.is_file()]
    for folder in label_folders(path, name):
        found = sorted(every_file(folder))
        files[folder] = [file for file in found if file.suffix.lower() == ".txt"]
        passed_over += [file for file in found if file.suffix.lower() != ".txt"]
    return Texts(files, passed_over)


def check_folder(path: Path, name: str) -> list[str]:
    """Return the labels of a folder. Raises UserError where one of them has no text."""
    found = folder_texts(path, name)
    for folder, files in found.files.items():
        if not files:
            raise UserError(f"{name} has no .txt files in {folder.name}: put its texts there, or remove the folder.")
    return [folder.name for folder in found.files]


def visible(folder: Path) -> list[Path]:
    return [part for part in folder.iterdir() if not part.name.startswith(".")]


def every_file(folder: Path, around: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Yield the files below a folder that are not hidden. A link to a folder `around` it is not followed."""
    around = around | {folder.resolve()}
    for part in visible(folder):
        if part.is_file():
            yield part
        elif part.is_dir() and part.resolve() not in around:
            yield from every_file(part, around)


def text_files(folder: Path) -> list[Path]:
    """Return the files below a folder whose names end in .txt, in small or capital letters, in their order."""
    return sorted(file for file in every_file(folder) if file.suffix.lower() == ".txt")


def read_texts(path: Path, name: str) -> tuple[list[str], list[str], list[str], list[Path]]:
    """Return texts, labels and places (label/file) of the files of a folder, and the files that are passed over."""
    check_folder(path, name)
    found = folder_texts(path, name)
    texts, labels, places = [], [], []
    for folder, files in found.files.items():
        for file in files:
            place = file.relative_to(path).as_posix()
            texts.append("".join(lines_of(file, f"{name}, file {place}", whole=True)))
            labels.append(folder.name)
            places.append(place)
    return texts, labels, places, found.passed_over
