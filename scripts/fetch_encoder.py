"""Fetch the pretrained encoder, from a folder or the Hub, and bring it into the one format that later steps read."""

import argparse
import json
from pathlib import Path

from bitsweep.jobs.entry import run
from bitsweep.model.encoder import prepare_encoder
from bitsweep.places import find_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", required=True, type=json.loads, help="the config's encoder section, as JSON")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    arguments = parser.parse_args()
    source = arguments.encoder
    if source["source"] == "folder":
        prepare_encoder(find_folder(source["path"]), source["path"], arguments.output)
    else:
        from bitsweep.data.hub import pin_revision
        from bitsweep.model.hub_encoder import downloaded_encoder

        # This file lies beside the outputs and is none of them, so that it outlives them when the job starts again.
        pin = arguments.output / "pinned.json"
        revision = pin_revision("encoder", source["name"], source["revision"], pin)
        print(f"{source['name']} at {revision}", flush=True)
        with downloaded_encoder(source["name"], revision) as folder:
            prepare_encoder(folder, source["name"], arguments.output)
    print(f"encoder in {arguments.output}")


if __name__ == "__main__":
    run(main)
