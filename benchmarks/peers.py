"""The peers of BitSweep: `transformers.Trainer` as users would run it, for one run or under Optuna for a whole sweep.

usual: as the reference experiment does it. Every text padded to the full length, float32, evaluation in batches of 16
       and a checkpoint after every epoch.
tuned: what the Trainer's documentation advises on top. Padding to the longest text of a batch, batches of like lengths,
       bfloat16 where the processor multiplies it faster, evaluation in batches of 128, only the best checkpoint stored.

Either uses torch's default number of threads, and one process for a whole sweep. Written from the public documentation
of transformers (Trainer, TrainingArguments, hyperparameter_search) and Optuna (GridSampler).
"""

import argparse
import json
import math
import os
import tempfile
import time
from functools import partial
from pathlib import Path

import optuna
import pandas as pd
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
)

WAYS = ("usual", "tuned")


class Recorder(TrainerCallback):
    """A callback that records every run's evaluations, or writes the time of the first step and ends the process."""

    def __init__(self, mode: str, first_step: Path | None) -> None:
        self.mode = mode
        self.first_step = first_step
        self.runs: list[dict] = []

    def on_train_begin(self, args, state, control, model, **_):
        self.runs.append(
            {
                "mode": self.mode,
                "batch_size": args.per_device_train_batch_size,
                "learning_rate": args.learning_rate,
                "seed": args.seed,
                "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
                "accuracies": [],
                "steps": 0,
            }
        )

    def on_step_end(self, args, state, control, **_):
        if self.first_step:
            self.first_step.write_text(repr(time.time()))
            os._exit(0)
        self.runs[-1]["steps"] = state.global_step

    def on_evaluate(self, args, state, control, metrics, **_):
        self.runs[-1]["accuracies"].append(metrics["eval_accuracy"])


def build_model(encoder: str, labels: int, mode: str) -> PreTrainedModel:
    """Return the pretrained encoder under a new head; `bitfit` freezes all parameters without `bias` in their name."""
    model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=labels, dtype="float32")
    if mode == "bitfit":
        for name, parameter in model.named_parameters():
            parameter.requires_grad = "bias" in name
    return model


def tokenize(path: Path, limit: int, tokenizer, way: str, max_length: int) -> Dataset:
    """Return the first `limit` rows (text, label) of a Parquet file, tokenized as the way does it."""
    rows = pd.read_parquet(path, columns=["text", "label"]).iloc[:limit]

    def encode(batch: dict) -> dict:
        padding = "max_length" if way == "usual" else False
        encoded = tokenizer(batch["text"], truncation=True, max_length=max_length, padding=padding)
        # Known lengths spare the sampler a pass over the data.
        return dict(encoded) if way == "usual" else {**encoded, "length": [len(ids) for ids in encoded["input_ids"]]}

    # A data set made in memory has no cache on disk, so that every process tokenizes anew.
    return Dataset.from_pandas(rows, preserve_index=False).map(encode, batched=True, remove_columns="text")


def make_arguments(way: str, folder: str, epochs: int, precision: str) -> TrainingArguments:
    """Return the Trainer's settings; the rest are defaults, such as AdamW with a rate falling linearly to 0."""
    common = {
        "output_dir": folder,
        "num_train_epochs": epochs,
        "eval_strategy": "epoch",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
    }
    if way == "usual":
        return TrainingArguments(**common, per_device_eval_batch_size=16, save_strategy="epoch")
    return TrainingArguments(
        **common,
        per_device_eval_batch_size=128,
        save_strategy="best",
        metric_for_best_model="accuracy",
        save_total_limit=1,
        train_sampling_strategy="group_by_length",
        bf16=precision == "bfloat16",
    )


def accuracy(prediction: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def run_once(trainer: Trainer, grid: dict[str, list]) -> None:
    """Train the grid's only run."""
    trainer.args.per_device_train_batch_size = grid["batch_size"][0]
    trainer.args.learning_rate = grid["learning_rate"][0]
    trainer.args.seed = grid["seed"][0]
    trainer.train()


def run_sweep(trainer: Trainer, grid: dict[str, list]) -> None:
    """Train all runs of the grid of one mode, one after the other, as Optuna's GridSampler orders them."""
    space = {
        "per_device_train_batch_size": grid["batch_size"],
        "learning_rate": grid["learning_rate"],
        "seed": grid["seed"],
    }
    trainer.hyperparameter_search(
        hp_space=lambda trial: {name: trial.suggest_categorical(name, values) for name, values in space.items()},
        compute_objective=lambda metrics: metrics["eval_accuracy"],
        n_trials=math.prod(len(values) for values in space.values()),
        direction="maximize",
        backend="optuna",
        sampler=optuna.samplers.GridSampler(space),
    )


def train_all(arguments: argparse.Namespace) -> dict:
    """Tokenize once, train every run of every mode, and return the runs with their accuracies, one for each epoch."""
    start = time.perf_counter()
    tokenizer = AutoTokenizer.from_pretrained(arguments.encoder)
    common = (tokenizer, arguments.way, arguments.max_length)
    train = tokenize(arguments.train, arguments.train_limit, *common)
    validation = tokenize(arguments.validation, arguments.validation_limit, *common)
    result = {"tokenize_seconds": time.perf_counter() - start, "runs": []}
    for mode in arguments.grid["mode"]:
        recorder = Recorder(mode, arguments.first_step)
        with tempfile.TemporaryDirectory() as folder:
            trainer = Trainer(
                args=make_arguments(arguments.way, folder, arguments.epochs, arguments.precision),
                # The Trainer hands its trial to a function that takes an argument; this one takes none.
                model_init=partial(build_model, arguments.encoder, arguments.labels, mode),
                train_dataset=train,
                eval_dataset=validation,
                data_collator=default_data_collator if arguments.way == "usual" else DataCollatorWithPadding(tokenizer),
                compute_metrics=accuracy,
                callbacks=[recorder],
            )
            (run_sweep if arguments.sweep else run_once)(trainer, arguments.grid)
        result["runs"] += recorder.runs
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--way", required=True, choices=WAYS)
    parser.add_argument("--sweep", action="store_true", help="under Optuna; else the grid must have one run")
    parser.add_argument("--grid", required=True, type=json.loads, help="lists: mode, batch_size, learning_rate, seed")
    parser.add_argument("--epochs", required=True, type=int)
    parser.add_argument("--encoder", required=True, help="folder of the pretrained encoder")
    parser.add_argument("--labels", required=True, type=int, help="number of classes")
    parser.add_argument("--train", required=True, type=Path, help="Parquet file of the training rows")
    parser.add_argument("--train-limit", required=True, type=int, help="rows to take from its start")
    parser.add_argument("--validation", required=True, type=Path, help="Parquet file of the validation rows")
    parser.add_argument("--validation-limit", required=True, type=int, help="rows to take from its start")
    parser.add_argument("--max-length", required=True, type=int, help="tokens of a text at most")
    parser.add_argument("--precision", required=True, help="what multiplies faster here: float32 or bfloat16")
    parser.add_argument("--first-step", type=Path, help="file to write the first step's time to, and end there")
    parser.add_argument("--output", required=True, type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    arguments.output.write_text(json.dumps(train_all(arguments), indent=2))


if __name__ == "__main__":
    main()
