"""Pretrains the student: from its checkpoint where it was interrupted."""

import argparse
import json
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from bitsweep.data.tokens import load_tokens
from bitsweep.files import canonical_json, read_json, sha256_file, whole_file, write_json
from bitsweep.jobs.entry import PRETRAINING, run
from bitsweep.locks import waited_for
from bitsweep.pretraining.loop import Special, StudentTraining, Targets, pooler_targets, whitened
from bitsweep.pretraining.student import build_student, student_config
from bitsweep.pretraining.windows import mask_of, special_ends
from bitsweep.training.checkpoint import Checkpoint
from bitsweep.training.machine import Machine

# Of the teacher, whose words' vectors the student begins with.
TEACHER_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def read_targets(parts: list[Path], codes: dict[str, torch.Tensor], size: int, seed: int) -> Targets:
    """What the teacher and the corpus ask of a student of hidden size `size`."""
    read = [load_file(part) for part in parts]
    vectors = torch.cat([part["vectors"] for part in read])
    return Targets(
        tokens=torch.cat([part["tokens"] for part in read]),
        vectors=whitened(vectors, size),
        # Leading directions say more of a text, and get more of the loss.
        codes=codes["codes"].clamp(-4, 4) * codes["spread"].sqrt(),
        mixtures=pooler_targets(codes["codes"], codes["coded"], size, seed),
        coded=codes["coded"],
    )


def special_tokens(teacher: Path, padding: int, vocabulary: int) -> Special:
    """The special tokens of a teacher, which are at its vocabulary's start (BERT's own), end, or both."""
    tokenizer = Tokenizer.from_file(str(teacher / "tokenizer.json"))
    first, last = special_ends(tokenizer)
    mask = mask_of(tokenizer, read_json(teacher / "tokenizer_config.json"), vocabulary)
    special = (first, last, mask, padding)
    start = 1 + max((token for token in special if token < vocabulary // 2), default=-1)
    end = min((token for token in special if token >= vocabulary // 2), default=vocabulary)
    return Special(first, last, mask, padding, words=(start, end))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--student", required=True, type=json.loads, help="the config's pretrain.student, as JSON")
    parser.add_argument("--teacher", required=True, type=Path, help="folder of the prepared teacher")
    parser.add_argument("--corpus", required=True, help="safetensors file that read_corpus wrote")
    parser.add_argument("--codes", required=True, help="safetensors file that code_documents wrote")
    parser.add_argument(
        "--targets", required=True, nargs="+", type=Path, help="files that read_teacher wrote, in order"
    )
    parser.add_argument("--precision", required=True, help="JSON file that project_teacher wrote")
    parser.add_argument("--epochs", required=True, type=int, help="passes over the corpus")
    parser.add_argument("--learning-rate", required=True, type=float, help="AdamW's highest rate")
    parser.add_argument("--seed", required=True, type=int, help="seed of everything that is drawn")
    parser.add_argument("--threads", required=True, type=int, help="threads of torch")
    parser.add_argument("--code", default="", help="fingerprint of the code")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    arguments = parser.parse_args()
    # Before anything is computed: sums over rows come out in another order with other threads.
    torch.set_num_threads(arguments.threads)
    verdict = read_json(arguments.precision)
    machine = Machine(verdict["precision"], verdict["device"], arguments.threads)
    config = student_config(arguments.student, read_json(arguments.teacher / "config.json"))
    kept = config.hidden_dropout_prob, config.attention_probs_dropout_prob
    # Texts are cut and masked anew each time, so that little can be learnt by heart.
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    model = build_student(config, arguments.teacher, arguments.seed)
    targets = read_targets(arguments.targets, load_file(arguments.codes), config.hidden_size, arguments.seed)
    made_from = {
        "student": arguments.student,
        "epochs": arguments.epochs,
        "learning_rate": arguments.learning_rate,
        "seed": arguments.seed,
        "machine": vars(machine),
        "code": arguments.code,
        "files": [sha256_file(path) for path in (arguments.corpus, arguments.codes, *arguments.targets)],
        # Its words' vectors, its settings, and which of its tokens are special.
        "teacher": [sha256_file(arguments.teacher / name) for name in TEACHER_FILES],
    }
    checkpoint = Checkpoint(arguments.output / ".checkpoint.safetensors", canonical_json(made_from))
    # A process that a killed Snakemake has left behind may still be at work.
    with waited_for(arguments.output / ".lock", message="Another process pretrains this encoder: waiting for its end."):
        pretraining = StudentTraining(
            model,
            load_tokens(arguments.corpus),
            targets,
            special_tokens(arguments.teacher, config.pad_token_id, config.vocab_size),
            arguments.epochs,
            arguments.learning_rate,
            arguments.seed,
            machine,
            checkpoint,
        )
        history = pretraining.train(log=lambda line: print(line, flush=True))
        # It stays: of a job whose Snakemake was killed the next call deletes what is written below.
        pretraining.save()
        with whole_file(arguments.output / "student.safetensors") as part:
            save_file({name: tensor.detach() for name, tensor in model.named_parameters()}, part)
        config.hidden_dropout_prob, config.attention_probs_dropout_prob = kept
        told = config.to_dict() | {"architectures": ["BertModel"], "dtype": "float32"}
        write_json(arguments.output / "config.json", told)
        with whole_file(arguments.output / "history.csv") as part:
            pd.DataFrame(history).to_csv(part, index=False)


if __name__ == "__main__":
    run(main, PRETRAINING)
