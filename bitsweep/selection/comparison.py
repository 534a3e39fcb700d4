"""The uncertainty of test scores: intervals of scores, and intervals and tests of paired differences."""

import itertools

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats import contingency_tables
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from bitsweep.metrics import confusion, score_one
from bitsweep.seeding import generator
from bitsweep.selection.bootstrap import draw_in_chunks, rows_of_block, score_resamples

ALPHA = 0.05
LEVEL = 1 - ALPHA
RESAMPLES = 9999
# Other metrics than accuracy take longer to compute.
SCORED_RESAMPLES = 999


def accuracy_interval(accuracy: float, examples: int) -> tuple[float, float]:
    """Return Wilson's interval (1927) of an accuracy that was measured on so many examples.

    It covers the random choice of the examples, not that of seeds: a mean over seeds is treated as the accuracy of one
    classifier.
    """
    low, high = proportion_confint(accuracy * examples, examples, alpha=1 - LEVEL, method="wilson")
    return float(low), float(high)


def difference_interval(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return the interval of mean(first) - mean(second) by the paired percentile bootstrap.

    Both have shape (examples,) and are of the same test examples.
    """
    difference = first - second
    if np.ptp(difference) == 0:
        return float(difference[0]), float(difference[0])
    interval = stats.bootstrap(
        (difference,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=rows_of_block(len(first), 250),
        confidence_level=LEVEL,
        method="percentile",
        rng=generator("bootstrap", len(first)),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def percentile_interval(scores: np.ndarray) -> tuple[float, float]:
    """Return the percentile bootstrap's interval (Efron, 1981) of the scores of resamples, of shape (resamples,)."""
    low, high = np.quantile(scores, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def by_seed(table: pd.DataFrame) -> tuple[pd.Series, dict[int, np.ndarray]]:
    """Return the labels by example, and each seed's predictions in the same order, all of shape (examples,).

    Raises ValueError where a seed lacks an example or has it twice.
    """
    predictions = table.pivot(index="example", columns="seed", values="prediction")
    if predictions.isna().any(axis=None):
        raise ValueError("the seeds were not tested on the same examples")
    labels = table.groupby("example")["label"].first()
    return labels, {int(seed): predictions[seed].to_numpy() for seed in predictions}


def align(tables: dict[str, pd.DataFrame]) -> tuple[np.ndarray, dict[str, dict[int, np.ndarray]]]:
    """Return the labels, and each mode's predictions by seed, all of shape (examples,).

    Raises ValueError where the modes were tested on different examples.
    """
    runs, labels = {}, None
    for mode, table in tables.items():
        own, runs[mode] = by_seed(table)
        labels = own if labels is None else labels
        if not own.equals(labels):
            raise ValueError(f"{mode} was not tested on the examples of the other modes")
    return np.array(labels), runs


def mcnemar(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Return the exact p-value of McNemar's test (1947) that two arrays of predictions are right equally often."""
    table = confusion(first == labels, second == labels, 2)
    return float(contingency_tables.mcnemar(table, exact=True).pvalue)


def randomization(metric: str, labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Return the p-value of the paired randomization test that two arrays of predictions have the same score.

    If the two modes were alike, the two predictions of each example could as well be swapped. The p-value is a share of
    RESAMPLES random swaps together with the observed predictions (Phipson & Smyth, 2010, "Permutation p-values should
    never be zero"): of those whose scores differ at least as much as the observed ones. This is the usual test for
    scores that are not a mean over examples (Noreen, 1989; Yeh, 2000, "More accurate tests for the statistical
    significance of result differences"; Dror et al., 2018, "The hitchhiker's guide to testing statistical significance
    in natural language processing"). For accuracies it is the same test as McNemar's exact one.
    """
    # Among examples with the same label and the same two predictions, it matters how many are swapped, but not which.
    kinds, counts = np.unique(np.stack([labels, first, second]), axis=1, return_counts=True)
    either, predictions = np.tile(kinds[0], 2), kinds[1:].reshape(1, -1)

    def differences(swapped: np.ndarray) -> np.ndarray:
        unswapped = counts - swapped
        sides = np.hstack([unswapped, swapped]), np.hstack([swapped, unswapped])
        return np.subtract(*(score_resamples(metric, either, predictions, side)[:, 0] for side in sides))

    # By rounding, equal differences of scores may differ in their last digit.
    observed = abs(differences(np.zeros((1, len(counts)), dtype=int))) - 1e-12
    random, rows = generator("randomization", len(labels)), rows_of_block(2 * len(counts), RESAMPLES)
    as_large = 0
    for start in range(0, RESAMPLES, rows):
        swapped = random.binomial(counts, 0.5, (min(rows, RESAMPLES - start), len(counts)))
        as_large += int((abs(differences(swapped)) >= observed).sum())
    return (1 + as_large) / (1 + RESAMPLES)


def paired_p(metric: str, labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Return the p-value of the metric's test: McNemar's, which is exact, for accuracy, else the randomization test."""
    if metric == "accuracy":
        return mcnemar(labels, first, second)
    return randomization(metric, labels, first, second)


def seed_differences(differences: np.ndarray) -> dict | None:
    """Return the mean, standard deviation and Student's interval of paired differences, one for each seed.

    The interval covers the random choice of seeds, not that of examples. With fewer than two seeds the result is None.
    """
    if len(differences) < 2:
        return None
    mean = float(differences.mean())
    low = high = mean
    # By rounding, equal differences of scores may differ in their last digit; scipy would make an interval of that.
    if np.ptp(differences) > 1e-12:
        low, high = stats.ttest_1samp(differences, 0).confidence_interval(LEVEL)
    return {
        "n": len(differences),
        "mean": mean,
        "sd": float(differences.std(ddof=1)),
        "interval": [float(low), float(high)],
    }


def correct_by_holm(p_values: list[float]) -> list[float]:
    """Return p-values after Holm's correction (1979) for their number."""
    # statsmodels fails on an empty list.
    return multipletests(p_values, method="holm")[1].tolist() if p_values else []


def excludes_zero(interval: list[float]) -> bool:
    return not interval[0] <= 0 <= interval[1]


def failing_condition(pair: dict) -> str | None:
    """Return the first condition of a difference beyond chance that a pair fails; None where it fails none.

    The result is "examples" (the interval has zero in it), the name of the paired test, or "seeds". With fewer than two
    seeds in common there is no condition on seeds.
    """
    if not pair["excludes_zero"]:
        return "examples"
    if pair["paired_test"]["p_holm"] >= ALPHA:
        return pair["paired_test"]["name"]
    if pair["seeds"] is not None and not excludes_zero(pair["seeds"]["interval"]):
        return "seeds"
    return None


def compare(predictions: dict[str, pd.DataFrame], metric: str) -> dict:
    """Return the interval of every mode's test score, and every pair's difference on the same examples, with its tests.

    `predictions` has for each mode the table that `test_scores.evaluate` returns, `metric` is one of metrics.METRICS.
    Scores, and the differences of modes, are means over all seeds of a mode. The paired test and Student's interval
    compare seed by seed, so they use the seeds that both modes have. Intervals have the level `level`. `intervals` and
    each pair's `interval` cover the random choice of test examples, a pair's `seeds` (None with fewer than two) that
    of seeds. A pair is `beyond_chance` where all conditions hold; otherwise `reason` is the first that fails, by
    `failing_condition`.

    The `paired_test` is McNemar's for accuracy, and the randomization test for other metrics. It has a p-value for
    each seed, and the largest counts. This is an intersection-union test (Berger, 1982) of the claim that the modes
    differ whichever seed is taken: it is valid however the seeds depend on each other, and conservative. Where the two
    modes have no seed in common, the p-value is 1. Holm's correction is over all pairs.

    Raises ValueError where the modes were not tested on the same examples.
    """
    labels, runs = align(predictions)
    scores = {
        mode: {seed: score_one(metric, labels, run) for seed, run in of_seed.items()} for mode, of_seed in runs.items()
    }
    right = {mode: np.mean([run == labels for run in of_seed.values()], axis=0) for mode, of_seed in runs.items()}
    wilson = {mode: list(accuracy_interval(values.mean(), len(values))) for mode, values in right.items()}
    resampled = {} if metric == "accuracy" else resample_scores(metric, labels, runs)
    pairs = []
    for first, second in itertools.combinations(runs, 2):
        if metric == "accuracy":
            interval = difference_interval(right[first], right[second])
        else:
            interval = percentile_interval(resampled[first] - resampled[second])
        in_common = [seed for seed in runs[first] if seed in runs[second]]
        p_by_seed = {seed: paired_p(metric, labels, runs[first][seed], runs[second][seed]) for seed in in_common}
        pairs.append(
            {
                "first": first,
                "second": second,
                "difference": float(np.mean(list(scores[first].values())) - np.mean(list(scores[second].values()))),
                "interval": list(interval),
                "paired_test": {
                    "name": "mcnemar" if metric == "accuracy" else "randomization",
                    "p": max(p_by_seed.values(), default=1.0),
                    "p_by_seed": {str(seed): p for seed, p in p_by_seed.items()},
                },
                "seeds": seed_differences(np.array([scores[first][seed] - scores[second][seed] for seed in in_common])),
                "excludes_zero": excludes_zero(interval),
            }
        )
    for pair, p_holm in zip(pairs, correct_by_holm([pair["paired_test"]["p"] for pair in pairs]), strict=True):
        pair["paired_test"]["p_holm"] = p_holm
        pair["reason"] = failing_condition(pair)
        pair["beyond_chance"] = pair["reason"] is None
    return {
        "level": LEVEL,
        "metric": metric,
        "intervals": {mode: list(percentile_interval(values)) for mode, values in resampled.items()} or wilson,
        "accuracy_intervals": wilson,
        "differences": pairs,
    }


def resample_scores(metric: str, labels: np.ndarray, runs: dict[str, dict[int, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return each mode's score, the mean over its seeds, on resamples of the examples: shape (resamples,).

    The resamples are the same for all modes.
    """
    if not runs:
        return {}
    scores: dict[str, list[np.ndarray]] = {mode: [] for mode in runs}
    for counts in draw_in_chunks(generator("bootstrap", len(labels)), len(labels), SCORED_RESAMPLES):
        for mode, of_seed in runs.items():
            scores[mode].append(score_resamples(metric, labels, np.stack(list(of_seed.values())), counts).mean(1))
    return {mode: np.concatenate(chunks) for mode, chunks in scores.items()}
