"""The report as one Markdown text, results first; `html_page.py` makes the page of it."""

import json
import re

import pandas as pd

from bitsweep.metrics import METRIC_NAMES
from bitsweep.model.modes import BUILT_IN
from bitsweep.report import prose, recommendation, tables, training_size_prose
from bitsweep.report.score_format import count

INPUT_ROWS = ["token", "input_ids", "token_type_ids", "attention_mask"]
GROUPS = {
    "sentences": "Two sentences, each read alone, padded to the longer one:",
    "pair": "The same two as one pair:",
    "reviews": "The shortest texts of the training split, padded to the longest of them:",
}

# Signs that Markdown, or GitHub's kind of it, takes for its own: those of links and addresses among them.
SIGNS = re.compile(r"[\\`*_\[\]<>|~&$@]|:(?=//)|(?<=www)\.")
# What would make a list, a heading or a rule of a paragraph that it opens.
OPENING = re.compile(r"^(\d*)([.)#+=-])")


def section(title: str, *parts: str) -> str:
    return "\n\n".join([f"## {title}", *parts])


def figure(name: str, caption: str) -> str:
    """Return a figure that a rule draws to `figures/<name>.svg`; figures on successive lines stand side by side."""
    return f"![{caption}](figures/{name}.svg)"


def input_section(inputs: pd.DataFrame) -> str:
    """Return what the encoder reads, token by token; `inputs` as `encoder_input.encoder_inputs` makes it."""
    parts = [
        "A text reaches the encoder as three rows of whole numbers, one column a token. "
        "**input_ids** are the places of the word pieces in the encoder's vocabulary, with the special tokens that "
        "open and close a text. **token_type_ids** say which of two segments a piece belongs to: 0 for the first or "
        "only one, 1 for the second. **attention_mask** is 1 where the encoder shall look and 0 at the padding, which "
        "makes texts of unequal length one rectangle."
    ]
    for group, rows in inputs.groupby("group", sort=False):
        parts.append(GROUPS[group])
        for text, tokens in rows.groupby("text", sort=False):
            parts += [input_sentence(text, tokens), input_table(tokens)]
    return section("What the encoder reads", *parts)


def input_sentence(text: str, tokens: pd.DataFrame) -> str:
    read = tokens[tokens["attention_mask"] == 1]
    padding = len(tokens) - len(read)
    ending = f"{padding} of padding, which the mask hides" if padding else "no padding"
    second = int((read["token_type_ids"] == 1).sum())
    segments = f", {second} of them in the second segment, whose token type is 1" if second else ""
    return f"“{escape_markdown(text)}”: {len(read)} tokens{segments}, then {ending}."


def escape_markdown(text: str) -> str:
    """Spell a text of the data so that it shows as it is, on one line, whatever signs of Markdown or HTML it holds."""
    escaped = SIGNS.sub(r"\\\g<0>", " ".join(text.split()))
    return OPENING.sub(r"\1\\\2", escaped)


def input_table(tokens: pd.DataFrame) -> str:
    wide = tokens.set_index("position")[INPUT_ROWS].T.reset_index()
    wide.columns = ["position", *map(str, range(len(tokens)))]
    wide = wide.map(lambda value: escape_markdown(str(value)) if isinstance(value, str) else value)
    return wide.astype(str).to_markdown(index=False, disable_numparse=True)


def question(experiment: dict) -> str:
    """Return what the experiment asks, in a sentence."""
    modes = prose.join(experiment["grid"]["mode"])
    return (
        f"Which way of fine-tuning {escape_markdown(experiment['encoder'])} wins on "
        f"{escape_markdown(experiment['data'])}: {modes}, at which batch size and learning rate, and by how much?"
    )


def results_section(summary: dict, results: pd.DataFrame) -> str:
    """Return the selected setting of each mode with its validation and its test score."""
    metric = prose.metric_of(summary)
    several = len(summary["experiment"]["grid"]["seed"]) > 1
    kind = "Wilson's" if metric == "accuracy" else "the percentile bootstrap's"
    return section(
        "Selected runs",
        tables.to_markdown(tables.readable(results, metric)),
        f"Of each mode the {'setting' if several else 'run'} with the highest validation {METRIC_NAMES[metric]}"
        f"{' (mean over seeds)' if several else ''}, then the lower validation loss, fewer steps, the smaller learning "
        f"rate; and its score on the test split, which is read once, after that. The interval is {kind}, for the "
        "drawing of the test examples.",
        prose.test_split_sentence(summary["experiment"]),
    )


def heat_maps_section(summary: dict) -> str:
    metric = prose.metric_name(summary)
    figures = [
        figure(f"heatmap_{mode}", f"Validation {metric} of {mode} over batch size and learning rate")
        for mode in summary["modes"]
    ]
    return section("Validation over the grid", "\n".join(figures))


def learning_curves_section(summary: dict) -> str:
    metric = prose.metric_name(summary)
    return section("Learning curves", figure("learning_curves", f"Validation {metric} after every epoch, all runs"))


def data_section(summary: dict, data: pd.DataFrame) -> str:
    examples, length = summary["experiment"]["examples"], summary["experiment"]["max_length"]
    doubts = "\n".join(f"- {escape_markdown(doubt)}" for doubt in summary["data"]["doubts"])
    return section(
        "Data",
        f"{count(examples['train'])} examples train, {count(examples['validation'])} validate after "
        f"every epoch and {count(examples['test'])} test, once for each selected run; texts are cut to "
        f"{length} tokens.",
        tables.to_markdown(tables.readable(data.drop(columns=["labels", "pieces", "unknown"]))),
        "\n".join(f"- {row.split}: {escape_markdown(row.labels)}" for row in data.itertuples()),
        f"Lengths are in tokens, special ones included, before longer texts are cut to {length}. The unknown "
        "share is that of the word pieces which the encoder reads without knowing them, and alike are texts that it "
        "reads as an earlier one that differs, in such pieces or behind the cut. Duplicates are rows with a text that "
        "an earlier row has, contradicting are texts that have more than one label.",
        (doubts and f"**What to bear in mind:**\n\n{doubts}") or "Nothing about them is doubtful.",
        *files_list(summary["data"]["files"]),
    )


def files_list(files: dict[str, dict]) -> list[str]:
    """Return the files that the splits were taken from; folders have no digest."""
    lines = [
        f"- {split}: {escape_markdown(file['name'])}, {count(file['rows'])} rows"
        + (f", SHA-256 {file['sha256'][:16]}…" if file["sha256"] else "")
        for split, file in files.items()
    ]
    return ["\n".join(["The files that the rows were taken from:", "", *lines])] if lines else []


def grid_section(summary: dict, grid: pd.DataFrame) -> str:
    experiment = summary["experiment"]
    source = experiment["grid_source"]
    return section(
        "The grid and where it comes from",
        f"{summary['runs']['total']} runs: every combination of these values, each trained for "
        f"{experiment['training']['epochs']} epochs, of which the best by validation {prose.metric_name(summary)} "
        "counts.",
        tables.to_markdown(grid),
        *trains_list(experiment["modes"]),
        source or "The config names no source for these values (`grid_source`).",
    )


def trains_list(modes: dict[str, dict]) -> list[str]:
    """Return what each mode of one's own trains; docs/modes.md has the built-in ones."""
    own = {name: mode for name, mode in modes.items() if mode != BUILT_IN.get(name)}
    return ["\n".join(f"- {name} trains `{json.dumps(mode)}`" for name, mode in own.items())] if own else []


def scores_section(summary: dict, validation: pd.DataFrame, test: pd.DataFrame, confusion: pd.DataFrame) -> str:
    """Return every metric of the selected runs, by seed on validation, and what was taken for what on test."""
    metric = prose.metric_of(summary)
    over_seeds = confusion.groupby(["mode", "label"], sort=False, as_index=False).sum().drop(columns="seed")
    return section(
        "All scores of the selected runs",
        "On the validation split, each seed at its best epoch:",
        tables.to_markdown(tables.readable(validation)),
        "On the test split:",
        tables.to_markdown(tables.readable(test, metric)),
        "How many test examples of each label were predicted as each, by all seeds together:",
        tables.to_markdown(tables.readable(over_seeds)),
    )


def differences_section(summary: dict, differences: pd.DataFrame) -> str:
    if not summary["differences"]:
        return section("Differences between modes", "There is no pair of modes to compare.")
    if not any(pair["seeds"] for pair in summary["differences"]):
        differences = differences.drop(columns=["seeds_sd", "seeds_low", "seeds_high"], errors="ignore")
    test = "McNemar's exact test" if prose.metric_of(summary) == "accuracy" else "the paired randomization test"
    return section(
        "Differences between modes",
        prose.differences_paragraph(summary),
        figure(
            "differences", "Differences on the same test examples with their 95 % intervals; filled: more than chance"
        ),
        tables.to_markdown(tables.readable(differences, prose.metric_of(summary))),
        "A difference counts as more than chance where the paired bootstrap's interval over test examples excludes "
        f"zero, the p-value of {test} (p: the largest of the seeds; p holm: corrected by Holm for the number of pairs) "
        "stays below 0.05 when corrected, and, with several seeds, Student's interval of the paired differences over "
        "seeds excludes zero too.",
    )


def costs_section(summary: dict, modes: pd.DataFrame) -> str:
    return section(
        "Costs",
        figure("costs", f"Test {prose.metric_name(summary)} against trainable parameters; filled: the Pareto front"),
        tables.to_markdown(tables.readable(modes, prose.metric_of(summary))),
        "Seconds and tokens a second are means over the selected setting's runs, memory and stored bytes are their "
        "largest, and the sweep's seconds are those of all runs of the mode. A mode is on a front where no other has "
        "at least its test score at no higher cost.",
    )


def study_section(study: dict, table: pd.DataFrame) -> str:
    metric = METRIC_NAMES[study["metric"]]
    return section(
        "Size of the training set",
        figure("score_by_size", f"Test {metric} by the number of examples that trained"),
        *filter(None, [training_size_prose.study_paragraph(study), training_size_prose.study_missing(study)]),
        tables.to_markdown(tables.readable(table, study["metric"])),
        "Every size trains with the batch size and learning rate of the table, for as many epochs: fewer examples are "
        "fewer steps. Where the study has no grid of its own, these are what the mode's selection on all examples has. "
        "Smaller training sets are parts of larger ones, drawn by each seed. sd is the standard deviation over seeds, "
        "of the drawing of the set too.",
    )


def meaning_section(summary: dict, study: dict | None) -> str:
    if not prose.evaluated(summary):
        return section("What it means", prose.answer(summary))
    paragraphs = {
        "Parameters.": prose.parameters_paragraph(summary),
        "Accuracy.": prose.accuracy_paragraph(summary),
        "Validation against test.": prose.price_paragraph(summary),
        "Size of the training split.": prose.training_size_paragraph(summary, study is not None),
        "Which to choose.": recommendation.recommendation_paragraph(summary),
        "What these numbers cannot show.": prose.limits_paragraph(summary),
    }
    return section("What it means", *(f"**{title}** {text}" for title, text in paragraphs.items() if text))


def methods_section(summary: dict) -> str:
    experiment, environment = summary["experiment"], summary["environment"]
    training = experiment["training"]
    versions = "; and ".join(environment["versions"])
    peak = environment["peak_memory_mb"]
    commit = f"BitSweep's commit {environment['commit']}" if environment["commit"] else "BitSweep outside a repository"
    memory = f" and at most {peak / 1000:.1f} GB of memory each" if peak else ""
    return section(
        "Methods",
        f"Data: {escape_markdown(experiment['data'])}; {prose.held_out_clause(experiment)}. Encoder: "
        f"{experiment['encoder']}, SHA-256 of its weights {environment['encoder_sha256'][:16]}….",
        f"Training: AdamW (betas 0.9 and 0.999, epsilon 1e-8, weight decay {training['weight_decay']}), the learning "
        "rate falling linearly to 0 without warm-up, gradients clipped at norm "
        f"{training['max_grad_norm']}, the encoder's own dropout, uniformly shuffled batches, the last short one kept. "
        f"Seeds: {prose.join([str(seed) for seed in experiment['grid']['seed']])}.",
        f"Statistics, at {100 * summary['interval_level']:.0f} %: Wilson's interval for accuracies; the paired "
        "percentile bootstrap over test examples for differences and for other metrics; McNemar's exact test for "
        "accuracies, the paired randomization test (Yeh, 2000) for other metrics, with Holm's correction; Student's "
        "interval for paired differences over seeds; the price of picking by bootstrap bias correction (BBC, "
        "Tsamardinos et al., 2018). By scikit-learn, scipy and statsmodels.",
        f"Machine: {environment['hardware']}, {environment['device']}, {environment['precision']} matrix products "
        f"with float32 parameters, {training['threads']} thread(s) a run; the runs took "
        f"{environment['run_seconds']:,.0f} s in all{memory}. Versions: {versions or 'none'}. "
        f"These numbers were put together by {commit}.",
        "Every table is beside this page as CSV, Markdown and LaTeX (`tables/`, with the rules of LaTeX's package "
        "booktabs), every figure as SVG and PNG (`figures/`).",
    )


def runs_section(runs: pd.DataFrame, costs: pd.DataFrame, metric: str) -> str:
    score = f"validation_{metric}"
    columns = [
        "mode",
        "batch_size",
        "learning_rate",
        "seed",
        "epoch",
        "steps",
        score,
        "validation_loss",
    ]
    more = ["diverged", "seconds", "tokens_per_second", "peak_memory_mb"]
    shown = runs.merge(costs, on=columns[:4])[[*columns, *more]]
    shown = shown.sort_values(["mode", score], ascending=[False, False])
    return section(f"All {len(runs)} runs", tables.to_markdown(tables.readable(shown)))


def compose(summary: dict, made: dict[str, pd.DataFrame], study: dict | None = None) -> str:
    """Return the report as Markdown, of the tables `made`; its figures are files under `figures/` beside it."""
    parts = [
        f"# BitSweep: {summary['experiment']['name']}",
        question(summary["experiment"]),
        prose.answer(summary),
        results_section(summary, made["results"]),
        differences_section(summary, made["differences"]),
        heat_maps_section(summary),
        learning_curves_section(summary),
        meaning_section(summary, study),
        costs_section(summary, made["modes"]),
        *([study_section(study, made["study"])] if study else []),
        data_section(summary, made["data"]),
        grid_section(summary, made["grid"]),
        input_section(made["encoder_input"]),
        methods_section(summary),
        scores_section(summary, made["validation"], made["test"], made["confusion"]),
        runs_section(made["runs"], made["costs"], prose.metric_of(summary)),
    ]
    return "\n\n".join(parts) + "\n"
