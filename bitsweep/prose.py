"""What the numbers mean, in sentences made from them."""

import math

from bitsweep.grid import spell_number
from bitsweep.tables import count, percent, percent_range

BITFIT_PAPER = "[Ben Zaken et al., 2022](https://arxiv.org/abs/2106.10199)"


def points(value: float) -> str:
    """A difference of shares in percentage points, without its sign."""
    return f"{abs(100 * value):.2f} points"


def join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def evaluated(summary: dict) -> dict[str, dict]:
    return {mode: entry for mode, entry in summary["modes"].items() if entry["test"]}


def difference_sentence(difference: dict, level: float) -> str:
    """Which of two modes is better on the test split, by how much, and whether that is more than chance."""
    low, high = difference["interval"]
    if difference["difference"] < 0:
        better, other, low, high = difference["second"], difference["first"], -high, -low
    else:
        better, other = difference["first"], difference["second"]
    interval = f"{100 * level:.0f} % interval {100 * low:.2f} to {100 * high:.2f} points"
    if difference["excludes_zero"]:
        return (
            f"On the same test examples {better} is better than {other} by {points(difference['difference'])} "
            f"({interval}); the interval excludes zero, so the drawing of the test examples does not explain it."
        )
    return (
        f"On the same test examples {better} and {other} differ by {points(difference['difference'])} ({interval}); "
        "the interval includes zero, so these test examples do not tell which is better."
    )


def answer(summary: dict) -> str:
    """The answer in a few sentences: who wins, by how much, how sure."""
    modes = evaluated(summary)
    if not modes:
        return " ".join(
            ["No setting was trained to a finite loss, so there is nothing to compare.", missing_sentence(summary)]
        ).strip()
    ranked = sorted(modes, key=lambda mode: -modes[mode]["test"]["accuracy"])
    best = modes[ranked[0]]
    equal = [mode for mode in ranked[1:] if modes[mode]["test"]["accuracy"] == best["test"]["accuracy"]]
    shared = f" (and by {join(equal)})" if equal else ""
    sentences = [
        f"The best test accuracy is {percent(best['test']['accuracy'])}, by **{ranked[0]}**{shared} with batch size "
        f"{best['selected']['batch_size']} and learning rate {spell_number(best['selected']['learning_rate'])}."
    ]
    sentences += [difference_sentence(pair, summary["interval_level"]) for pair in summary["differences"]]
    lost = [mode for mode in summary["modes"] if mode not in modes]
    if lost:
        sentences.append(
            f"No setting of {join(lost)} was trained to a finite loss, so {join(lost)} could not be tested."
        )
    if missing := missing_sentence(summary):
        sentences.append(missing)
    return " ".join(sentences)


def missing_sentence(summary: dict) -> str:
    """Which runs are missing, and why; nothing where all were trained."""
    failed = summary["runs"]["failed"]
    if not failed:
        return ""
    named = [
        f"{run['mode']} at batch size {run['batch_size']}, learning rate {spell_number(run['learning_rate'])}, seed "
        f"{run['seed']} (“{run['failed']}”)"
        for run in failed
    ]
    return (
        f"**Missing:** {len(failed)} of the {summary['runs']['total']} runs could not be trained, and their settings "
        f"are left out of every comparison: {'; '.join(named)}."
    )


def parameters_paragraph(summary: dict) -> str:
    modes = {mode: entry for mode, entry in summary["modes"].items() if entry["trainable_parameters"]}
    if not modes:
        return ""
    largest = max(modes, key=lambda mode: modes[mode]["trainable_parameters"])
    total = modes[largest]["trainable_parameters"]
    sentences = [f"{largest} trains {count(total)} parameters."]
    for mode, entry in modes.items():
        trained = entry["trainable_parameters"]
        if trained < total:
            sentences.append(f"{mode} trains {count(trained)}, which is {100 * (1 - trained / total):.2f} % fewer.")
    return " ".join(sentences)


def accuracy_paragraph(summary: dict) -> str:
    sentences = [
        f"{mode} reaches {percent(entry['test']['accuracy'])} on the {count(entry['test']['examples'])} test examples "
        f"(95 % interval {percent_range(entry['test']['accuracy_interval'])}), after "
        f"{percent(entry['validation']['accuracy'])} on the validation split that selected it."
        for mode, entry in evaluated(summary).items()
    ]
    clauses = []
    for mode, entry in evaluated(summary).items():
        share, (low, high) = entry["test"]["commonest_label_share"], entry["test"]["accuracy_interval"]
        if low <= share <= high:
            clauses.append(f"within the interval of {mode}, which may have learned nothing")
        elif share > high:
            clauses.append(f"more than {mode}")
        else:
            clauses.append(f"{points(entry['test']['accuracy'] - share)} less than {mode}")
    sentences.append(f"Always answering the commonest label would reach {percent(share)}: {'; '.join(clauses)}.")
    sentences += [difference_sentence(pair, summary["interval_level"]) for pair in summary["differences"]]
    return " ".join(sentences)


def training_size_paragraph(summary: dict) -> str:
    """How the size of the training split bears on the result: parameters against examples, and the fit to them."""
    examples = summary["experiment"]["examples"]["train"]
    sentences = []
    for mode, entry in evaluated(summary).items():
        ratio = entry["trainable_parameters"] / examples
        per = f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2f}"
        gap = entry["validation"]["loss"] - entry["validation"]["train_loss"]
        fit = (
            f"lies {abs(gap):.3f} {'above' if gap > 0 else 'below'} its mean training loss of that epoch "
            f"({entry['validation']['train_loss']:.3f}), which was taken with dropout on"
        )
        sentences.append(
            f"With {count(examples)} training examples {mode} trains {per} parameters an example; the validation loss "
            f"of its selected run ({entry['validation']['loss']:.3f}) {fit}."
        )
    sentences += [size_claim(pair, examples) for pair in summary["differences"] if involves_bitfit(pair)]
    sentences.append("One size of the training split cannot show how the difference grows or shrinks with it.")
    return " ".join(sentences)


def involves_bitfit(difference: dict) -> bool:
    return {difference["first"], difference["second"]} == {"full", "bitfit"}


def size_claim(difference: dict, examples: int) -> str:
    ahead = difference["difference"] if difference["first"] == "full" else -difference["difference"]
    if not difference["excludes_zero"]:
        here = f"At {count(examples)} examples no difference between the two shows here."
    elif ahead > 0:
        here = f"At {count(examples)} examples bitfit is {points(ahead)} behind here."
    else:
        here = f"At {count(examples)} examples bitfit is {points(ahead)} ahead here."
    return (
        f"{BITFIT_PAPER} report that bias-only training keeps up with full fine-tuning on small to medium training "
        f"sets and falls behind on large ones. {here}"
    )


def choice_paragraph(summary: dict) -> str:
    """When one would choose which mode, by what each costs and gives here."""
    modes = evaluated(summary)
    sentences = []
    for pair in summary["differences"]:
        first, second = pair["first"], pair["second"]
        large, small = sorted((first, second), key=lambda mode: -modes[mode]["trainable_parameters"])
        gain = pair["difference"] if large == first else -pair["difference"]
        stored = {mode: 4 * modes[mode]["trainable_parameters"] / 1000 for mode in (large, small)}
        costs = f"stores {stored[small]:,.0f} kB of parameters a task where {large} stores {stored[large]:,.0f} kB"
        if pair["excludes_zero"] and gain > 0:
            share = modes[small]["test"]["commonest_label_share"]
            kept, whole = (modes[mode]["test"]["accuracy"] - share for mode in (small, large))
            sentences.append(
                f"Choose {large} where accuracy counts: it gains {points(gain)} here. {small} keeps "
                f"{100 * max(kept, 0):.2f} of the {100 * whole:.2f} points that {large} has above the commonest label; "
                f"choose it only where that is enough and many tasks share one encoder: it {costs}."
            )
        elif pair["excludes_zero"]:
            sentences.append(f"Choose {small}: it is better by {points(gain)} here and {costs}.")
        else:
            sentences.append(
                f"Nothing here speaks for paying for {large}: its accuracy cannot be told from that of {small}, which "
                f"{costs}."
            )
    return " ".join(sentences)


def limits_paragraph(summary: dict) -> str:
    """What these numbers cannot show."""
    sentences = []
    for mode, entry in evaluated(summary).items():
        for key, edge in entry["selected"]["on_edge"].items():
            sentences.append(
                f"The selected {key.replace('_', ' ')} of {mode} is the {edge} on the grid: values beyond it may do "
                "better, and the grid may handicap this mode."
            )
    if summary["runs"]["diverged"]:
        sentences.append(
            f"{summary['runs']['diverged']} of the runs diverged (their loss was not finite); their settings were "
            "passed over."
        )
    seeds = len(summary["experiment"]["grid"]["seed"])
    if seeds == 1:
        sentences.append(
            "Each setting was trained with one seed: how much the accuracies vary from seed to seed, and whether "
            "another seed would select another setting, these runs cannot show."
        )
    else:
        sentences.append(
            f"Accuracies are means over {seeds} seeds; the intervals cover the drawing of test examples only."
        )
    grid, epochs = summary["experiment"]["grid"], summary["experiment"]["training"]["epochs"]
    counts = {"batch size": len(grid["batch_size"]), "learning rate": len(grid["learning_rate"]), "epoch": epochs}
    choices = math.prod(counts.values())
    if choices > 1:
        told = ", ".join(f"{number} {name}{'s' * (number > 1)}" for name, number in counts.items())
        sentences.append(
            f"The validation accuracy of a mode is the best of {choices} ({told}), hence too high an estimate by "
            "construction; the test accuracy is not."
        )
    return " ".join(sentences)


def test_split_sentence(experiment: dict) -> str:
    examples = experiment["examples"]
    if experiment["test_split"] == "official":
        return f"The test split is the official one; {count(examples['test'])} of its examples are used."
    return (
        f"The data carry no official test split. The {count(examples['test'])} test examples **stand in** for it: they "
        "come from the second half of the held-out rows and share no row with the validation split, which comes from "
        "the first half. Their accuracies are not comparable with numbers on an official test split."
    )
