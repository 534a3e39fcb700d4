"""The model card of a pretrained encoder, in the Hub's format."""

import pandas as pd
from huggingface_hub import ModelCardData

from bitsweep.pretraining.loop import CUT, LOSS_WEIGHTS, MASKED, MAX_GRAD_NORM, STEP_TOKENS, WEIGHT_DECAY
from bitsweep.pretraining.settings import MADE
from bitsweep.pretraining.targets import POOLED

WORTH = "## What it is worth"
# The names of the losses in the card.
LOSSES = {
    "tokens": "the teacher's hidden states, of each token",
    "pieces": "the masked pieces (cross-entropy)",
    "vector": "the teacher's vector of the window",
    "code": "the code of the text",
    "pooler": "the pooler's mixtures of the code",
}


def write_card(settings: dict, made: dict, history: pd.DataFrame) -> str:
    """Return the card as Markdown.

    `settings` is the section `pretrain`, `made` has what the steps before counted, `history` is the training's.
    """
    name, student = made["name"], settings["student"]
    front = ModelCardData(
        license=settings["licence"],
        language=settings["language"],
        base_model=settings["base_model"],
        library_name="transformers",
        tags=["bitsweep"],
        model_name=name,
    ).to_yaml()
    lines = [f"---\n{front}\n---", f"# {name}", *([settings["about"].strip(), ""] if settings["about"] else [])]
    lines += [
        f"A BERT of {counted(student['layers'], 'layer')}, hidden size {student['hidden_size']}, "
        f"{counted(student['heads'], 'head')} and {student['positions']} positions, with its teacher's vocabulary: "
        f"{made['parameters']:,} parameters, of which {made['biases']:,} are biases. Weights are stored in float16; "
        "load them as float32.",
        "",
        "## How it was made",
        f"{MADE}, with BitSweep, from:",
        *[f"- {describe_texts(entry)}" for entry in settings["corpus"]],
        "",
        f"{made['texts']:,} texts in {made['windows']:,} windows, {made['tokens']:,} tokens. No label was read. The "
        f"teacher is {made['teacher']}.",
        "",
        "- Start: the embeddings of words and positions are the teacher's, on the "
        f"{student['hidden_size']} leading principal components of its word embeddings. All other weights are random.",
        f"- Each window is read once in each epoch, with probability {CUT:g} only a part of it, and with {MASKED:.0%} "
        "of its pieces masked. The encoder learns to predict, through heads that are thrown away afterwards: the "
        "teacher's last hidden state of each token (principal components, whitened); masked pieces; the mean of the "
        "teacher's hidden states; and the code of the whole text (latent semantic analysis: "
        f"{made['directions']} directions; {made['coded']:,} texts are long enough to have one). The pooler's units "
        "learn random mixtures of the "
        f"{min(POOLED, made['directions'])} leading directions of that code, above all of the one along which the "
        "texts fall into two groups (projection pursuit: the least kurtosis).",
        f"- AdamW, {counted(settings['epochs'], 'epoch')}, {int(history['step'].iloc[-1]):,} steps of at most "
        f"{STEP_TOKENS:,} tokens, padding included. The learning rate is {settings['learning_rate']:g}, warmed up over "
        f"{counted(made['warm_up'], 'step')} and falling linearly to 0; weight decay {WEIGHT_DECAY:g}, gradients "
        f"clipped at norm {MAX_GRAD_NORM:g}, no dropout; matrix products in {made['precision']}, seed "
        f"{settings['seed']}, {counted(settings['threads'], 'thread')}.",
        "",
        f"| loss | weight | first {counted(int(history['step'].iloc[0]), 'step')} | last steps |",
        "|---|---|---|---|",
    ]
    for key, title in LOSSES.items():
        lines.append(f"| {title} | {LOSS_WEIGHTS[key]:g} | {history[key].iloc[0]:.3f} | {history[key].iloc[-1]:.3f} |")
    return "\n".join(lines) + "\n"


def counted(number: int, things: str) -> str:
    return f"{number} {things}{'s' * (number != 1)}"


def describe_texts(entry: dict) -> str:
    """Return an entry of the corpus in words."""
    where = "".join(f", {column} = {value}" for column, value in entry.get("where", {}).items())
    texts = f"package {entry['package']} {entry['version']}{where}" if entry["source"] == "package" else entry["path"]
    if split := entry["split"]:
        texts += (
            f": the training part of `train_test_split({split['held_out']:g}, seed={split['seed']})`, without texts "
            "that are in the held-out part too"
        )
    return texts


def add_judgement(card: str, judgement: dict) -> str:
    """Return the card with its last section, on what the encoder is worth, made anew.

    `judgement` has the accuracies that fine-tuning reaches with this encoder and with others. The section's table has a
    row for each encoder and a column for each mode.
    """
    modes = judgement["modes"]
    lines = [card.split(f"\n{WORTH}\n")[0].rstrip("\n"), "", WORTH, judgement["protocol"], ""]
    lines += [f"| encoder | {' | '.join(modes)} | probe |", f"|---|{'---|' * len(modes)}---|"]
    for encoder, found in judgement["encoders"].items():
        cells = [
            f"{found[mode]['mean']:.4f} ± {found[mode]['deviation']:.4f}" if mode in found else "" for mode in modes
        ]
        lines.append(f"| {encoder} | {' | '.join(cells)} | {found['probe']:.4f} |")
    return "\n".join(lines) + "\n"


def name_teacher(teacher: dict) -> str:
    if teacher["source"] == "package":
        return f"package {teacher['package']} {teacher['version']}"
    return teacher["name"] if teacher["source"] == "hub" else teacher["path"]
