"""How sure the test numbers are: intervals of accuracies and of paired differences."""

import itertools

import numpy as np
import pandas as pd
from scipy import stats

from bitsweep.seeding import generator

LEVEL = 0.95
RESAMPLES = 9999


def accuracy_interval(accuracy: float, examples: int) -> tuple[float, float]:
    """Wilson's interval (1927) of an accuracy that was measured on so many examples.

    It covers the drawing of the examples, not that of seeds: an accuracy that is a mean over seeds is taken as the
    nearest whole number of right answers.
    """
    interval = stats.binomtest(round(accuracy * examples), examples).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def difference_interval(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The paired percentile bootstrap's interval of mean(first) - mean(second), both over the same test examples."""
    difference = first - second
    if np.ptp(difference) == 0:
        return float(difference[0]), float(difference[0])
    interval = stats.bootstrap(
        (difference,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=250,
        confidence_level=LEVEL,
        method="percentile",
        rng=generator("bootstrap", len(first)),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def correct_answers(predictions: pd.DataFrame) -> np.ndarray:
    """1 for each test example answered right, 0 else, or the mean of these over the seeds: shape (examples,)."""
    right = (predictions["prediction"] == predictions["label"]).astype(float)
    return right.groupby(predictions["example"]).mean().to_numpy()


def compare(predictions: dict[str, pd.DataFrame]) -> dict:
    """Intervals of every mode's test accuracy, and of every pair's difference on the same examples.

    `predictions` has for each mode the table that `evaluation.evaluate` gives.
    """
    correct = {mode: correct_answers(table) for mode, table in predictions.items()}
    differences = []
    for first, second in itertools.combinations(correct, 2):
        low, high = difference_interval(correct[first], correct[second])
        differences.append(
            {
                "first": first,
                "second": second,
                "difference": float(correct[first].mean() - correct[second].mean()),
                "interval": [low, high],
                "excludes_zero": not low <= 0 <= high,
            }
        )
    return {
        "level": LEVEL,
        "accuracy_intervals": {
            mode: list(accuracy_interval(values.mean(), len(values))) for mode, values in correct.items()
        },
        "differences": differences,
    }
