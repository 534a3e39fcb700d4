"""The workflow, end to end through real Snakemake: what it makes, what it reads, what it runs again."""

import json
import re
import shutil

import pandas as pd
import pytest
from safetensors.torch import load_file

from bitsweep.files import sha256_file
from tests.helpers.workspace import Workspace, count_jobs

SMALL = ("--configfile", "configs/small.yaml")


def summary_of(results) -> dict:
    return json.loads((results / "report" / "summary.json").read_text())


def test_summary_names_the_selected_runs_and_their_numbers(results):
    summary = summary_of(results)
    runs = pd.read_csv(results / "runs.csv")
    assert summary["runs"] == {"total": 8, "finished": 8, "diverged": 0, "failed": []}
    assert {mode: entry["trainable_parameters"] for mode, entry in summary["modes"].items()} == {
        "full": 4_386_178,
        "bitfit": 3_074,
    }
    for mode, entry in summary["modes"].items():
        best = runs[runs["mode"] == mode].sort_values(
            ["validation_accuracy", "validation_loss"], ascending=[False, True]
        )
        chosen, selected = best.iloc[0], entry["selected"]
        for key in ("batch_size", "learning_rate", "seed", "epoch", "path"):
            assert {**selected, **selected["runs"][0]}[key] == chosen[key]
        assert entry["validation"]["accuracy"] == chosen["validation_accuracy"]
        predictions = pd.read_csv(results / "evaluation" / f"{mode}.csv")
        accuracy = (predictions["prediction"] == predictions["label"]).mean()
        assert entry["test"]["accuracy"] == pytest.approx(accuracy, abs=1e-12)
        low, high = entry["test"]["accuracy_interval"]
        assert low < accuracy < high


def test_the_selected_epoch_is_the_best_of_the_history(results):
    for folder in (results / "runs").glob("*/*/*/*"):
        history = pd.read_csv(folder / "history.csv")
        best = json.loads((folder / "result.json").read_text())["best"]
        assert len(history) == 2
        order = history.sort_values(["validation_accuracy", "validation_loss"], ascending=[False, True])
        assert best["epoch"] == order.iloc[0]["epoch"]


def test_a_run_keeps_only_what_it_trained(results):
    bitfit = (
        results / "runs" / "mode~bitfit" / "batch_size~8" / "learning_rate~3e-4" / "seed~42" / "weights.safetensors"
    )
    assert sum(tensor.numel() for tensor in load_file(bitfit).values()) == 3_074
    assert bitfit.stat().st_size < 20_000


@pytest.mark.parametrize("table", ["encoder_input", "grid", "results", "validation", "runs", "test"])
def test_every_table_is_there_for_programs_and_for_readers(results, table):
    csv = pd.read_csv(results / "report" / "tables" / f"{table}.csv")
    lines = (results / "report" / "tables" / f"{table}.md").read_text().splitlines()
    assert len(lines) == len(csv) + 2
    assert all(line.startswith("|") for line in lines)


def test_report_says_what_the_numbers_say(results):
    report = (results / "report" / "report.md").read_text()
    summary = summary_of(results)
    for part in (
        "## What the encoder reads",
        "## The grid and where it comes from",
        "## Selected runs",
        "## Validation over the grid",
        "## All scores of the selected runs",
        "## What it means",
        "## Methods",
        "## All 8 runs",
        "**stand in** for it",
        "99.93 % fewer",
        "4,386,178",
        "one seed",
    ):
        assert part in report
    (pair,) = summary["differences"]
    assert ("excludes zero" if pair["excludes_zero"] else "includes zero") in report
    assert f"{abs(100 * pair['difference']):.2f} points" in report
    for entry in summary["modes"].values():
        assert f"{100 * entry['test']['accuracy']:.2f} %" in report
    for path in re.findall(r"\]\((figures/[^)]*)\)", report):
        assert (results / "report" / path).stat().st_size > 1000
        assert (results / "report" / path).with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_the_reference_experiment_plans_forty_runs_and_two_evaluations(workspace):
    jobs = workspace.jobs("--configfile", "configs/imdb.yaml")
    assert (jobs["train_run"], jobs["evaluate_mode"]) == (40, 2)


def test_the_default_experiment_is_the_reference_s_grid(workspace):
    jobs = workspace.jobs()
    assert (jobs["train_run"], jobs["evaluate_mode"]) == (40, 2)


def test_nothing_before_the_evaluation_reads_the_test_split(workspace):
    """Proved from the graph of jobs: from the tokenized test split no job but an evaluation can be reached first."""
    dot = workspace.snakemake("--dag", "dot", *SMALL).stdout
    labels = dict(re.findall(r'(\d+)\[label = "([^"]*)"', dot))
    rules = {node: label.split("\\n")[0] for node, label in labels.items()}
    edges = re.findall(r"(\d+) -> (\d+)", dot)
    sealed = [node for node, label in labels.items() if label.startswith("tokenize_split") and "test" in label]
    assert len(sealed) == 1
    readers = {rules[after] for before, after in edges if before == sealed[0]}
    assert readers == {"evaluate_mode", "summarize"}
    reached, queue = set(), list(sealed)
    while queue:
        node = queue.pop()
        for before, after in edges:
            if before == node and after not in reached:
                reached.add(after)
                queue.append(after)
    allowed = {"evaluate_mode", "compare_modes", "summarize", "plot_modes", "write_report", "all"}
    assert {rules[node] for node in reached} == allowed
    # summarize counts the test examples, after the evaluations that it also reads.
    counting = next(node for node, rule in rules.items() if rule == "summarize")
    assert "evaluate_mode" in {rules[before] for before, after in edges if after == counting}
    assert "train_run" in rules.values()


def test_a_run_depends_on_its_settings_and_seed_alone(finished, tmp_path):
    """The same run with another grid around it, in another order, on one core: the same bytes."""
    other = Workspace(tmp_path)
    grid = {"mode": ["bitfit", "full"], "batch_size": [32], "learning_rate": [5e-5, 3e-4]}
    done = other.snakemake("results/small/runs.csv", "--cores", "1", "--configfile", other.config("small", grid=grid))
    assert done.returncode == 0, done.stdout
    compared = 0
    for folder in (other.folder / "results" / "small" / "runs").glob("*/*/learning_rate~3e-4/*"):
        twin = finished.folder / folder.relative_to(other.folder)
        for file in ("history.csv", "weights.safetensors"):
            assert (folder / file).read_bytes() == (twin / file).read_bytes()
            compared += 1
    assert compared == 4


def test_evaluation_refuses_weights_that_were_not_selected(finished, tmp_path):
    results = shutil.copytree(finished.folder / "results" / "small", tmp_path / "results")
    selected = json.loads((results / "selection.json").read_text())["bitfit"]
    folders = {path.parent for path in (results / "runs" / "mode~bitfit").glob("*/*/*/weights.safetensors")}
    chosen = next(f for f in folders if sha256_file(f / "weights.safetensors") == selected["runs"][0]["weights_sha256"])
    other = next(folder for folder in folders if folder != chosen)
    arguments = ["--mode", "bitfit", "--selection", results / "selection.json", "--runs", results / "runs"]
    arguments += ["--encoder", results / "encoder", "--test", results / "tokens" / "test.safetensors"]
    arguments += ["--output", tmp_path / "scores.json", "--predictions", tmp_path / "predictions.csv"]

    shutil.copy(other / "weights.safetensors", chosen / "weights.safetensors")
    refused = finished.script("scripts.evaluate_mode", *arguments)
    assert refused.returncode == 1
    assert "is not the file that was selected" in refused.stderr

    shutil.copytree(finished.folder / "results" / "small" / "runs", results / "runs", dirs_exist_ok=True)
    encoder = bytearray((results / "encoder" / "model.safetensors").read_bytes())
    encoder[-100] ^= 1
    (results / "encoder" / "model.safetensors").write_bytes(encoder)
    refused = finished.script("scripts.evaluate_mode", *arguments)
    assert refused.returncode == 1
    assert "was trained from another encoder" in refused.stderr
    assert not (tmp_path / "scores.json").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"grid": {"mode": ["full"], "batch_size": [], "learning_rate": [1e-4]}},
            ["grid.batch_size is []", "at least 1"],
        ),
        ({"training": {"epochs": "four"}}, ["training.epochs is 'four'", "a whole number"]),
        (
            {"encoder": {"source": "folder", "path": "models/none"}},
            ["encoder.path is 'models/none'", "correct", "make that encoder first"],
        ),
        ({"colour": "red"}, ["colour is not a key of the config", "'red'", "remove it"]),
    ],
    ids=["empty grid", "wrong type", "no such folder", "unknown key"],
)
def test_a_mistake_in_the_config_ends_with_a_sentence(workspace, changes, words):
    done = workspace.snakemake("--cores", "1", "--configfile", workspace.config("mistaken", **changes))
    assert done.returncode != 0
    assert all(word in done.stdout for word in words), done.stdout
    assert "Traceback" not in done.stdout
    assert not (workspace.folder / "results").exists()


@pytest.mark.parametrize(("split", "rows"), [("train", 20_000), ("test", 2_500)])
def test_a_mistake_that_the_data_show_ends_with_a_sentence_before_any_training(workspace, split, rows):
    config = workspace.config("mistaken", limit={split: 10**6})
    done = workspace.snakemake("--cores", "2", "--configfile", config)
    assert done.returncode != 0
    assert f"Error: limit.{split} is 1000000, but the split has {rows} rows: lower it" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (workspace.folder / "results" / "mistaken" / "runs").exists()


def test_other_configs_replace_the_default_one(workspace):
    """A key of config.yaml does not leak into an experiment that leaves it out."""
    done = workspace.snakemake("--dry-run", "--configfile", workspace.config("alone", limit={"train": 96}))
    assert count_jobs(done.stdout)["train_run"] == 8
    assert "results/alone/" in done.stdout
    limits = [line for line in done.stdout.splitlines() if "imdb-subset" in line]
    assert limits == []


def test_diverged_runs_are_reported_and_passed_over(workspace):
    """One rate is far too high: its runs diverge, the others are selected, and the report says so."""
    grid = {"mode": ["full", "bitfit"], "batch_size": [32], "learning_rate": [1e38, 1e-4]}
    config = workspace.config("diverging", grid=grid, training={"epochs": 1})
    done = workspace.snakemake("--cores", "2", "--configfile", config)
    assert done.returncode == 0, done.stdout
    results = workspace.folder / "results" / "diverging"
    summary = summary_of(results)
    assert summary["runs"] == {"total": 4, "finished": 2, "diverged": 2, "failed": []}
    assert {entry["selected"]["learning_rate"] for entry in summary["modes"].values()} == {1e-4}
    assert "2 of the runs diverged" in (results / "report" / "report.md").read_text()
