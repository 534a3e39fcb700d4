"""Takes the teacher of a pretraining from a package, a folder or the Hub into the shape that later steps read."""

import argparse
import json
from pathlib import Path

from bitsweep.corpus import find_package_folder
from bitsweep.encoder import prepare_encoder
from bitsweep.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", required=True, type=json.loads, help="the config's pretrain.teacher, as JSON")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    arguments = parser.parse_args()
    teacher = arguments.teacher
    if teacher["source"] == "hub":
        from bitsweep.hub import downloaded_encoder

        with downloaded_encoder(teacher["name"], teacher["revision"]) as folder:
            prepare_encoder(folder, teacher["name"], arguments.output)
    elif teacher["source"] == "package":
        folder = find_package_folder(teacher["package"], teacher["path"])
        prepare_encoder(folder, f"{teacher['package']} {teacher['version']}", arguments.output)
    else:
        prepare_encoder(teacher["path"], teacher["path"], arguments.output)
    print(f"teacher in {arguments.output}")


if __name__ == "__main__":
    run(main)
