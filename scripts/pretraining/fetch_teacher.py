"""Fetch the teacher of a pretraining from a package, a folder or the Hub, in the format that later steps read."""

import argparse
import json
from pathlib import Path

from bitsweep.files import read_json
from bitsweep.jobs.entry import run
from bitsweep.model.encoder import prepare_encoder
from bitsweep.places import find_folder
from bitsweep.pretraining.teacher_files import check_teacher, find_package_folder, free_tokenizer

# The section of the config, for error messages.
SECTION = "pretrain.teacher"


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
        prepare_encoder(find_folder(teacher["path"]), teacher["path"], arguments.output, SECTION)
    check_teacher(read_json(arguments.output / "config.json"))
    free_tokenizer(arguments.output)
    print(f"teacher in {arguments.output}")


if __name__ == "__main__":
    run(main)
