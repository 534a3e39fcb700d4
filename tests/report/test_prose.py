"""The report's prose follows its numbers, and whatever the data hold is shown as it is."""

import copy
import re
import shutil
import subprocess

import pandas as pd
import pytest

from bitsweep.jobs.environment import commit_of
from bitsweep.report import prose, recommendation, training_size_prose
from bitsweep.report.figures import size_figure
from bitsweep.report.html_page import to_html
from bitsweep.report.markdown import differences_section, input_section
from bitsweep.report.tables import confusion_table, readable, save_table, to_latex, to_markdown
from bitsweep.selection.training_size import study_table, summarize_study
from tests.helpers.workspace import ROOT


def entry(accuracy: float, parameters: int, low: float, high: float, sd: float | None = None) -> dict:
    runs = [{"seed": seed} for seed in range(1 if sd is None else 3)]
    return {
        "trainable_parameters": parameters,
        "runs": 4,
        "diverged": 0,
        "selected": {"batch_size": 8, "learning_rate": 3e-4, "runs": [], "on_edge": {}},
        "validation": {
            "accuracy": accuracy + 0.03,
            "score": accuracy + 0.03,
            "price": {"picked_from": 4, "epochs": 16, "price": 0.021},
            "loss": 0.5,
            "train_loss": 0.4,
            "examples": 100,
        },
        "test": {
            "accuracy": accuracy,
            "accuracy_interval": [low, high],
            "score": accuracy,
            "interval": [low, high],
            "sd": sd,
            "loss": 0.5,
            "examples": 1000,
            "commonest_label_share": 0.5,
            "runs": runs,
        },
        "costs": {
            "stored_bytes": 4 * parameters,
            "seconds": parameters / 1000,
            "on_front": {"trainable_parameters": True, "seconds": True},
        },
    }


def pair(first: str, second: str, difference: float, half: float, **changes) -> dict:
    """Return a difference beyond chance, with an interval of `half` on either side."""
    pair = {"first": first, "second": second, "difference": difference, "seeds": None}
    pair |= {"interval": [difference - half, difference + half], "beyond_chance": True, "reason": None}
    return {**pair, **changes}


@pytest.fixture
def summary() -> dict:
    grid = {"batch_size": [8, 16], "learning_rate": [3e-4, 1e-4], "seed": [1]}
    return {
        "experiment": {
            "examples": {"train": 2000, "validation": 100, "test": 1000},
            "grid": {"mode": ["full", "bitfit"], **grid},
            "grids": {"full": grid, "bitfit": grid},
            "metric": "accuracy",
            "training": {"epochs": 4},
        },
        "runs": {"total": 8, "finished": 8, "diverged": 0, "failed": []},
        "modes": {"full": entry(0.8, 4_000_000, 0.77, 0.82), "bitfit": entry(0.7, 3000, 0.67, 0.73)},
        "differences": [pair("full", "bitfit", 0.1, 0.03)],
        "interval_level": 0.95,
    }


def test_a_sure_difference_is_told_as_one(summary):
    assert "full is better than bitfit by 10.00 points (95 % interval 7.00 to 13.00 points)" in prose.answer(summary)
    assert "excludes zero" in prose.answer(summary)
    assert "Choose full where accuracy counts: it gains 10.00 points" in recommendation.recommendation_paragraph(
        summary
    )
    assert "bitfit is 10.00 points behind" in prose.training_size_paragraph(summary)
    assert "99.92 % fewer" in prose.parameters_paragraph(summary)


def test_the_winner_is_the_one_that_wins(summary):
    summary["modes"]["full"], summary["modes"]["bitfit"] = entry(0.7, 4_000_000, 0.67, 0.73), entry(0.8, 3000, 0.7, 0.9)
    summary["differences"] = [pair("full", "bitfit", -0.1, 0.03)]
    assert "by **bitfit**" in prose.answer(summary)
    assert "bitfit is better than full by 10.00 points (95 % interval 7.00 to 13.00 points)" in prose.answer(summary)
    assert recommendation.recommendation_paragraph(summary).startswith("Choose bitfit: it is better by 10.00 points")
    assert "bitfit is 10.00 points ahead" in prose.training_size_paragraph(summary)


def test_a_difference_that_may_be_chance_is_not_told_as_one(summary):
    summary["differences"] = [pair("full", "bitfit", 0.01, 0.03, beyond_chance=False, reason="examples")]
    assert "includes zero" in prose.answer(summary)
    assert "is better than" not in prose.answer(summary)
    assert "cannot be told for sure from" in recommendation.recommendation_paragraph(summary)
    assert "No difference is shown to be more than chance" in prose.differences_paragraph(summary)
    assert (
        "bitfit is 1.00 points behind here, but these test examples do not establish it."
        in prose.training_size_paragraph(summary)
    )


def test_seeds_are_told_as_mean_and_spread_and_may_leave_a_difference_open(summary):
    summary["modes"] = {"full": entry(0.8, 4_000_000, 0.77, 0.82, sd=0.012), "bitfit": entry(0.7, 3000, 0.6, 0.8, 0.05)}
    seeds = {"n": 3, "mean": 0.1, "sd": 0.04, "interval": [0.001, 0.199]}
    summary["differences"] = [pair("full", "bitfit", 0.1, 0.03, seeds=seeds)]
    assert "80.00 % (mean of 3 seeds, standard deviation 1.20 points), by **full**" in prose.answer(summary)
    assert "nor does that of seeds (its standard deviation over them is 4.00 points)" in prose.answer(summary)
    summary["differences"] = [pair("full", "bitfit", 0.1, 0.03, seeds=seeds, beyond_chance=False, reason="seeds")]
    assert "vary so much from seed to seed" in prose.answer(summary)
    assert "is better than" not in prose.answer(summary)


def test_of_several_modes_the_real_differences_are_named(summary):
    summary["modes"]["head"] = entry(0.79, 258, 0.76, 0.82)
    summary["experiment"]["grid"]["mode"].append("head")
    open_one = pair("full", "head", 0.01, 0.03, beyond_chance=False, reason="mcnemar")
    summary["differences"] += [open_one, pair("bitfit", "head", -0.09, 0.03)]
    answer = prose.answer(summary)
    assert "better, by more than chance, than bitfit (by 10.00 points, 95 % interval 7.00 to 13.00 points)." in answer
    assert "from head (by 1.00 points, 95 % interval -2.00 to 4.00 points, but McNemar's test does not" in answer
    told = prose.differences_paragraph(summary)
    assert told.startswith("**Real differences:** full over bitfit (10.00 points); head over bitfit (9.00 points).")
    assert "For full and head: McNemar's test" in told
    summary["differences"][1]["reason"] = "randomization"
    assert "but the randomization test does not" in prose.answer(summary)
    assert "For full and head: the randomization test" in prose.differences_paragraph(summary)


def test_another_metric_is_told_by_its_name_and_in_its_unit(summary):
    summary["experiment"]["metric"] = "matthews"
    answer = prose.answer(summary)
    assert "The best test Matthews correlation is 0.800, by **full**" in answer
    assert "better than bitfit by 0.100 (95 % interval 0.070 to 0.130); the interval excludes zero and the" in answer
    # The conditions that the report names are those that were applied.
    assert "the p-value of the paired randomization test" in differences_section(summary, pd.DataFrame())
    assert "McNemar" not in answer + differences_section(summary, pd.DataFrame())
    summary["experiment"]["metric"] = "accuracy"
    assert "the p-value of McNemar's exact test" in differences_section(summary, pd.DataFrame())


def test_the_price_of_picking_is_told_beside_the_gap(summary):
    told = prose.price_paragraph(summary)
    assert "full has 3.00 points more on validation than on test, where picking the best of 4 settings" in told
    assert "is expected to make it 2.10 points too high" in told


@pytest.mark.parametrize(
    ("small", "large", "told"),
    [
        ((0.01, False), (0.2, True), "so it held here"),
        ((0.1, True), (0.2, True), "so it did not hold here"),
        ((0.01, False), (0.02, False), "its first half is not refuted here"),
        ((0.1, True), (0.01, False), "so the opposite held here"),
        ((-0.1, True), (0.2, True), "bitfit is 10.00 points ahead of full"),
    ],
)
def test_the_study_says_whether_the_claim_held(small, large, told):
    def of(difference, known):
        # The study may name the modes in either order.
        reason = None if known else "examples"
        return [pair("bitfit", "full", -difference, 0.01, beyond_chance=known, reason=reason)]

    points = [{"mode": mode} for mode in ("bitfit", "full")]
    differences = {"1000": of(*large), "100": of(*small)}
    study = {"metric": "accuracy", "points": points, "differences": differences, "missing": []}
    text = training_size_prose.study_paragraph(study)
    assert told in text
    assert text.index("at 100 examples") < text.index("at 1,000 examples")


def test_a_mode_that_is_no_better_than_a_constant_answer_is_told(summary):
    assert (
        "commonest label would reach 50.00 %: 30.00 points less than full; 20.00 points less than bitfit."
        in prose.accuracy_paragraph(summary)
    )
    assert "bitfit keeps 20.00 of the 30.00 points of accuracy" in recommendation.recommendation_paragraph(summary)
    summary["modes"]["bitfit"] = entry(0.52, 3000, 0.49, 0.55)
    assert "within the interval of bitfit, which may have learned nothing" in prose.accuracy_paragraph(summary)
    summary["modes"]["bitfit"] = entry(0.4, 3000, 0.37, 0.43)
    assert "more than bitfit." in prose.accuracy_paragraph(summary)


def test_a_mode_of_which_all_runs_diverged_leaves_the_others_reported(summary):
    lost = summary["modes"]["full"]
    lost["selected"] = lost["validation"] = lost["test"] = lost["costs"] = None
    summary["differences"] = []
    answer = prose.answer(summary)
    assert "by **bitfit**" in answer
    assert "No setting of full was trained to a finite loss" in answer
    for paragraph in (prose.accuracy_paragraph, prose.training_size_paragraph, prose.limits_paragraph):
        assert "full reaches" not in paragraph(summary)


def test_a_run_that_failed_is_named_with_its_reason(summary):
    assert "Missing" not in prose.answer(summary)
    run = {
        "mode": "full",
        "batch_size": 8,
        "learning_rate": 3e-4,
        "seed": 1,
        "failed": "Memory ran out: lower max_length.",
    }
    summary["runs"]["failed"] = [run]
    answer = prose.answer(summary)
    assert "**Missing:** 1 of the 8 runs could not be trained" in answer
    assert "full at batch size 8, learning rate 3e-4, seed 1 (“Memory ran out: lower max_length.”)" in answer


def test_the_edge_of_the_grid_and_the_single_seed_are_told(summary):
    summary["modes"]["bitfit"]["selected"]["on_edge"] = {"learning_rate": "largest"}
    limits = prose.limits_paragraph(summary)
    assert "learning rate of bitfit is the largest on the grid" in limits
    assert "one seed" in limits
    assert "the best of 16 (2 batch sizes, 2 learning rates, 4 epochs)" in limits
    several = copy.deepcopy(summary)
    several["experiment"]["grid"]["seed"] = [1, 2, 3]
    assert "means over 3 seeds" in prose.limits_paragraph(several)


def test_what_the_study_lacks_is_named():
    runs = [{"mode": "full", "train_size": 100, "failed": None, "diverged": seed > 1} for seed in (1, 2, 3)]
    runs += [{"mode": "head", "train_size": 100, "failed": "Memory ran out.", "diverged": False}]
    runs += [{"mode": "bitfit", "train_size": 100, "failed": None, "diverged": False}]
    nothing = {"full": None, "head": None, "bitfit": None}
    empty = pd.DataFrame(columns=["seed", "example", "label", "prediction", "train_size"])
    study = summarize_study(
        pd.DataFrame(runs), {"100": nothing}, {mode: {} for mode in nothing}, dict.fromkeys(nothing, empty), "accuracy"
    )
    told = training_size_prose.study_missing(study)
    assert "full on 100 examples (2 of 3 runs diverged)" in told
    assert "head on 100 examples (1 of 1 runs failed: “Memory ran out.”)" in told
    assert "bitfit" not in told
    # Nothing is left to show, and it is shown.
    assert len(study_table(study)) == 0
    size_figure(pd.DataFrame(columns=["mode", "train_size", "score", "low", "high"]), "accuracy").to_dict()


def test_texts_are_shown_as_they_are(tmp_path):
    text = "<b>*bold*</b> | [link](x) `code` $x$ <script>alert(1)</script>"
    row = {"group": "reviews", "text": text, "position": 0, "token": "<i>|", "input_ids": 5}
    inputs = pd.DataFrame([{**row, "token_type_ids": 0, "attention_mask": 1}])
    page = to_html(input_section(inputs), "title", tmp_path)
    assert "<script>alert" not in page
    assert "&lt;b&gt;*bold*&lt;/b&gt; | [link](x) `code` $x$ &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert '<td style="text-align:left">&lt;i&gt;|</td>' in page


def test_tables_for_readers():
    table = pd.DataFrame(
        {
            "mode": ["full", "bitfit"],
            "learning_rate": [3e-4, 5e-5],
            "test_accuracy": [0.87432, None],
            "epoch": [4, None],
        }
    )
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in to_markdown(readable(table)).splitlines()
    ]
    assert lines[0] == ["mode", "learning rate", "test accuracy", "epoch"]
    assert lines[2:] == [["full", "3e-4", "87.43 %", "4"], ["bitfit", "5e-5", "", ""]]


def test_tables_for_papers():
    """As LaTeX: escaped, and no row opens as an argument of the command that ends the row before it."""
    table = pd.DataFrame({"token": ["[CLS]", "* 5 % & $x$ #_"], "test_accuracy": [0.87432, None]})
    assert [" ".join(line.split()) for line in to_latex(readable(table)).splitlines()] == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"token & test accuracy \\",
        r"\midrule",
        r"{}[CLS] & 87.43 \% \\",
        r"{}* 5 \% \& \$x\$ \#\_ & \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    assert r"\begin{tabular}{ll}" in to_latex(table[:0])


def test_the_commit_is_the_workflow_s_own(tmp_path):
    assert commit_of(tmp_path) is None
    git = ["git", "-c", "user.name=name", "-c", "user.email=mail"]
    subprocess.run([*git, "init", "-q", tmp_path], check=True)
    (tmp_path / "other").write_text("")
    for arguments in (["add", "other"], ["commit", "-q", "-m", "Begin"]):
        subprocess.run([*git, "-C", tmp_path, *arguments], check=True)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    # A copy of the workflow in another repository.
    assert commit_of(tmp_path) is None
    for arguments in (["add", "Snakefile"], ["commit", "-q", "-m", "Add"]):
        subprocess.run([*git, "-C", tmp_path, *arguments], check=True)
    commit = commit_of(tmp_path)
    assert len(commit) >= 7
    (tmp_path / "Snakefile").write_text("changed")
    assert commit_of(tmp_path) == f"{commit}-dirty"


def test_labels_stand_in_headers_as_they_are_written():
    """No label's name breaks the table's Markdown or loses a character."""
    run = {"seed": 1, "confusion": [[3, 1], [0, 4]]}
    experiment = {"label_names": ["a|b", "x_1"]}
    table = confusion_table({"experiment": experiment, "modes": {"full": {"test": {"runs": [run]}}}})
    header, _, first, _ = to_markdown(readable(table)).splitlines()
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", header)[1:-1]]
    assert cells == ["mode", "seed", "label", r"predicted a\|b", "predicted x_1"]
    assert r"a\|b" in first


def test_line_breaks_in_labels_split_no_table(tmp_path):
    """On the page each label is a row and a column, and the table for programs has the labels as they are."""
    names = ["two\nlines", "a\r\nreturn", "a\rlone one", "a\u2028separator | bar"]
    run = {"seed": 1, "confusion": [[row == column for column in range(4)] for row in range(4)]}
    summary = {"experiment": {"label_names": names}, "modes": {"full": {"test": {"runs": [run]}}}}
    save_table(confusion_table(summary), tmp_path / "confusion.csv")
    page = to_html((tmp_path / "confusion.md").read_text(), "title", tmp_path)
    assert page.count("<tr>") == 5
    assert page.count("<td") == 4 * 7
    for shown in ("two lines", "a return", "a lone one", "a separator | bar"):
        assert f'<td style="text-align:left">{shown}</td>' in page
        assert f">predicted {shown}</th>" in page
    table = pd.read_csv(tmp_path / "confusion.csv")
    assert table["label"].tolist() == names
    assert table.columns.tolist()[3:] == [f"predicted {name}" for name in names]
