"""The repository's files agree with each other."""

import importlib.metadata
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bitsweep.fingerprint import fingerprint, scripts
from envs.write import environment
from tests.conftest import ROOT, Workspace

LOCK = (ROOT / "requirements.lock").read_text()


def test_the_conda_environment_is_the_lock_file():
    text = (ROOT / "envs" / "bitsweep.yaml").read_text()
    assert text == environment(LOCK), "run: make lock"
    pins = yaml.safe_load(text)["dependencies"][-1]["pip"]
    assert pins == LOCK.split()


def test_the_lock_file_has_exact_versions_of_all_that_is_asked_for():
    locked = dict(line.split("==") for line in LOCK.split())
    wanted = [line for line in (ROOT / "requirements.in").read_text().splitlines() if line and line[0] != "#"]
    names = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in locked.items()}
    for line in wanted:
        name, _, version = line.partition("==")
        assert name in names
        assert version in ("", names[name])


def test_the_tests_run_in_the_locked_versions():
    for line in LOCK.split():
        name, version = line.split("==")
        assert importlib.metadata.version(name).split("+")[0] == version, name


def test_every_rule_has_a_log_and_a_docstring_and_tracks_its_code():
    for path in (ROOT / "rules").glob("*.smk"):
        for rule in re.split(r"^(?:rule|checkpoint) ", path.read_text(), flags=re.M)[1:]:
            name = rule.split(":")[0]
            assert f'"python -m scripts.{name} ' in rule
            assert f'code=fingerprint("{name}"' in rule
            assert rule.split("\n")[1].strip().startswith('"""')
            assert "    log:\n" in rule


def test_the_slurm_profile_has_a_gpu_for_each_rule_that_computes_on_one():
    text = (ROOT / "profiles" / "slurm" / "config.yaml").read_text()
    block = re.search(r"^# set-resources:\n(?:#  .*\n)+", text, re.M)[0]
    asked = yaml.safe_load(re.sub("^# ", "", block, flags=re.M))["set-resources"]
    found = {"choose_precision", "train_study_run"}
    found |= {path.stem for path in (ROOT / "scripts").glob("*.py") if "with gpu_slot(" in path.read_text()}
    assert asked == {rule: {"gres": "gpu:1"} for rule in found}
    said = re.search(r"^\*\*GPUs\.\*\*.*?\n\n", (ROOT / "docs" / "cluster.md").read_text(), re.M | re.S)[0]
    assert found <= set(re.findall(r"`(\w+)`", said))


def test_the_fingerprint_of_a_script_follows_what_it_computes(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path)
    monkeypatch.setattr("bitsweep.fingerprint.ROOT", workspace.folder)
    before = {name: fingerprint(name) for name in ("train_run", "select_runs", "write_report")}
    training = workspace.folder / "bitsweep" / "training.py"
    text = training.read_text()
    training.write_text(text.replace('"""One run', '"""Each run').replace("# The parts", "# All parts") + "\n\n")
    assert {name: fingerprint(name) for name in before} == before
    training.write_text(text.replace("(1 - done / (steps", "(1 + done / (steps"))
    assert fingerprint("train_run") != before["train_run"]
    assert fingerprint("select_runs") == before["select_runs"]
    prose = workspace.folder / "bitsweep" / "choice.py"
    training.write_text(text)
    prose.write_text(prose.read_text().replace("Choose ", "Take "))
    assert fingerprint("write_report") != before["write_report"]
    assert fingerprint("train_run") == before["train_run"]


def other_pythons() -> list[str]:
    """Newer Pythons than BitSweep's oldest that this machine has, of pyenv or in the search path."""
    found = [shutil.which(f"python3.{minor}") for minor in range(12, 16)]
    found += map(str, (Path.home() / ".pyenv" / "versions").glob("3.1[2-9].*/bin/python"))
    return [path for path in found if path and not subprocess.run([path, "-V"], capture_output=True).returncode]


def test_the_fingerprint_of_a_script_is_the_same_in_every_python():
    """A new Python must not train a sweep anew."""
    pythons = other_pythons()
    if not pythons:
        pytest.skip("no Python 3.12 or newer here")
    program = "from bitsweep.fingerprint import *; print(*map(fingerprint, scripts()))"
    for python in pythons:
        done = subprocess.run([python, "-c", program], cwd=ROOT, capture_output=True, text=True)
        assert done.stdout.split() == [fingerprint(name) for name in scripts()], done.stderr


def test_training_imports_neither_settings_nor_anything_of_the_report():
    """Its fingerprint follows its imports: what is not needed there must not retrain a sweep."""
    from bitsweep.fingerprint import tracked_files

    names = {path.stem for path in tracked_files("train_run")}
    assert not names & {
        "settings",
        "config",
        "params",
        "report",
        "prose",
        "figures",
        "tables",
        "summary",
        "selection",
        "data",
    }
