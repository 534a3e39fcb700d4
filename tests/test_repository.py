"""The repository's files agree with each other."""

import importlib.metadata
import re

import yaml

from bitsweep.config.settings import Grid, Mode
from bitsweep.model.modes import BUILT_IN, KINDS
from bitsweep.workflow.fingerprint import scripts
from envs.write import environment
from tests.helpers.workspace import ROOT

PRETRAINING = ROOT / "pretraining" / "Snakefile"
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
    """A target, which has nothing but inputs, is no rule here."""
    found = set()
    for path, folder in [*((path, "") for path in (ROOT / "rules").glob("*.smk")), (PRETRAINING, "pretraining.")]:
        for rule in re.split(r"^ *(?:rule|checkpoint) (?=\w+:)", path.read_text(), flags=re.M)[1:]:
            name = rule.split(":")[0]
            if "output:" not in rule:
                continue
            found.add(f"{folder}{name}")
            assert f'"python -m scripts.{folder}{name} ' in rule
            assert f'code=fingerprint("{folder}{name}"' in rule
            assert rule.split("\n")[1].strip().startswith('"""')
            assert re.search("^ *log:\n", rule, re.M)
    # Scripts are named as their rules, but for those that no rule runs.
    assert {*scripts(), *scripts("pretraining")} - found == {"new_config"}


def test_the_slurm_profile_has_a_gpu_for_each_rule_that_computes_on_one():
    text = (ROOT / "profiles" / "slurm" / "config.yaml").read_text()
    block = re.search(r"^# set-resources:\n(?:#  .*\n)+", text, re.M)[0]
    asked = yaml.safe_load(re.sub("^# ", "", block, flags=re.M))["set-resources"]
    found = {"choose_precision", "train_study_run"}
    found |= {path.stem for path in (ROOT / "scripts").glob("*.py") if "with gpu_slot(" in path.read_text()}
    assert asked == {rule: {"gres": "gpu:1"} for rule in found}
    said = re.search(r"^\*\*GPUs\.\*\*.*?\n\n", (ROOT / "docs" / "cluster.md").read_text(), re.M | re.S)[0]
    assert found <= set(re.findall(r"`(\w+)`", said))


def test_what_lists_the_modes_and_kinds_lists_all_of_them():
    docs, modes = (ROOT / "docs" / "experiments.md").read_text(), (ROOT / "docs" / "modes.md").read_text()
    compared = yaml.safe_load((ROOT / "configs" / "modes.yaml").read_text())["grid"]["mode"]
    for mode in BUILT_IN:
        assert f"`{mode}`" in docs, "docs/experiments.md"
        assert f"`{mode}`" in modes, "docs/modes.md"
        assert mode in compared, "configs/modes.yaml"
        assert mode in Grid.model_fields["mode"].description, "the docstring of Grid.mode"
    for kind in KINDS:
        assert re.search(rf"\b{kind}\b", modes), "docs/modes.md"
        assert kind in Mode.model_fields["train"].description, "the docstring of Mode.train"
