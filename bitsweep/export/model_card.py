"""The model card of an exported classifier, in the Hub's format."""

import json

from huggingface_hub import EvalResult, ModelCardData

from bitsweep.metrics import METRIC_NAMES, METRICS
from bitsweep.number_format import spell_number
from bitsweep.report.prose import test_split_sentence
from bitsweep.report.score_format import count, percent, spell_range, spell_score
from bitsweep.report.tables import one_cell, shown_metrics
from bitsweep.selection.comparison import LEVEL, accuracy_interval

USE = """```python
from transformers import pipeline

classifier = pipeline("text-classification", "{folder}", truncation=True)
print(classifier({example}))
```"""

CALIBRATED = """```python
import json

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("{folder}")
model = AutoModelForSequenceClassification.from_pretrained("{folder}")
with open("{folder}/calibration.json") as file:
    temperature = json.load(file)["temperature"]
inputs = tokenizer({texts}, truncation=True, padding=True, return_tensors="pt")
with torch.inference_mode():
    probabilities = (model(**inputs).logits / temperature).softmax(-1)
```"""

DELTA = """```python
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

# If the encoder comes with a head, that is of another task and is not loaded.
model = AutoModelForSequenceClassification.from_pretrained(
    {encoder}, num_labels={labels}, ignore_mismatched_sizes=True, dtype=torch.float32
)
delta = load_file("{folder}/delta.safetensors")
{apply}
```"""

LORA = """from peft import LoraConfig, inject_adapter_in_model

config = LoraConfig(r={rank}, lora_alpha={alpha}, target_modules={target}, lora_dropout=0.0)
inject_adapter_in_model(config, model)
model.load_state_dict(delta, strict=False)"""

SAMPLED = """with torch.no_grad():
    for name, parameter in model.named_parameters():
        if f"{name}.places" in delta:
            parameter.view(-1)[delta[f"{name}.places"]] = delta.pop(name)
model.load_state_dict(delta, strict=False)"""


def rows_of(scores: dict, interval: list[float] | None, metric: str) -> dict[str, str]:
    """Return the scores as texts by metric: accuracy with Wilson's interval, the selecting metric with its own."""
    cells = {}
    for name in METRICS:
        cells[name] = spell_score(scores[name], name)
        known = scores["accuracy_interval"] if name == "accuracy" else interval if name == metric else None
        cells[name] += f" ({spell_range(known, name)})" if known else ""
    return cells


def front_matter(facts: dict) -> str:
    """Return the card's machine-readable part."""
    experiment, mode = facts["experiment"], facts["mode"]
    hub = experiment["sources"]["data"]["source"] == "hub"
    name = f"{experiment['name']}-{mode}"
    dataset = experiment["sources"]["data"]["name"] if hub else experiment["name"]
    results = [
        EvalResult(
            task_type="text-classification",
            dataset_type=dataset,
            dataset_name=experiment["data"],
            dataset_config=experiment["sources"]["data"].get("configuration"),
            dataset_split=split,
            metric_type={"macro_f1": "f1", "matthews": "matthews_correlation"}.get(metric, metric),
            metric_name=f"{split} {METRIC_NAMES[metric]}",
            metric_value=round(facts[split][metric], 6),
        )
        for split in ("validation", "test")
        for metric in shown_metrics(experiment["metric"])
    ]
    encoder = experiment["sources"]["encoder"]
    return ModelCardData(
        license=experiment["licences"]["encoder"],
        library_name="transformers",
        pipeline_tag="text-classification",
        tags=["text-classification", "bitsweep", mode],
        base_model=encoder["name"] if encoder["source"] == "hub" else None,
        datasets=[dataset] if hub else None,
        model_name=name,
        eval_results=results,
    ).to_yaml()


def scores_section(facts: dict) -> list[str]:
    experiment, metric = facts["experiment"], facts["experiment"]["metric"]
    validation, test, price = facts["validation"], facts["test"], facts["price"]
    cells = {split: rows_of(facts[split], facts[split]["interval"], metric) for split in ("validation", "test")}
    seeds = len(experiment["grid"]["seed"])
    lines = [
        f"| | validation ({count(validation['examples'])} examples) | test ({count(test['examples'])} examples) |",
        "|---|---|---|",
        *(
            f"| {METRIC_NAMES[name]} | {cells['validation'][name]} | {cells['test'][name]} |"
            for name in shown_metrics(metric)
        ),
        f"| loss | {validation['loss']:.4f} | {test['loss']:.4f} |",
        "",
        f"In brackets are {100 * LEVEL:.0f} % intervals: Wilson's for accuracies, the percentile bootstrap's for other "
        "scores. They cover the random choice of the examples, not that of the seed.",
        "",
        f"The validation score is the best of {price['picked_from']} setting(s) and of the {price['epochs']} epochs of "
        "their runs, and therefore too high an estimate. The bootstrap bias correction estimates "
        f"{spell_score(price['corrected'], metric)} instead of {spell_score(price['observed'], metric)} "
        f"({METRIC_NAMES[metric]}{', mean over seeds' if seeds > 1 else ''}).",
        "The test split was read once, after this choice. "
        + test_split_sentence({**experiment, "examples": {"test": test["examples"]}}),
        "Always answering with the commonest label would reach an accuracy of "
        f"{percent(test['commonest_label_share'])} there.",
    ]
    if seeds > 1:
        lines += [
            "",
            f"The setting was trained with {seeds} seeds and selected by their mean. This is the run of the first "
            f"seed, {facts['run']['seed']}; it was not chosen by its score on test. Over all seeds the mean test "
            f"{METRIC_NAMES[metric]} is {spell_score(facts['over_seeds']['mean'], metric)} (standard deviation "
            f"{facts['over_seeds']['sd']:.4f}).",
        ]
    return lines


def calibration_section(calibration: dict) -> list[str]:
    rows = (
        f"| {split} | {calibration[split]['ece_before']:.4f} | {calibration[split]['ece_after']:.4f} | "
        f"{calibration[split]['loss_before']:.4f} | {calibration[split]['loss_after']:.4f} |"
        for split in ("validation", "test")
    )
    return [
        f"Divide the logits by the temperature {calibration['temperature']:.4f} to bring the probabilities nearer to "
        "how often the label is right. This changes no label. The temperature was fitted on the validation split (Guo "
        "et al., 2017, [arXiv:1706.04599](https://arxiv.org/abs/1706.04599)). The test split had no part in that, so "
        f"it shows whether the temperature helps. The expected calibration error ({calibration['bins']} bins) and the "
        "loss, before and after:",
        "",
        "| | error before | after | loss before | after |",
        "|---|---|---|---|---|",
        *rows,
    ]


def delta_section(facts: dict, folder: str) -> list[str]:
    """Return the section on the delta, with a program that puts it on the pretrained encoder."""
    encoder, definition = facts["experiment"]["sources"]["encoder"], facts["experiment"]["trains"]
    at = json.dumps(encoder["name"] if encoder["source"] == "hub" else encoder["path"])
    # The commit is unknown only where the encoder's folder was made by hand.
    at += f', revision="{encoder["revision"]}"' if encoder.get("revision") else ""
    apply = "model.load_state_dict(delta, strict=False)"
    if "lora" in definition:
        apply = LORA.format(**definition["lora"])
    elif "random" in definition:
        apply = SAMPLED
    labels = len(facts["experiment"]["label_names"])
    return [
        "## The delta alone",
        "",
        "`delta.safetensors` has only what this classifier does not share with the pretrained encoder: the parameters "
        "that were trained, and the head. Together with the encoder, which many tasks can share, it makes the same "
        "classifier:",
        "",
        DELTA.format(encoder=at, labels=labels, folder=folder, apply=apply),
        "",
    ]


def model_card(facts: dict, folder: str = "path/to/this/folder") -> str:
    """Return the card as Markdown.

    `facts` has `experiment` (as rule_params.export_text returns it), `mode`, `choice` and `run` (of selection.json),
    `price`, `validation` and `test` (the run's scores, each with `interval`, `accuracy_interval`, `loss` and
    `examples`), `over_seeds`, `calibration` (calibration.json), `result` (the run's), `examples` (the number that
    trained it) and `hardware`. `folder` is the path that stands in the card's programs.
    """
    experiment, mode, choice, run = facts["experiment"], facts["mode"], facts["choice"], facts["run"]
    names = experiment["label_names"]
    licences, check = experiment["licences"], facts["calibration"]["evaluation_check"]
    pair = experiment.get("pair")
    example = '{"text": "A first text.", "text_pair": "A second text."}' if pair else '"A text to classify."'
    texts = '["A first text."], ["A second text."]' if pair else '["A text to classify."]'
    unknown = "not known here; see the page of its source"
    recipe, versions = facts["result"]["made_from"]["recipe"], facts["result"]["versions"]
    says = ", as its package says" if licences["data"] else ""
    merged = "; low-rank updates are merged into them" if "lora" in experiment["trains"] else ""
    delta = delta_section(facts, folder) if "all" not in experiment["trains"].get("train", []) else []
    lines = [
        "---",
        front_matter(facts).rstrip(),
        "---",
        f"# {experiment['name']}: {mode}",
        "",
        f"This model classifies texts into {len(names)} labels. It was fine-tuned from {experiment['encoder']} in the "
        f"mode `{mode}` ({count(facts['result']['trainable_parameters'])} trained parameters) and selected from a "
        "sweep of BitSweep.",
        "",
        "| number | label |",
        "|---|---|",
        *(f"| {number} | {one_cell(name)} |" for number, name in enumerate(names)),
        "",
        "## Use",
        "",
        USE.format(folder=folder, example=example),
        "",
        f"Texts are cut to {experiment['max_length']} tokens, as in training. Without `truncation=True`, longer texts "
        "may fail.",
        "",
        "## Scores",
        "",
        *scores_section(facts),
        "",
        "## Calibration",
        "",
        *calibration_section(facts["calibration"]),
        "",
        CALIBRATED.format(folder=folder, texts=texts),
        "",
        *delta,
        "## How it was made",
        "",
        f"- Data: {one_cell(experiment['data'])}; {count(facts['examples'])} training examples.",
        f"- Encoder: {one_cell(experiment['encoder'])}.",
        f"- Setting: batch size {choice['batch_size']}, learning rate {spell_number(choice['learning_rate'])}, seed "
        f"{run['seed']}, epoch {run['epoch']} of {recipe['epochs']}, at most {experiment['max_length']} tokens. It is "
        f"the best by validation {METRIC_NAMES[experiment['metric']]} of batch sizes "
        f"{', '.join(map(str, experiment['grid']['batch_size']))} and learning rates "
        f"{', '.join(map(spell_number, experiment['grid']['learning_rate']))}.",
        f"- Training: AdamW (weight decay {recipe['weight_decay']:g}), a learning rate falling linearly to 0, "
        f"gradients clipped at norm {recipe['max_grad_norm']:g}, matrix products in {recipe['precision']} on "
        f"{facts['hardware']}; "
        f"{', '.join(f'{name} {version}' for name, version in versions.items())}.",
        f"- Parameters are float32{merged}. "
        f"On the {count(check['examples'])} test examples, the logits of the exported classifier, computed in float32, "
        f"differ from those of the evaluation, computed in {check['evaluated_in']}, by at most "
        f"{check['largest_difference']:.2g}, and {count(check['labels_that_differ'])} labels differ.",
        "",
        "## Limits",
        "",
        "- The scores hold for texts like those it was trained on. On texts of another language, subject, time or "
        "length it may do worse, and its confidence does not show that.",
        "- It gives one of its labels to every text, even to an empty one.",
        "- It has whatever biases the encoder and the data have; they were not examined.",
        "",
        "## Licences",
        "",
        f"- Encoder: {licences['encoder'] or unknown}.",
        f"- Data: {licences['data'] or unknown}{says}.",
        "",
        "This classifier is made from both: their licences decide whether you may pass it on.",
    ]
    return "\n".join(lines) + "\n"


def gather(
    experiment: dict, mode: str, choice: dict, price: dict, evaluation: dict, intervals: dict, calibration: dict
) -> dict:
    """Return the facts of a mode's card but for `result`, `examples` and `hardware`: see `model_card`.

    `intervals` is what `comparison.compare` returned for the exported run's predictions on test.
    """
    run, metric = choice["runs"][0], experiment["metric"]
    tested = next(scores for scores in evaluation["runs"] if scores["seed"] == run["seed"])
    examples = calibration["validation"]["examples"]
    return {
        "experiment": experiment,
        "mode": mode,
        "choice": choice,
        "run": run,
        "price": price,
        "validation": {
            **{name: run[f"validation_{name}"] for name in METRICS},
            "loss": run["validation_loss"],
            "examples": examples,
            "interval": None,
            "accuracy_interval": list(accuracy_interval(run["validation_accuracy"], examples)),
        },
        "test": {
            **tested,
            "examples": evaluation["examples"],
            "commonest_label_share": evaluation["commonest_label_share"],
            "interval": intervals["intervals"][mode],
            "accuracy_interval": intervals["accuracy_intervals"][mode],
        },
        "over_seeds": {"mean": evaluation[metric], "sd": evaluation["sd"][metric]},
        "calibration": calibration,
    }
