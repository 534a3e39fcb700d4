"""The price of picking the best, against what theory expects."""

import numpy as np
import pytest
from scipy import stats

from bitsweep.metrics import METRICS, score_one
from bitsweep.selection.selection_bias import selection_price


def noise(random, runs, epochs, labels):
    """Predictions of two classes by chance, which have no true differences."""
    return [random.integers(0, 2, (epochs, len(labels))) for _ in range(runs)]


def expected_price(choices, coins):
    """By how much the largest of so many independent means of fair coins is expected to exceed a half."""
    below = stats.binom.cdf(np.arange(coins), coins, 0.5)
    return (1 - below**choices).sum() / coins - 0.5


@pytest.mark.parametrize(
    ("settings", "seeds", "epochs", "choices", "coins"),
    [(20, 1, 1, 20, 1000), (1, 1, 20, 20, 1000), (5, 1, 4, 20, 1000), (10, 4, 1, 10, 4000)],
)
def test_price_of_picking_among_equals(settings, seeds, epochs, choices, coins):
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 1000)
    named = np.repeat(np.arange(settings), seeds)
    prices = [
        selection_price(noise(random, settings * seeds, epochs, labels), named.tolist(), labels, "accuracy", 200)
        for _ in range(20)
    ]
    expected = expected_price(choices, coins)
    assert np.mean([found["price"] for found in prices]) == pytest.approx(expected, rel=0.12)
    # The picked setting is no better than chance, and BBC's interval has that.
    assert np.mean([found["corrected"] for found in prices]) == pytest.approx(0.5, abs=0.2 * expected)
    low, high = np.transpose([found["interval"] for found in prices])
    observed = np.array([found["observed"] for found in prices])
    assert ((low <= observed - 0.5) & (observed - 0.5 <= high)).mean() >= 0.9
    assert (prices[0]["picked_from"], prices[0]["epochs"]) == (settings, settings * seeds * epochs)


def test_price_by_another_metric():
    """Of noise on balanced classes, macro F1 is nearly the accuracy, and Matthews' correlation twice its excess."""
    random = np.random.default_rng(3)
    labels = np.arange(600) % 2
    predictions = noise(random, 6, 1, labels)
    prices = {metric: selection_price(predictions, list("abcdef"), labels, metric, 150) for metric in METRICS}
    accuracy = prices["accuracy"]["price"]
    assert accuracy > 0.01
    assert prices["macro_f1"]["price"] == pytest.approx(accuracy, rel=0.15)
    assert prices["matthews"]["price"] == pytest.approx(2 * accuracy, rel=0.15)


@pytest.mark.parametrize("metric", METRICS)
def test_no_choice_has_no_price(metric):
    labels = np.arange(300) % 2
    (predictions,) = noise(np.random.default_rng(5), 1, 1, labels)
    found = selection_price([predictions], ["only"], labels, metric, 60)
    assert found["price"] == 0
    assert found["corrected"] == found["observed"] == score_one(metric, labels, predictions[0])
    assert found["interval"][0] < 0 < found["interval"][1]


def test_a_clear_choice_has_no_price_and_seeds_are_averaged():
    labels = np.arange(400) % 2
    wrong = [np.where(np.arange(400) < count, 1 - labels, labels)[None] for count in (40, 120, 0, 399)]
    # The best single run is of the worse setting.
    found = selection_price(wrong, ["a", "a", "b", "b"], labels, "accuracy")
    assert (found["picked_from"], found["observed"], found["price"]) == (2, pytest.approx(0.8), 0)
    assert found == selection_price(wrong, [1, 1, 2, 2], labels, "accuracy")


def test_price_of_nothing():
    with pytest.raises(ValueError, match="a run"):
        selection_price([], [], np.array([0, 1]), "accuracy")
