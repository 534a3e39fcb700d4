"""The meaning of the numbers, in sentences made from them."""

import math

from bitsweep.metrics import METRIC_NAMES
from bitsweep.number_format import spell_number
from bitsweep.report.score_format import count, percent, spell_lead, spell_range, spell_score

BITFIT_PAPER = "[Ben Zaken et al., 2022](https://arxiv.org/abs/2106.10199)"
REASONS = {
    "examples": "the interval includes zero, so these test examples do not tell which is better",
    "mcnemar": "McNemar's test, corrected for the number of comparisons, does not tell them apart in every seed",
    "randomization": "the randomization test, corrected for the number of comparisons, does not tell them apart in "
    "every seed",
    "seeds": "they vary so much from seed to seed that these seeds do not tell which is better",
}
SHORT_REASONS = {
    "examples": "these test examples do not establish it",
    "mcnemar": "McNemar's test does not establish it in every seed",
    "randomization": "the randomization test does not establish it in every seed",
    "seeds": "the seeds vary too much to establish it",
}


def join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def evaluated(summary: dict) -> dict[str, dict]:
    return {mode: entry for mode, entry in summary["modes"].items() if entry["test"]}


def metric_of(summary: dict) -> str:
    return summary["experiment"]["metric"]


def metric_name(summary: dict) -> str:
    return METRIC_NAMES[metric_of(summary)]


def towards(pair: dict) -> dict:
    """Return a difference as that of the better mode over the other: its names, its lead and the lead's intervals."""
    sign = -1 if pair["difference"] < 0 else 1
    names = (pair["first"], pair["second"])[::sign]
    seeds = pair["seeds"] and {**pair["seeds"], "mean": sign * pair["seeds"]["mean"]}
    interval = sorted(sign * bound for bound in pair["interval"])
    return {
        **pair,
        "better": names[0],
        "other": names[1],
        "lead": abs(pair["difference"]),
        "interval": interval,
        "seeds": seeds,
    }


def interval_clause(lead: dict, metric: str, level: float) -> str:
    return f"{100 * level:.0f} % interval {spell_range(lead['interval'], metric, 'points')}"


def difference_sentence(pair: dict, level: float, metric: str = "accuracy") -> str:
    """Return which of two modes is better on the test split, by how much, and whether that is more than chance."""
    lead = towards(pair)
    interval = interval_clause(lead, metric, level)
    if pair["beyond_chance"]:
        seeds = ""
        if lead["seeds"]:
            deviation = spell_lead(lead["seeds"]["sd"], metric)
            seeds = f", nor does that of seeds (its standard deviation over them is {deviation})"
        test = "McNemar's" if metric == "accuracy" else "the randomization"
        return (
            f"On the same test examples {lead['better']} is better than {lead['other']} by "
            f"{spell_lead(lead['lead'], metric)} ({interval}); the interval excludes zero and {test} test agrees, "
            f"so the drawing of the test examples does not explain it{seeds}."
        )
    return (
        f"On the same test examples {lead['better']} and {lead['other']} differ by {spell_lead(lead['lead'], metric)} "
        f"({interval}); {REASONS[pair['reason']]}."
    )


def answer(summary: dict) -> str:
    """Return the answer in a few sentences: who wins, by how much, how sure."""
    modes, metric = evaluated(summary), metric_of(summary)
    if not modes:
        return " ".join(
            ["No setting was trained to a finite loss, so there is nothing to compare.", missing_sentence(summary)]
        ).strip()
    ranked = sorted(modes, key=lambda mode: -modes[mode]["test"]["score"])
    best = modes[ranked[0]]
    equal = [mode for mode in ranked[1:] if modes[mode]["test"]["score"] == best["test"]["score"]]
    shared = f" (and by {join(equal)})" if equal else ""
    sentences = [
        f"The best test {METRIC_NAMES[metric]} is {score_clause(best, metric)}, by **{ranked[0]}**{shared} with batch "
        f"size {best['selected']['batch_size']} and learning rate {spell_number(best['selected']['learning_rate'])}."
    ]
    sentences += lead_sentences(summary, ranked[0])
    lost = [mode for mode in summary["modes"] if mode not in modes]
    if lost:
        sentences.append(
            f"No setting of {join(lost)} was trained to a finite loss, so {join(lost)} could not be tested."
        )
    if missing := missing_sentence(summary):
        sentences.append(missing)
    return " ".join(sentences)


def score_clause(entry: dict, metric: str) -> str:
    """Return a test score with its standard deviation over seeds, where there are several."""
    test = entry["test"]
    if test["sd"] is None:
        return spell_score(test["score"], metric)
    seeds = f"{len(test['runs'])} seeds, standard deviation {spell_lead(test['sd'], metric)}"
    return f"{spell_score(test['score'], metric)} (mean of {seeds})"


def lead_sentences(summary: dict, best: str) -> list[str]:
    """Return how far the best mode is ahead of the others: the whole sentence of one, the leads over several in two."""
    metric, level = metric_of(summary), summary["interval_level"]
    pairs = [pair for pair in summary["differences"] if best in (pair["first"], pair["second"])]
    if len(pairs) <= 1:
        return [difference_sentence(pair, level, metric) for pair in pairs]
    leads = [towards(pair) for pair in sorted(pairs, key=lambda pair: abs(pair["difference"]))]
    sure, unsure = ([lead for lead in leads if lead["beyond_chance"] == known] for known in (True, False))

    def lead_clause(lead: dict) -> str:
        other = lead["other"] if lead["better"] == best else lead["better"]
        # Where the interval has no zero, something else leaves the lead open.
        why = f", but {SHORT_REASONS[lead['reason']]}" if lead["reason"] not in (None, "examples") else ""
        return f"{other} (by {spell_lead(lead['lead'], metric)}, {interval_clause(lead, metric, level)}{why})"

    sentences = []
    if sure:
        sentences.append(
            f"On the same test examples it is better, by more than chance, than {join(list(map(lead_clause, sure)))}."
        )
    if unsure:
        sentences.append(f"It cannot be distinguished with confidence from {join(list(map(lead_clause, unsure)))}.")
    return sentences


def missing_sentence(summary: dict) -> str:
    """Return which runs are missing, and why; nothing where all were trained."""
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


def differences_paragraph(summary: dict) -> str:
    """Return which differences are real, by name."""
    metric, pairs = metric_of(summary), summary["differences"]
    if not pairs:
        return ""
    leads = sorted((towards(pair) for pair in pairs), key=lambda lead: -lead["lead"])
    real = [
        f"{lead['better']} over {lead['other']} ({spell_lead(lead['lead'], metric)})"
        for lead in leads
        if lead["beyond_chance"]
    ]
    sentences = [
        f"**Real differences:** {'; '.join(real)}." if real else "**No difference is shown to be more than chance.**"
    ]
    for reason, words in REASONS.items():
        left = [f"{lead['better']} and {lead['other']}" for lead in leads if lead["reason"] == reason]
        if left:
            sentences.append(f"For {'; '.join(left)}: {words}.")
    return " ".join(sentences)


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
    modes = evaluated(summary)
    sentences = [
        f"{mode} reaches {percent(entry['test']['accuracy'])} on the {count(entry['test']['examples'])} test examples "
        f"(95 % interval {spell_range(entry['test']['accuracy_interval'], 'accuracy')}), after "
        f"{percent(entry['validation']['accuracy'])} on the validation split that selected it."
        for mode, entry in modes.items()
        # Of more, the table is easier to read.
        if len(modes) <= 2
    ]
    above, within, below = [], [], []
    for mode, entry in modes.items():
        share, (low, high) = entry["test"]["commonest_label_share"], entry["test"]["accuracy_interval"]
        if low <= share <= high:
            within.append(mode)
        elif share > high:
            below.append(mode)
        else:
            above.append(f"{spell_lead(entry['test']['accuracy'] - share)} less than {mode}")
    clauses = above
    if within:
        clauses = [*clauses, f"within the interval of {join(within)}, which may have learned nothing"]
    if below:
        clauses = [*clauses, f"more than {join(below)}"]
    sentences.append(f"Always answering the commonest label would reach {percent(share)}: {'; '.join(clauses)}.")
    return " ".join(sentences)


def price_paragraph(summary: dict) -> str:
    """Return the gap between validation and test, and how much of it picking the best is expected to make."""
    metric, modes = metric_of(summary), evaluated(summary)
    sentences = []
    if len(modes) <= 2:
        sentences += [f"{mode} has {gap_clause(entry, metric)}." for mode, entry in modes.items()]
    else:
        gaps = [f"{mode} {signed_gap(entry, metric)}" for mode, entry in modes.items()]
        sentences.append(
            f"How much higher the score is on validation than on test{'' if metric == 'matthews' else ', in points'}, "
            "and in brackets how much of it picking the best setting and epochs is expected to add: "
            f"{join(gaps)}."
        )
    sentences.append(
        "The rest of a gap is the drawing of the two splits' examples, and whatever else differs between them."
    )
    return " ".join(sentences)


def signed_gap(entry: dict, metric: str) -> str:
    factor, digits = (1, 3) if metric == "matthews" else (100, 2)
    gap, price = entry["validation"]["score"] - entry["test"]["score"], entry["validation"]["price"]["price"]
    return f"{factor * gap:.{digits}f} ({factor * price:.{digits}f})"


def gap_clause(entry: dict, metric: str) -> str:
    gap, price = entry["validation"]["score"] - entry["test"]["score"], entry["validation"]["price"]
    clause = f"{spell_lead(gap, metric)} {'less' if gap < 0 else 'more'} on validation than on test"
    if price["picked_from"] == 1 and price["epochs"] == 1:
        return clause
    settings = f"{price['picked_from']} setting{'s' * (price['picked_from'] > 1)}"
    return (
        f"{clause}, where picking the best of {settings} and of each run's epochs is expected to make it "
        f"{spell_lead(price['price'], metric)} too high"
    )


def training_size_paragraph(summary: dict, study: bool = False) -> str:
    """Return how the training split's size bears on the result: parameters against examples, and the fit to them."""
    examples = summary["experiment"]["examples"]["train"]
    sentences = []
    modes = evaluated(summary)
    for mode, entry in modes.items() if len(modes) <= 2 else ():
        ratio = entry["trainable_parameters"] / examples
        per = f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2f}"
        gap = entry["validation"]["loss"] - entry["validation"]["train_loss"]
        fit = (
            f"lies {abs(gap):.3f} {'above' if gap > 0 else 'below'} its mean training loss of that epoch "
            f"({entry['validation']['train_loss']:.3f}), which was taken with dropout on"
        )
        sentences.append(
            f"With {count(examples)} training examples {mode} trains {per} parameters an example; the validation loss "
            f"of its selected setting ({entry['validation']['loss']:.3f}) {fit}."
        )
    metric = metric_of(summary)
    sentences += [size_claim(pair, examples, metric) for pair in summary["differences"] if involves_bitfit(pair)]
    if study:
        return " ".join(sentences)
    sentences.append(
        "One size of the training split cannot show how the difference grows or shrinks with it; the training-size "
        "study (`snakemake study`) is for that."
    )
    return " ".join(sentences)


def involves_bitfit(difference: dict) -> bool:
    return {difference["first"], difference["second"]} == {"full", "bitfit"}


def size_claim(difference: dict, examples: int, metric: str = "accuracy") -> str:
    ahead = difference["difference"] if difference["first"] == "full" else -difference["difference"]
    here = (
        f"At {count(examples)} examples bitfit is {spell_lead(ahead, metric)} {'behind' if ahead > 0 else 'ahead'} here"
    )
    here += "." if difference["beyond_chance"] else f", but {SHORT_REASONS[difference['reason']]}."
    return (
        f"{BITFIT_PAPER} report that bias-only training keeps up with full fine-tuning on small to medium training "
        f"sets and falls behind on large ones. {here}"
    )


def limits_paragraph(summary: dict) -> str:
    """Return what these numbers cannot show."""
    sentences = []
    edges: dict[tuple[str, str], list[str]] = {}
    for mode, entry in evaluated(summary).items():
        for key, edge in entry["selected"]["on_edge"].items():
            edges.setdefault((key.replace("_", " "), edge), []).append(mode)
    for (key, edge), modes in edges.items():
        sentences.append(
            f"The selected {key} of {join(modes)} is the {edge} on the grid: {edge[:-2]}r values may do better, and "
            f"the grid may handicap {'this mode' if len(modes) == 1 else 'these modes'}."
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
        few = f", and with {seeds} seeds that interval is wide" if seeds < 5 else ""
        sentences.append(
            f"Scores are means over {seeds} seeds; their intervals cover the drawing of test examples only, the "
            f"interval over seeds that of seeds{few}."
        )
    epochs = summary["experiment"]["training"]["epochs"]
    sizes: dict[tuple[int, int], list[str]] = {}
    for mode in evaluated(summary):
        grid = summary["experiment"]["grids"][mode]
        sizes.setdefault((len(grid["batch_size"]), len(grid["learning_rate"])), []).append(mode)
    for size, modes in sizes.items():
        counts = dict(zip(("batch size", "learning rate", "epoch"), (*size, epochs), strict=True))
        choices = math.prod(counts.values())
        if choices > 1:
            counted = ", ".join(f"{number} {name}{'s' * (number > 1)}" for name, number in counts.items())
            sentences.append(
                f"The validation score of {join(modes)} is the best of {choices} ({counted}), hence too high an "
                "estimate by construction; the test score is not."
            )
    return " ".join(sentences)


def held_out_clause(experiment: dict) -> str:
    """Return how the rows that do not train were chosen."""
    split, shares = experiment["split"], ", with the labels' shares" if experiment["split"]["stratified"] else ""
    if "validation" not in experiment["official_splits"]:
        function = f"`datasets.Dataset.train_test_split`, seed {split['seed']}"
        return f"held out is a share of {split['held_out']} ({function}{shares})"
    halved = "" if "test" in experiment["official_splits"] else f", validation halved{shares}"
    return f"its splits are the source's own, shuffled with seed {split['seed']}{halved}"


def test_split_sentence(experiment: dict) -> str:
    examples = experiment["examples"]
    if experiment["test_split"] == "official":
        return f"The test split is the official one; {count(examples['test'])} of its examples are used."
    if experiment["test_split"] == "glue_mismatched":
        return (
            "GLUE's test splits have no labels. MNLI's split validation_matched validates, of the genres that train, "
            f"and validation_mismatched tests, of other genres; {count(examples['test'])} of its examples are used. "
            "Scores are not comparable with those of GLUE's leaderboard."
        )
    lacking = "The data carry no official test split"
    if experiment["test_split"] == "glue":
        lacking = "GLUE's test split has no labels"
    elif experiment.get("unlabelled_test"):
        lacking = "The data's test split has no labels"
    if experiment["test_split"] in ("glue", "half_of_validation"):
        return (
            f"{lacking}. The {count(examples['test'])} test examples **stand in** for it: "
            "they come from one half of the validation split, and those that validate from the other. Their scores are "
            "not comparable with numbers on an official test split."
        )
    return (
        f"{lacking}. The {count(examples['test'])} test examples **stand in** for it: they "
        "come from the second half of the held-out rows and share no row with the validation split, which comes from "
        "the first half. Their accuracies are not comparable with numbers on an official test split."
    )
