"""Only what is stale reruns: for every kind of edit the set of jobs, exactly, on the command line that users type."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bitsweep.errors import UserError
from bitsweep.selection.runs_table import check_alike
from bitsweep.workflow.audit import find_damaged
from tests.helpers.workspace import Workspace, planned_jobs

pytestmark = pytest.mark.contract

SMALL = ("--configfile", "configs/small.yaml")
MODES = ("full", "bitfit")
SPLITS = ("train", "validation", "test")


def runs(modes=MODES, sizes=(8, 32), rates=("3e-4", "1e-4")) -> set[str]:
    return {
        f"train_run mode={mode}, batch_size={size}, learning_rate={rate}, seed=42"
        for mode in modes
        for size in sizes
        for rate in rates
    }


def tokens(*splits: str) -> set[str]:
    return {f"tokenize_split split={split}" for split in splits}


REPORT = {"write_report"}
SUMMARY = {"summarize", "plot_modes", *REPORT}
TEST = {"evaluate_mode mode=full", "evaluate_mode mode=bitfit", "compare_modes", *SUMMARY}
SELECTION = {
    "collect_runs",
    "select_runs",
    "price_selection",
    "confirm_runs",
    "plot_heatmap mode=full",
    "plot_heatmap mode=bitfit",
    "plot_learning_curves",
    *TEST,
}
CHECKS = {"check_mode mode=full", "check_mode mode=bitfit"}
RUN = "runs/mode~full/batch_size~8/learning_rate~3e-4/seed~42"


@pytest.fixture
def edited(finished: Workspace, tmp_path: Path) -> Workspace:
    """Return a copy of the finished workspace, with its time stamps, to do things to."""
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    return Workspace(tmp_path / "copy", made=True)


def edit_config(workspace: Workspace, change: Callable[[dict], None]) -> None:
    path = workspace.folder / "configs" / "small.yaml"
    settings = yaml.safe_load(path.read_text())
    change(settings)
    path.write_text(yaml.safe_dump(settings, sort_keys=False))


def setting(*keys: str, to) -> Callable[[dict], None]:
    def change(settings: dict) -> None:
        section = settings
        for key in keys[:-1]:
            section = section.setdefault(key, {})
        section[keys[-1]] = to

    return change


def swap_limits(settings: dict) -> None:
    limit = settings["limit"]
    limit["train"], limit["validation"] = limit["validation"], limit["train"]


def turn_around(settings: dict) -> None:
    """All keys, and the numbers of the grid, in the opposite order."""
    turned = {
        key: dict(reversed(value.items())) if isinstance(value, dict) else value for key, value in settings.items()
    }
    for key in ("batch_size", "learning_rate"):
        turned["grid"][key] = list(reversed(turned["grid"][key]))
    settings.clear()
    settings.update(dict(reversed(turned.items())))


CONFIG_EDITS = {
    "one learning rate more": (
        setting("grid", "learning_rate", to=["3e-4", 1e-4, 5e-5]),
        runs(rates=["5e-5"]) | SELECTION,
    ),
    "one learning rate fewer": (setting("grid", "learning_rate", to=[1e-4]), SELECTION),
    "one mode fewer": (
        setting("grid", "mode", to=["full"]),
        {job for job in SELECTION if "bitfit" not in job},
    ),
    "epochs": (setting("training", "epochs", to=3), runs() | SELECTION),
    "weight decay": (setting("training", "weight_decay", to=0.01), runs() | SELECTION),
    "precision": (setting("training", "precision", to="float32"), {"choose_precision"} | CHECKS | runs() | SELECTION),
    "test limit": (setting("limit", "test", to=128), tokens("test") | {"examine_data"} | TEST),
    "validation limit": (
        setting("limit", "validation", to=128),
        tokens("validation") | {"examine_data"} | runs() | SELECTION,
    ),
    "two settings swapped": (swap_limits, tokens("train", "validation") | {"examine_data"} | runs() | SELECTION),
    "unreadable texts allowed": (setting("allow_unreadable", to=True), set()),
    "another order of keys": (turn_around, set()),
    "another spelling of numbers": (setting("grid", "learning_rate", to=["3.0e-4", "0.0001"]), set()),
    "names of labels": (setting("label_names", to=["bad", "good"]), SUMMARY),
    "text of the report": (setting("grid_source", to="{a} {{b}} $(c) ~ \"d\""), SUMMARY),
    "one learning rate more for one mode": (
        setting("modes", to={"bitfit": {"learning_rate": [3e-4, 1e-4, 1e-3]}}),
        runs(["bitfit"], rates=["1e-3"]) | SELECTION,
    ),
    "one mode more": (
        lambda settings: settings["grid"].update(mode=["full", "bitfit", "head"]),
        runs(["head"])
        | {"check_mode mode=head", "evaluate_mode mode=head", "plot_heatmap mode=head"}
        | SELECTION,
    ),
    "another metric": (setting("metric", to="macro_f1"), runs() | SELECTION),
    "a study": (setting("study", to={"train_size": [32, 96]}), set()),
    "seed of the split": (
        setting("split", to={"seed": 1}),
        {"split_data", "describe_input", "examine_data"} | CHECKS | tokens(*SPLITS) | runs() | SELECTION,
    ),
    "length of texts": (
        setting("max_length", to=48),
        {"describe_input", "examine_data"} | CHECKS | tokens(*SPLITS) | runs() | SELECTION,
    ),
}  # fmt: skip


@pytest.mark.parametrize("edit", CONFIG_EDITS)
def test_an_edit_of_the_config_reruns_what_reads_it(edited, edit):
    change, expected = CONFIG_EDITS[edit]
    edit_config(edited, change)
    assert edited.plan(*SMALL) == expected


CODE_EDITS = {
    "training/loop.py": runs() | SELECTION,
    "model/modes.py": CHECKS | runs() | SELECTION,
    "selection/runs_table.py": SELECTION,
    "selection/select.py": SELECTION - {"collect_runs", "confirm_runs"},
    "selection/comparison.py": {"compare_modes", *SUMMARY},
    "report/prose.py": REPORT,
    "report/figures.py": {
        "plot_heatmap mode=full",
        "plot_heatmap mode=bitfit",
        "plot_learning_curves",
        "plot_modes",
        *REPORT,
    },
    "report/page.css": REPORT,
    "report/page.js": REPORT,
}


@pytest.mark.parametrize("file", CODE_EDITS)
def test_an_edit_of_the_code_reruns_what_runs_it(edited, file):
    path = edited.folder / "bitsweep" / file
    path.write_text(path.read_text() + ("\nADDED = 1\n" if file.endswith(".py") else "\np { margin: 0 }\n"))
    assert edited.plan(*SMALL) == CODE_EDITS[file]


def test_comments_formatting_and_wording_rerun_nothing(edited):
    for path in [*edited.folder.rglob("*.py"), *edited.folder.rglob("*.smk"), edited.folder / "Snakefile"]:
        path.write_text(path.read_text() + "\n# A comment.\n\n")
    path = edited.folder / "bitsweep" / "training" / "loop.py"
    text = path.read_text()
    assert "def rank(self, row: dict) ->" in text
    text = text.replace("def rank(self, row: dict) ->", "def rank(\n        self, row: dict\n    ) ->")
    path.write_text(text.replace("Going on at the checkpoint", "The checkpoint is taken up"))
    path = edited.folder / "scripts" / "train_run.py"
    path.write_text(path.read_text().replace("Another process trains this run", "This run is being trained"))
    assert edited.plan(*SMALL) == set()


def test_nothing_reruns_without_an_edit(edited):
    assert edited.plan(*SMALL) == set()


def test_a_setting_on_the_command_line_is_what_it_is_in_the_config(edited):
    """Snakemake hands numbers inside of a section over as strings."""
    assert edited.plan(*SMALL, "--config", "training={epochs: 2}", "limit={train: 96}", "max_length=32") == set()
    assert edited.plan(*SMALL, "--config", "training={epochs: 3}") == runs() | SELECTION


def test_a_touch_of_every_file_in_any_order_reruns_nothing(edited):
    """As after a fresh checkout: the workflow's files and the results have new time stamps."""
    files = [path for path in sorted(edited.folder.rglob("*")) if path.is_file() and ".snakemake" not in path.parts]
    random.Random(0).shuffle(files)
    for number, path in enumerate(files):
        os.utime(path, (path.stat().st_mtime + 100 + number, path.stat().st_mtime + 100 + number))
    assert edited.plan(*SMALL) == set()


def test_a_copy_in_another_place_reruns_nothing(finished, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "elsewhere", copy_function=shutil.copyfile)
    assert Workspace(tmp_path / "elsewhere", made=True).plan(*SMALL) == set()


def test_results_without_snakemake_s_records_are_used_or_refused(edited):
    """Snakemake itself would take results of other settings for those of these."""
    shutil.rmtree(edited.folder / ".snakemake")
    assert edited.plan(*SMALL) == set()
    edit_config(edited, setting("training", "epochs", to=3))
    refused = edited.snakemake("--cores", "1", *SMALL)
    assert refused.returncode != 0
    assert "was made with other settings (training.epochs was 2 and is 3)" in refused.stdout
    assert "Traceback" not in refused.stdout


def test_a_second_experiment_leaves_the_first_alone(edited):
    path = edited.config("second")
    assert edited.plan("--configfile", path) >= runs() | SELECTION
    done = edited.snakemake("results/second/tokens/test.safetensors", "--cores", "1", "--configfile", path)
    assert done.returncode == 0, done.stdout
    assert edited.plan(*SMALL) == set()


DELETED = {
    RUN: runs(["full"], [8], ["3e-4"]) | SELECTION,
    f"{RUN}/history.csv": runs(["full"], [8], ["3e-4"]) | SELECTION,
    f"{RUN}/weights.safetensors": runs(["full"], [8], ["3e-4"]) | SELECTION,
    f"{RUN}/predictions.npy": runs(["full"], [8], ["3e-4"]) | SELECTION,
    "selection.json": SELECTION - {"collect_runs", "price_selection", "confirm_runs"},
    "evaluation/full.csv": TEST - {"evaluate_mode mode=bitfit"},
    "report/figures/heatmap_full.svg": {"plot_heatmap mode=full", *REPORT},
    "report/tables/test.csv": SUMMARY,
    # Made again when something needs them.
    "tokens/train.safetensors": set(),
    "encoder/model.safetensors": set(),
}


@pytest.mark.parametrize("path", DELETED)
def test_what_is_deleted_is_made_again(edited, path):
    deleted = edited.folder / "results" / "small" / path
    shutil.rmtree(deleted) if deleted.is_dir() else deleted.unlink()
    assert edited.plan(*SMALL) == DELETED[path]


@pytest.mark.parametrize("path", [path for path in DELETED if path != RUN])
def test_what_is_truncated_is_made_again(edited, path):
    torn = edited.folder / "results" / "small" / path
    os.truncate(torn, torn.stat().st_size // 2)
    done = edited.snakemake("--dry-run", *SMALL)
    assert f"results/small/{path} has" in done.stdout
    assert planned_jobs(done.stdout) == DELETED[path]


def test_every_torn_output_is_seen(edited):
    """Each file that a rule has made, truncated at several lengths, and with one byte changed where it is small."""
    results = edited.folder / "results" / "small"
    outputs = [path for path in sorted(results.rglob("*")) if path.is_file() and not is_hidden(path, results)]
    assert len(outputs) > 70
    for path in outputs:
        content = path.read_bytes()
        torn = {content[:length] for length in (0, len(content) // 2, len(content) - 1)} - {content}
        if 0 < len(content) < 10**6:
            torn.add(content[:-1] + bytes([content[-1] ^ 1]))
        for damaged in torn:
            # A file of its own: kept runs share theirs with the outputs.
            path.unlink()
            path.write_bytes(damaged)
            assert [file.path for file in find_damaged(results)] == [path]
            path.write_bytes(content)
    assert find_damaged(results) == []


def is_hidden(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts
    return parts[0] == "logs" or any(part.startswith(".") for part in parts)


def test_an_edit_of_the_encoder_s_config_trains_again(edited):
    """The weights are the same, so that only the config says that dropout is another."""
    results = edited.folder / "results" / "small"
    path = edited.folder / "models" / "bert-tiny" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "hidden_dropout_prob": 0.3}))
    target = f"results/small/{RUN}/result.json"
    before = json.loads((edited.folder / target).read_text())
    done = edited.snakemake(target, "--cores", "1", *SMALL)
    assert done.returncode == 0, done.stdout
    after = json.loads((edited.folder / target).read_text())
    assert "taken as it was stored" not in (results / f"logs/train_run/{RUN.removeprefix('runs/')}.log").read_text()
    assert before["weights_sha256"] != after["weights_sha256"]
    # The other runs are still those of the old dropout: their numbers are not put side by side with the new ones.
    rows = {path.parent: json.loads(path.read_text()) for path in results.glob("runs/*/*/*/*/result.json")}
    with pytest.raises(UserError, match="was made from another encoder_config_sha256"):
        check_alike(rows)


def test_a_limit_beyond_the_rows_is_told_before_any_job_and_may_come_with_more_rows(edited):
    edit_config(edited, setting("limit", "test", to=2501))
    refused = edited.snakemake("--dry-run", *SMALL)
    assert refused.returncode != 0
    assert "limit.test is 2501, but the split has 2500 rows: lower it" in refused.stdout
    edit_config(edited, setting("split", to={"held_out": 0.4}))
    assert "split_data" in edited.plan(*SMALL)


def test_a_setting_changed_and_changed_back_trains_nothing_again(edited):
    """The runs of the first setting are kept; one that differs in a single byte would be trained."""
    results = edited.folder / "results" / "small"
    weights = {path: path.read_bytes() for path in results.glob("runs/*/*/*/*/*.safetensors")}
    target = "results/small/runs.csv"
    edit_config(edited, setting("training", "epochs", to=1))
    assert edited.snakemake(target, "--cores", "2", *SMALL).returncode == 0
    assert all(path.read_bytes() != content for path, content in weights.items())
    edit_config(edited, setting("training", "epochs", to=2))
    done = edited.snakemake(target, "--cores", "2", *SMALL)
    assert done.returncode == 0, done.stdout
    logs = [path.read_text() for path in sorted((results / "logs" / "train_run").rglob("*.log"))]
    assert len(logs) == 8
    assert all("taken as it was stored" in log and "epoch 1/" not in log for log in logs)
    assert all(path.read_bytes() == content for path, content in weights.items())


def test_a_mode_renamed_trains_nothing_and_one_redefined_its_own_runs(edited):
    """`few` is bitfit under another name; then it trains something else."""
    results, target = edited.folder / "results" / "small", "results/small/runs.csv"
    edit_config(edited, setting("grid", "mode", to=["full", "few"]))
    edit_config(edited, setting("modes", to={"few": {"train": ["bias"]}}))
    done = edited.snakemake(target, "--cores", "2", *SMALL)
    assert done.returncode == 0, done.stdout
    logs = [path.read_text() for path in sorted((results / "logs/train_run/mode~few").rglob("*.log"))]
    assert len(logs) == 4
    assert all("taken as it was stored" in log and "epoch 1/" not in log for log in logs)
    for path in results.glob("runs/mode~few/*/*/*/weights.safetensors"):
        assert path.read_bytes() == Path(str(path).replace("mode~few", "mode~bitfit")).read_bytes()
    edit_config(edited, setting("modes", "few", to={"train": ["bias", "head"]}))
    assert edited.plan(target, *SMALL) == runs(["few"]) | {"check_mode mode=few", "collect_runs"}


STUDY = {"collect_study", "confirm_study", "select_study", "summarize_study", "plot_size", *REPORT}


def test_the_study_is_a_target_of_its_own_and_a_part_of_the_report_once_made(edited):
    results = edited.folder / "results" / "small"
    edit_config(edited, setting("study", to={"train_size": [32, 96]}))
    evaluations = {f"evaluate_study mode={mode}" for mode in MODES}
    planned = edited.plan("study", *SMALL)
    trained = {job for job in planned if job.startswith("train_study_run")}
    assert len(trained) == 4
    assert planned - {"study"} == trained | evaluations | STUDY
    done = edited.snakemake("study", "--cores", "2", *SMALL)
    assert done.returncode == 0, done.stdout
    # On all examples the sweep's own runs are the study's.
    logs = {path: path.read_text() for path in (results / "logs" / "train_study_run").rglob("*.log")}
    assert len(logs) == 4
    for path, log in logs.items():
        assert ("taken as it was stored" in log) == (path.stem == "train_size~96"), path
    assert "## Size of the training set" in (results / "report" / "report.md").read_text()
    assert edited.plan(*SMALL) == set()
    edit_config(edited, setting("study", "train_size", to=[32, 64, 96]))
    planned = edited.plan(*SMALL)
    assert {job for job in planned if job.startswith("train_")} == {
        f"train_study_run mode={mode}, batch_size=selected, learning_rate=selected, seed=42, train_size=64"
        for mode in MODES
    }
    asked = edited.snakemake("study", "--dry-run", "--configfile", "config.yaml")
    assert asked.returncode != 0
    assert "Error: study is missing from the config: add a section study" in asked.stdout
    assert "Traceback" not in asked.stdout


def test_snakemake_says_in_words_why_a_job_would_run(edited):
    edit_config(edited, setting("grid", "learning_rate", to=[3e-4, 1e-4, 5e-5]))
    told = edited.snakemake("--dry-run", *SMALL).stdout
    assert "reason: Missing output files: results/small/runs/mode~full/batch_size~8/learning_rate~5e-5" in told


def test_the_table_holds_through_a_submitting_executor(edited):
    """Jobs are submitted, each evaluates the workflow again, and nothing more is run than locally."""
    submit = ("--executor", "cluster-generic", "--cluster-generic-submit-cmd", "sh", "--jobs", "2")
    assert edited.plan(*SMALL, *submit) == set()
    edit_config(edited, setting("grid", "learning_rate", to=["3e-4", 1e-4, 5e-5]))
    before = {path: path.stat().st_mtime_ns for path in edited.folder.glob("results/small/runs/*/*/*/*/*.json")}
    assert edited.plan(*SMALL, *submit) == runs(rates=["5e-5"]) | SELECTION
    done = edited.snakemake("results/small/selection.json", *SMALL, *submit)
    assert done.returncode == 0, done.stdout
    assert json.loads((edited.folder / "results" / "small" / "selection.json").read_text()).keys() == set(MODES)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert edited.plan("results/small/selection.json", *SMALL) == set()
