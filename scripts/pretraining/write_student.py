"""Write a pretrained encoder as a folder that transformers loads: float16 weights, tokenizer, model card."""

import argparse
import json
import shutil
from pathlib import Path

import pandas as pd
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from bitsweep.data.tokens import load_tokens
from bitsweep.files import MODEL_WEIGHTS, read_json, sha256_file, whole_file, write_json, write_text
from bitsweep.jobs.entry import run
from bitsweep.pretraining.loop import warm_up
from bitsweep.pretraining.model_card import add_judgement, name_teacher, write_card

# The keys of a tokenizer's config that describe only how the teacher was loaded.
OF_LOADING = {"is_local", "local_files_only", "max_length", "stride", "truncation_strategy", "pad_to_multiple_of"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, type=json.loads, help="the config's section pretrain, as JSON")
    parser.add_argument("--student", required=True, type=Path, help="folder that pretrain_student wrote")
    parser.add_argument("--teacher", required=True, type=Path, help="folder of the prepared teacher")
    parser.add_argument("--corpus", required=True, help="safetensors file that read_corpus wrote")
    parser.add_argument("--codes", required=True, help="safetensors file that code_documents wrote")
    parser.add_argument("--precision", required=True, help="JSON file that project_teacher wrote")
    parser.add_argument(
        "--judgement", nargs="*", type=Path, default=[], help="JSON file of what fine-tuning reaches with the encoder"
    )
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    arguments = parser.parse_args()
    settings, output = arguments.settings, arguments.output
    weights = load_file(arguments.student / "student.safetensors")
    with whole_file(output / MODEL_WEIGHTS) as part:
        save_file({name: tensor.half() for name, tensor in weights.items()}, part, metadata={"format": "pt"})
    write_json(output / "config.json", read_json(arguments.student / "config.json"))
    with whole_file(output / "tokenizer.json") as part:
        shutil.copyfile(arguments.teacher / "tokenizer.json", part)
    tokenizer = read_json(arguments.teacher / "tokenizer_config.json")
    tokenizer_config = {key: value for key, value in tokenizer.items() if key not in OF_LOADING}
    write_json(
        output / "tokenizer_config.json", {**tokenizer_config, "model_max_length": settings["student"]["positions"]}
    )
    windows = load_tokens(arguments.corpus)
    with safe_open(arguments.codes, framework="pt") as file:
        directions, coded = file.get_slice("spread").get_shape()[0], int(file.get_tensor("coded").sum())
    made = {
        "name": output.name,
        "teacher": name_teacher(settings["teacher"]),
        "texts": len(set(windows.labels.tolist())),
        "windows": len(windows),
        "tokens": int(windows.offsets[-1]),
        "directions": directions,
        "coded": coded,
        "precision": read_json(arguments.precision)["precision"],
        "parameters": sum(tensor.numel() for tensor in weights.values()),
        "biases": sum(tensor.numel() for name, tensor in weights.items() if "bias" in name),
    }
    history = pd.read_csv(arguments.student / "history.csv")
    card = write_card(settings, made | {"warm_up": warm_up(int(history["step"].iloc[-1]))}, history)
    if judgement := next(map(read_json, arguments.judgement), None):
        if judgement["weights_sha256"] == sha256_file(output / MODEL_WEIGHTS):
            card = add_judgement(card, judgement)
        else:
            print(f"{arguments.judgement[0]} belongs to other weights: the card leaves it out.")
    write_text(output / "README.md", card)
    print(f"encoder in {output}")


if __name__ == "__main__":
    run(main)
