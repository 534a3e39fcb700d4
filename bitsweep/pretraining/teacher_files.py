"""The teacher's folder: where it is, and whether it can teach."""

import importlib.metadata
from pathlib import Path

from tokenizers import Tokenizer

from bitsweep.errors import UserError
from bitsweep.files import read_json, whole_file
from bitsweep.pretraining.special_tokens import mask_of, special_ends


def check_teacher(teacher: dict, **shape: int) -> None:
    """Raise UserError where a teacher cannot teach a student of this `hidden_size` and these `positions`.

    `teacher` is the content of its config.json.
    """
    if teacher["model_type"] != "bert":
        raise UserError(
            f"pretrain.teacher has model_type {teacher['model_type']!r}, but the student is a BERT with its teacher's "
            "tokens: name one of model_type bert."
        )
    for key, size in shape.items():
        theirs = teacher.get("max_position_embeddings" if key == "positions" else key, size)
        if size > theirs:
            raise UserError(f"pretrain.student.{key} is {size}, but the teacher has {theirs}: lower it.")


def find_package_folder(package: str, path: str) -> Path:
    """Return the path of a folder in the installation of a package."""
    return Path(str(importlib.metadata.distribution(package).locate_file(path)))


def free_tokenizer(folder: Path) -> None:
    """Remove padding and a limit of length from a teacher's tokenizer, which was saved with them for a use of its own.

    Raises UserError where the tokenizer lacks the special tokens that a student needs.
    """
    path = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    special_ends(tokenizer)
    mask_of(tokenizer, read_json(folder / "tokenizer_config.json"), read_json(folder / "config.json")["vocab_size"])
    with whole_file(path) as part:
        tokenizer.save(str(part))
