"""Scores, intervals and tests, against published values, other libraries and theory."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import f1_score
from statsmodels.stats.proportion import proportion_confint

from bitsweep.metrics import METRICS, confusion, score_one, score_predictions
from bitsweep.report.pareto_front import on_front
from bitsweep.selection.bootstrap import draw_counts, score_resamples
from bitsweep.selection.comparison import (
    accuracy_interval,
    compare,
    correct_by_holm,
    difference_interval,
    mcnemar,
    randomization,
    seed_differences,
)


def from_counts(counts):
    """Labels (rows) and predictions (columns) that have this confusion matrix."""
    cells = [(label, prediction) for label in range(len(counts)) for prediction in range(len(counts))]
    return np.repeat(np.array(cells), np.ravel(counts), axis=0).T


def table(**predictions_by_seed):
    """Return the table of a mode whose labels are all 1: its right answers are its ones."""
    return pd.concat(
        pd.DataFrame({"seed": int(seed[1:]), "example": range(len(values)), "label": 1, "prediction": values})
        for seed, values in predictions_by_seed.items()
    )


def answers(right, wrong):
    return np.repeat([1, 0], [right, wrong])


def test_scores_of_the_documentation_of_scikit_learn():
    assert score_one("macro_f1", np.array([0, 1, 2, 0, 1, 2]), np.array([0, 2, 1, 0, 0, 1])) == pytest.approx(0.8 / 3)
    # Of label 1 alone: 2 found of 3, and 1 false alarm.
    assert score_one("f1", np.array([1, 1, 1, 0]), np.array([1, 0, 1, 1])) == pytest.approx(2 / 3)
    assert score_one("f1", np.array([0, 2]), np.array([0, 0])) == 0
    assert score_one("matthews", np.array([1, 1, 1, 0]), np.array([1, 0, 1, 1])) == pytest.approx(-1 / 3)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("metric", METRICS)
def test_scores_of_resamples_are_those_of_scikit_learn(metric, classes, monkeypatch):
    # Some blocks of few rows each, as of many runs.
    monkeypatch.setattr("bitsweep.selection.bootstrap.BLOCK", 120)
    random = np.random.default_rng(classes)
    labels = random.integers(0, classes, 60)
    drawn = [np.where(random.random(60) < share, labels, random.integers(0, classes, 60)) for share in (0, 0.5, 0.9)]
    predictions = np.stack([*drawn, labels, np.zeros(60, dtype=int)])
    # With resamples of one class, and of one example.
    counts = np.vstack([draw_counts(random, 60, 8), labels == 1, np.eye(1, 60, dtype=int)])
    drawn = [np.repeat(np.arange(60), times) for times in counts]
    expected = [[score_one(metric, labels[rows], row[rows]) for row in predictions] for rows in drawn]
    assert score_resamples(metric, labels, predictions, counts) == pytest.approx(np.array(expected), abs=1e-12)


def test_scores_of_an_unbalanced_table():
    """Chicco, 2017, "Ten quick tips for machine learning in computational biology", tip 8: 91 %, F1 95.24 %, 0.14."""
    scores = score_predictions(*from_counts([[1, 4], [5, 90]]))
    assert scores["accuracy"] == pytest.approx(0.91)
    # The F1 of its other class is 2 of 2 + 4 + 5.
    assert scores["macro_f1"] == pytest.approx((0.9524 + 2 / 11) / 2, abs=5e-5)
    assert scores["matthews"] == pytest.approx(0.14, abs=5e-3)


def test_matthews_of_three_classes_is_gorodkin_s_correlation_of_indicators():
    labels, predictions = from_counts([[20, 3, 1], [4, 15, 6], [0, 8, 30]])
    first, second = np.eye(3)[labels], np.eye(3)[predictions]
    first, second = first - first.mean(0), second - second.mean(0)
    expected = (first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum())
    assert score_one("matthews", labels, predictions) == pytest.approx(expected)


def test_scores_where_a_class_is_missing():
    always = np.zeros(4, dtype=int)
    assert score_predictions(np.array([0, 0, 0, 1]), always) == pytest.approx(
        {"accuracy": 0.75, "macro_f1": 3 / 7, "f1": 0.0, "matthews": 0.0}
    )
    assert score_predictions(always, always) == {"accuracy": 1.0, "macro_f1": 1.0, "f1": 0.0, "matthews": 0.0}


def test_unknown_metric():
    with pytest.raises(ValueError, match="unknown"):
        score_one("recall", np.array([0]), np.array([0]))


def test_rows_of_the_confusion_matrix_are_labels():
    assert confusion(np.array([0, 0, 2]), np.array([1, 0, 1]), 3) == [[1, 1, 0], [0, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    ("right", "examples", "low", "high"),
    # Newcombe, 1998, "Two-sided confidence intervals for the single proportion", table I, method 3 (Wilson's).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_s_interval_as_newcombe_and_statsmodels_give_it(right, examples, low, high):
    found = accuracy_interval(right / examples, examples)
    assert found == pytest.approx((low, high), abs=5e-5)
    assert found == pytest.approx(proportion_confint(right, examples, method="wilson"), abs=1e-12)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p", "digits"),
    [
        # Armitage & Berry, 1994, "Statistical methods in medical research", p. 127, exact as StatsDirect documents it.
        (12, 2, 0.0129, 4),
        # Fagerland, Lydersen & Laake, 2013, "The McNemar test for binary matched-pairs data", table 1.
        (1, 7, 0.0703, 4),
        # Aoki's lecture on R's exact test of a cabinet's approval, 48, 28, 35 and 53.
        (28, 35, 0.45, 2),
        (0, 0, 1.0, 12),
    ],
)
def test_exact_mcnemar(only_first, only_second, p, digits):
    first, second = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], [48, only_first, only_second, 53], axis=0).T
    labels = np.ones(len(first), dtype=int)
    found = mcnemar(labels, first, second)
    assert found == pytest.approx(p, abs=0.5 * 10**-digits)
    if only_first + only_second:
        assert found == pytest.approx(stats.binomtest(only_first, only_first + only_second).pvalue)
    # Swapping predictions at random is the same test; its share of 9,999 has a standard error of at most 0.005.
    assert randomization("accuracy", labels, first, second) == pytest.approx(found, abs=0.015)


@pytest.mark.parametrize("metric", METRICS)
def test_the_randomization_test_as_scipy_does_it_exactly(metric):
    labels, first = from_counts([[12, 2, 1], [3, 9, 1], [2, 0, 10]])
    second = first.copy()
    # Six of them: all swaps are 64.
    second[[0, 1, 13, 15, 16, 20]] = [1, 1, 0, 1, 1, 2]

    def difference(one, other):
        return score_one(metric, labels, one) - score_one(metric, labels, other)

    differing = np.flatnonzero(first != second)
    assert len(differing) == 6

    def of_differing(one, other):
        sides = np.tile(first, (2, 1))
        sides[:, differing] = one, other
        return difference(*sides)

    exact = stats.permutation_test(
        (first[differing], second[differing]), of_differing, permutation_type="samples", vectorized=False
    )
    assert exact.statistic == difference(first, second)
    # The differences are symmetric: as large on either side is twice as large on one.
    assert randomization(metric, labels, first, second) == pytest.approx(exact.pvalue, abs=0.015)


def test_holm_s_correction_as_pingouin_documents_it():
    assert correct_by_holm([0.50, 0.003, 0.32, 0.054, 0.0003]) == pytest.approx([0.64, 0.012, 0.64, 0.162, 0.0015])
    assert correct_by_holm([]) == []


# Student, 1908, "The probable error of a mean": hours of sleep gained by two drugs (`sleep` in R).
DRUGS = np.array(
    [[0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0], [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]]
)


def test_student_s_interval_of_paired_differences():
    found = seed_differences(DRUGS[1] - DRUGS[0])
    # As R prints t.test of them.
    assert found["interval"] == pytest.approx([0.7001142, 2.4598858], abs=5e-8)
    assert (found["n"], found["mean"], found["sd"]) == (10, pytest.approx(1.58), pytest.approx(1.23, abs=5e-3))
    second = stats.ttest_rel(DRUGS[1], DRUGS[0]).confidence_interval(0.95)
    assert found["interval"] == pytest.approx([second.low, second.high])


def test_equal_differences_have_a_point_for_an_interval():
    differences = np.array([0.9 - 0.8, 0.8 - 0.7])
    assert seed_differences(differences)["interval"] == [differences.mean()] * 2
    assert seed_differences(differences[:1]) is None


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


def test_intervals_of_macro_f1_as_scipy_s_bootstrap_gives_them():
    random = np.random.default_rng(1)
    labels = (random.random(500) < 0.2).astype(int)
    first = np.where(random.random(500) < 0.9, labels, 1 - labels)
    # Mostly the same answers: resamples that did not pair them would show.
    second = np.where(random.random(500) < 0.95, first, 1 - labels)
    frame = pd.DataFrame({"seed": 1, "example": range(500), "label": labels})
    found = compare({"a": frame.assign(prediction=first), "b": frame.assign(prediction=second)}, "macro_f1")

    def score(rows):
        return f1_score(labels[rows], first[rows], average="macro")

    def difference(rows):
        return score(rows) - f1_score(labels[rows], second[rows], average="macro")

    (pair,) = found["differences"]
    assert pair["difference"] == pytest.approx(difference(np.arange(500)))
    for interval, statistic in [(pair["interval"], difference), (found["intervals"]["a"], score)]:
        second_opinion = stats.bootstrap(
            (np.arange(500),), statistic, vectorized=False, n_resamples=499, method="percentile", rng=random
        )
        error = second_opinion.standard_error
        assert interval == pytest.approx(list(second_opinion.confidence_interval), abs=0.35 * error)
    # Of the same answers whatever the metric.
    assert found["accuracy_intervals"]["a"] == list(accuracy_interval((first == labels).mean(), 500))


def test_difference_beyond_chance():
    found = compare({"full": table(s1=answers(100, 0)), "bitfit": table(s1=answers(50, 50))}, "accuracy")
    (pair,) = found["differences"]
    assert (pair["first"], pair["second"], pair["difference"]) == ("full", "bitfit", 0.5)
    assert pair["interval"][0] < 0.5 < pair["interval"][1]
    assert (pair["excludes_zero"], pair["beyond_chance"], pair["reason"], pair["seeds"]) == (True, True, None, None)
    assert pair["paired_test"]["p_by_seed"] == {"1": pytest.approx(2 * 0.5**50)}
    assert found["intervals"] == found["accuracy_intervals"]
    assert found["intervals"]["bitfit"] == list(accuracy_interval(0.5, 100))


def test_no_difference():
    full = table(s1=answers(70, 30), s2=answers(60, 40))
    (pair,) = compare({"full": full, "bitfit": full}, "accuracy")["differences"]
    assert (pair["excludes_zero"], pair["beyond_chance"], pair["reason"]) == (False, False, "examples")
    assert pair["paired_test"] == {"name": "mcnemar", "p": 1.0, "p_by_seed": {"1": 1.0, "2": 1.0}, "p_holm": 1.0}
    assert pair["seeds"] == {"n": 2, "mean": 0.0, "sd": 0.0, "interval": [0.0, 0.0]}


def test_a_pair_among_three_needs_holm_s_correction():
    tables = {"a": table(s1=answers(100, 0)), "b": table(s1=answers(94, 6))}
    (alone,) = compare(tables, "accuracy")["differences"]
    assert alone["paired_test"]["p_holm"] == alone["paired_test"]["p"] == pytest.approx(2 / 64)
    assert alone["beyond_chance"]
    of_three = compare({**tables, "c": tables["b"]}, "accuracy")["differences"][0]
    assert of_three["paired_test"]["p_holm"] == pytest.approx(6 / 64)
    assert (of_three["excludes_zero"], of_three["beyond_chance"], of_three["reason"]) == (True, False, "mcnemar")


def test_equal_modes_are_seldom_told_apart_and_a_better_one_is(monkeypatch):
    """In 5 % of the sweeps at most, where an interval of one of 28 pairs excludes zero in almost half of them."""
    monkeypatch.setattr("bitsweep.selection.comparison.RESAMPLES", 999)
    uncorrected = wrong = found = 0
    for sweep in range(15):
        random = np.random.default_rng(sweep)
        labels = (random.random(300) < 0.3).astype(int)
        shares = {**dict.fromkeys("abcdefgh", 0.85), "better": 0.99}
        modes = {
            mode: pd.DataFrame({"seed": 1, "example": range(300), "label": labels}).assign(
                prediction=np.where(random.random(300) < share, labels, 1 - labels)
            )
            for mode, share in shares.items()
        }
        pairs = compare(modes, "macro_f1")["differences"]
        equal = [pair for pair in pairs if pair["second"] != "better"]
        uncorrected += any(pair["excludes_zero"] for pair in equal)
        wrong += any(pair["beyond_chance"] for pair in equal)
        found += sum(pair["beyond_chance"] for pair in pairs if pair["second"] == "better")
    assert uncorrected >= 5
    assert wrong <= 1
    assert found == 15 * 8


def test_seeds_that_disagree():
    """Two seeds of differences 0.5 and 0.2: mean 0.35, error 0.15, Student's quantile 12.706."""
    first = table(s1=answers(100, 0), s2=answers(100, 0))
    second = table(s1=answers(50, 50), s2=answers(80, 20))
    (pair,) = compare({"a": first, "b": second}, "accuracy")["differences"]
    assert pair["seeds"]["interval"] == pytest.approx([0.35 - 12.706 * 0.15, 0.35 + 12.706 * 0.15], abs=1e-3)
    assert pair["paired_test"]["p"] == pytest.approx(2 * 0.5**20)
    assert (pair["excludes_zero"], pair["beyond_chance"], pair["reason"]) == (True, False, "seeds")


def test_pairing_takes_the_seeds_that_both_modes_have():
    first = table(s1=answers(90, 10), s2=answers(90, 10), s3=answers(80, 20))
    second = table(s2=answers(70, 30), s3=answers(70, 30), s4=answers(10, 90))
    (pair,) = compare({"a": first, "b": second}, "accuracy")["differences"]
    assert pair["paired_test"]["p_by_seed"] == {"2": pytest.approx(2 * 0.5**20), "3": pytest.approx(2 * 0.5**10)}
    assert pair["paired_test"]["p"] == pair["paired_test"]["p_by_seed"]["3"]
    assert (pair["seeds"]["n"], pair["seeds"]["mean"]) == (2, pytest.approx(0.15))
    assert pair["difference"] == pytest.approx(2.6 / 3 - 0.5)
    (apart,) = compare({"a": table(s1=answers(90, 10)), "b": table(s2=answers(9, 91))}, "accuracy")["differences"]
    assert (apart["paired_test"]["p"], apart["seeds"], apart["reason"]) == (1.0, None, "mcnemar")


def test_one_mode_or_none():
    assert compare({"a": table(s1=answers(9, 1))}, "matthews")["differences"] == []
    assert compare({}, "macro_f1")["intervals"] == {}


@pytest.mark.parametrize(
    "tables",
    [
        {"a": table(s1=answers(9, 1)), "b": table(s1=answers(8, 1))},
        {"a": table(s1=answers(9, 1)), "b": table(s1=answers(9, 1)).assign(label=0)},
        {"a": table(s1=answers(9, 1), s2=answers(8, 1))},
    ],
)
def test_other_examples_are_not_compared(tables):
    with pytest.raises(ValueError, match="examples"):
        compare(tables, "accuracy")


def test_front():
    modes = {"full": (0.9, 10.0), "bitfit": (0.88, 4.0), "slow": (0.88, 5.0), "worse": (0.85, 4.0), "poor": (0.5, 1.0)}
    on = {"full": True, "bitfit": True, "slow": False, "worse": False, "poor": True}
    assert on_front(modes) == on
    assert on_front({"a": (0.9, 1.0), "b": (0.9, 1.0)}) == {"a": True, "b": True}
