"""Intervals, against published values and against theory."""

import numpy as np
import pandas as pd
import pytest

from bitsweep.comparison import accuracy_interval, compare, difference_interval


@pytest.mark.parametrize(
    ("right", "examples", "low", "high"),
    # Newcombe, 1998, "Two-sided confidence intervals for the single proportion", table I, method 3 (Wilson's).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_s_interval_as_newcombe_gives_it(right, examples, low, high):
    assert accuracy_interval(right / examples, examples) == pytest.approx((low, high), abs=5e-5)


def test_difference_interval_is_the_normal_one_on_many_examples():
    random = np.random.default_rng(0)
    first = (random.random(4000) < 0.8).astype(float)
    second = np.where(random.random(4000) < 0.7, first, random.random(4000) < 0.5)
    difference = first - second
    error = difference.std() / np.sqrt(4000)
    low, high = difference_interval(first, second)
    assert low == pytest.approx(difference.mean() - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(difference.mean() + 1.96 * error, abs=0.1 * error)


def test_pairing_counts():
    """Modes that fail on the same examples differ surely by a little that two independent samples would not show."""
    first = np.repeat([1.0, 0.0], [800, 200])
    second = np.repeat([1.0, 0.0], [780, 220])
    low, _ = difference_interval(first, second)
    assert low > 0


def test_comparison_of_predictions():
    label = [0, 1] * 50
    right = pd.DataFrame({"seed": 1, "example": range(100), "label": label, "prediction": label})
    half = right.assign(prediction=0)
    found = compare({"full": right, "bitfit": half})
    (pair,) = found["differences"]
    assert (pair["first"], pair["second"], pair["difference"]) == ("full", "bitfit", 0.5)
    assert pair["excludes_zero"]
    assert pair["interval"][0] < 0.5 < pair["interval"][1]
    assert compare({"full": right, "bitfit": right})["differences"][0]["excludes_zero"] is False
