"""Selection: the rule and its ties, diverged runs, means over seeds."""

import pandas as pd
import pytest

from bitsweep.selection.select import select


def run(**changes) -> dict:
    row = {
        "mode": "full",
        "batch_size": 8,
        "learning_rate": 1e-4,
        "seed": 1,
        "path": "",
        "epoch": 2,
        "steps": 100,
        "validation_accuracy": 0.8,
        "validation_macro_f1": 0.8,
        "validation_f1": 0.8,
        "validation_matthews": 0.6,
        "validation_loss": 0.5,
        "train_loss": 0.4,
        "diverged": False,
        "failed": None,
        "weights_sha256": "",
    }
    return {**row, **changes}


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"validation_accuracy": 0.81, "validation_loss": 0.9}, {}),
        ({"validation_loss": 0.4, "steps": 200}, {}),
        ({"steps": 50, "learning_rate": 3e-4}, {}),
        ({"learning_rate": 5e-5, "batch_size": 16}, {}),
        ({"batch_size": 4}, {}),
        ({}, {"validation_accuracy": 0.99, "diverged": True}),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_rule_and_ties(better, worse, order):
    rows = [run(**{"batch_size": 8, **better}), run(**{"batch_size": 32 if "batch_size" not in better else 8, **worse})]
    selected = select(pd.DataFrame(rows[::order]), "accuracy")["full"]
    assert (selected["batch_size"], selected["learning_rate"]) == (rows[0]["batch_size"], rows[0]["learning_rate"])


def test_the_mean_over_seeds_counts_not_the_best_seed():
    lucky = [run(batch_size=8, seed=1, validation_accuracy=0.9), run(batch_size=8, seed=2, validation_accuracy=0.5)]
    steady = [run(batch_size=16, seed=seed, validation_accuracy=0.8, epoch=seed) for seed in (1, 2)]
    selected = select(pd.DataFrame(lucky + steady), "accuracy")["full"]
    assert selected["batch_size"] == 16
    assert selected["validation_accuracy"] == pytest.approx(0.8)
    assert selected["sd"]["accuracy"] == 0
    assert [(one["seed"], one["epoch"]) for one in selected["runs"]] == [(1, 1), (2, 2)]


def test_the_metric_that_is_asked_for_selects():
    rows = [run(batch_size=8, validation_accuracy=0.9), run(batch_size=16, validation_macro_f1=0.9)]
    assert select(pd.DataFrame(rows), "accuracy")["full"]["batch_size"] == 8
    assert select(pd.DataFrame(rows), "macro_f1")["full"]["batch_size"] == 16


def test_the_spread_over_seeds_is_the_sample_s_and_unknown_of_one():
    rows = [run(seed=seed, validation_accuracy=score) for seed, score in ((1, 0.7), (2, 0.8), (3, 0.9))]
    assert select(pd.DataFrame(rows), "accuracy")["full"]["sd"]["accuracy"] == pytest.approx(0.1)
    assert select(pd.DataFrame(rows[:1]), "accuracy")["full"]["sd"]["accuracy"] is None


def test_a_setting_with_one_diverged_seed_is_passed_over():
    rows = [run(batch_size=8, seed=1, validation_accuracy=0.9), run(batch_size=8, seed=2, diverged=True)]
    rows += [run(batch_size=16, seed=seed, validation_accuracy=0.7) for seed in (1, 2)]
    assert select(pd.DataFrame(rows), "accuracy")["full"]["batch_size"] == 16


def test_a_setting_with_one_failed_seed_is_passed_over():
    failed = run(batch_size=8, seed=2, validation_accuracy=None, validation_loss=None, failed="Memory ran out.")
    rows = [run(batch_size=8, seed=1, validation_accuracy=0.9), failed]
    rows += [run(batch_size=16, seed=seed, validation_accuracy=0.6) for seed in (1, 2)]
    assert select(pd.DataFrame(rows), "accuracy")["full"]["batch_size"] == 16


def test_a_mode_of_which_all_runs_diverged_has_no_selection():
    rows = [run(), run(mode="bitfit", diverged=True, validation_accuracy=None, validation_loss=None, epoch=None)]
    selected = select(pd.DataFrame(rows), "accuracy")
    assert selected["bitfit"] is None
    assert selected["full"]["batch_size"] == 8
