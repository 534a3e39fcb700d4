"""The pretraining of a student, from the files that earlier rules have made to the files of the student."""

from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from bitsweep.data.tokens import load_tokens
from bitsweep.files import canonical_json, read_json, sha256_file, whole_file, write_json
from bitsweep.pretraining.loop import StudentTraining
from bitsweep.pretraining.special_tokens import special_tokens
from bitsweep.pretraining.student import build_student, student_config
from bitsweep.pretraining.targets import read_targets
from bitsweep.training.checkpoint import Checkpoint
from bitsweep.training.machine import Machine

# The teacher's files that a student depends on: for its word embeddings, its settings, and its special tokens.
TEACHER_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def pretrain(
    shape: dict,
    teacher: Path,
    corpus: Path,
    codes: Path,
    targets: list[Path],
    epochs: int,
    learning_rate: float,
    seed: int,
    machine: Machine,
    code: str,
    folder: Path,
) -> None:
    """Pretrain a student, from its checkpoint where it was interrupted, and write it to `folder`.

    `shape` is the config's pretrain.student, `teacher` the folder of the prepared teacher, `targets` are the files that
    read_teacher wrote, in order. `code` is the digest of the code: a checkpoint of other code is not used.
    """
    # This must come before any computation: with another number of threads, sums over rows are made in another order.
    torch.set_num_threads(machine.threads)
    config = student_config(shape, read_json(teacher / "config.json"))
    dropout = config.hidden_dropout_prob, config.attention_probs_dropout_prob
    # Dropout is not needed: texts are cut and masked anew each time, so that little can be learnt by heart.
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    made_from = {
        "student": shape,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "seed": seed,
        "machine": vars(machine),
        "code": code,
        "files": [sha256_file(path) for path in (corpus, codes, *targets)],
        "teacher": [sha256_file(teacher / name) for name in TEACHER_FILES],
    }
    model = build_student(config, teacher, seed)
    training = StudentTraining(
        model,
        load_tokens(corpus),
        read_targets(targets, load_file(codes), config.hidden_size, seed),
        special_tokens(teacher, config.pad_token_id, config.vocab_size),
        epochs,
        learning_rate,
        seed,
        machine,
        Checkpoint(folder / ".checkpoint.safetensors", canonical_json(made_from)),
    )
    history = training.train(log=lambda line: print(line, flush=True))
    # The checkpoint stays: if Snakemake is killed during this job, its next call deletes the files written below.
    training.save()
    with whole_file(folder / "student.safetensors") as part:
        save_file({name: tensor.detach() for name, tensor in model.named_parameters()}, part)
    config.hidden_dropout_prob, config.attention_probs_dropout_prob = dropout
    write_json(folder / "config.json", config.to_dict() | {"architectures": ["BertModel"], "dtype": "float32"})
    with whole_file(folder / "history.csv") as part:
        pd.DataFrame(history).to_csv(part, index=False)
