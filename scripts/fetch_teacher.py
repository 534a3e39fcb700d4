"""Takes the teacher of a pretraining from a package, a folder or the Hub into the shape that later steps read."""

import argparse
import json
from pathlib import Path

from tokenizers import Tokenizer

from bitsweep.files import read_json, whole_file
from bitsweep.jobs.entry import PRETRAINING, run
from bitsweep.model.encoder import prepare_encoder
from bitsweep.pretraining.teacher_files import check_teacher, find_package_folder
from bitsweep.pretraining.windows import mask_of, special_ends

# Of the config.
SECTION = "pretrain.teacher"


def free_tokenizer(folder: Path) -> None:
    """Takes out of a teacher's tokenizer what it was saved with for a use of its own: padding and a limit of length."""
    path = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    special_ends(tokenizer)
    mask_of(tokenizer, read_json(folder / "tokenizer_config.json"), read_json(folder / "config.json")["vocab_size"])
    with whole_file(path) as part:
        tokenizer.save(str(part))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", required=True, type=json.loads, help="the config's pretrain.teacher, as JSON")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    arguments = parser.parse_args()
    teacher = arguments.teacher
    if teacher["source"] == "hub":
        from bitsweep.model.hub_encoder import downloaded_encoder

        with downloaded_encoder(teacher["name"], teacher["revision"], SECTION) as folder:
            prepare_encoder(folder, teacher["name"], arguments.output, SECTION)
    elif teacher["source"] == "package":
        folder = find_package_folder(teacher["package"], teacher["path"])
        prepare_encoder(folder, f"{teacher['package']} {teacher['version']}", arguments.output, SECTION)
    else:
        prepare_encoder(teacher["path"], teacher["path"], arguments.output, SECTION)
    check_teacher(read_json(arguments.output / "config.json"))
    free_tokenizer(arguments.output)
    print(f"teacher in {arguments.output}")


if __name__ == "__main__":
    run(main, PRETRAINING)
