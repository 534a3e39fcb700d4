"""Downloads, through the real client, from a stand-in for the Hub on loopback."""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load, load_file

from bitsweep.config.load import load_settings
from bitsweep.data.glue import TASKS, splits_of
from bitsweep.report.prose import held_out_clause
from bitsweep.report.prose import test_split_sentence as split_sentence
from bitsweep.workflow.rule_params import experiment_text
from tests.helpers.hub import Hub
from tests.helpers.hub_repositories import COMMIT, ENCODER, OTHER
from tests.helpers.workspace import ROOT

FETCH_ENCODER = """
import hashlib, sys
from bitsweep.data import hub
from bitsweep.model.hub_encoder import downloaded_encoder
from bitsweep.errors import UserError

hub.FIRST_WAIT = 0
try:
    revision = hub.pin_revision("encoder", "owner/name", None, "pinned.json")
    with downloaded_encoder("owner/name", revision) as folder:
        print(revision, *(hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())))
except UserError as error:
    sys.exit(str(error))
"""


def fetch_encoder(folder: Path, hub: Hub) -> subprocess.CompletedProcess:
    """Fetch owner/name, in a process of its own, since the client reads HF_ENDPOINT once."""
    environment = {**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(folder / "hf"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", FETCH_ENCODER]
    return subprocess.run(
        command, cwd=folder, env={**environment, "HF_HUB_DISABLE_XET": "1"}, capture_output=True, text=True, timeout=120
    )


def test_a_busy_hub_and_broken_downloads_are_tried_again_and_the_first_commit_is_kept(tmp_path):
    # More than huggingface_hub writes at a time.
    files = {"config.json": b"{}", "model.safetensors": os.urandom(25_000_000), "tokenizer.json": b"{}"}
    expected = [COMMIT, *(hashlib.sha256(content).hexdigest() for content in files.values())]
    repositories = {("model", "owner/name", OTHER): {}, ("model", "owner/name", COMMIT): files}
    weights = f"owner/name/resolve/{COMMIT}/model.safetensors"
    faults = {
        "GET api/models/owner/name": [(429, 0), "reset", 503],
        f"GET api/models/owner/name/tree/{COMMIT}": [503],
        f"HEAD {weights}": ["reset"],
        f"GET {weights}": [503, "broken"],
    }
    with Hub(repositories, faults) as hub:
        done = fetch_encoder(tmp_path, hub)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].split() == expected
        assert not any(hub.faults.values())
        # A broken download goes on where it broke.
        starts = [line.partition(" from ")[2] for line in hub.requests if line.startswith(f"GET {weights}")]
        assert starts[:2] == ["", ""]
        assert 0 < int(starts[2]) < 25_000_000
        # Kept, whatever is newer by now, and downloaded once.
        repositories["model", "owner/name", "d" * 40] = {}
        hub.requests.clear()
        assert fetch_encoder(tmp_path, hub).stdout.splitlines()[-1].split() == expected
        assert not [line for line in hub.requests if "resolve" in line]
    assert json.loads((tmp_path / "pinned.json").read_text()) == {"owner/name": COMMIT}


def test_a_teacher_comes_from_the_hub_and_its_keys_are_named(tmp_path, repositories):
    def fetch_teacher(revision: str) -> subprocess.CompletedProcess:
        teacher = json.dumps({"source": "hub", "name": "prajjwal1/bert-tiny", "revision": revision})
        command = [
            sys.executable,
            "-m",
            "scripts.pretraining.fetch_teacher",
            "--teacher",
            teacher,
            "--output",
            str(target),
        ]
        environment = {**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)

    target = tmp_path / "prepared"
    with Hub(repositories) as hub:
        said = {revision: fetch_teacher(revision).stderr for revision in (OTHER, "c" * 40)}
        done = fetch_teacher(COMMIT)
    assert "set pretrain.teacher.revision to one with model.safetensors" in said[OTHER]
    assert said["c" * 40].startswith("Error: pretrain.teacher.revision is 'cccc")
    assert done.returncode == 0, done.stderr
    weights = load_file(target / "model.safetensors")
    source = load(repositories["model", "prajjwal1/bert-tiny", COMMIT]["model.safetensors"])
    words = "bert.embeddings.word_embeddings.weight"
    assert torch.equal(weights[words], source[words])


def test_a_hub_that_stays_busy_is_told_after_the_last_try(tmp_path):
    repositories = {("model", "owner/name", COMMIT): {"config.json": b"{}"}}
    with Hub(repositories, {"GET api/models/owner/name": [429, 503] * 20}) as hub:
        done = fetch_encoder(tmp_path, hub)
        assert done.stderr.strip() == (
            f"The Hub at {hub.endpoint} answered 429 for 'owner/name' (encoder.name) again and again: call again "
            "later; what has been fetched is kept."
        )
        assert len([line for line in hub.requests if line == "GET api/models/owner/name"]) == 5


def test_a_hub_that_asks_for_an_hour_is_told_at_once(tmp_path):
    with Hub({("model", "owner/name", COMMIT): {}}, {"GET api/models/owner/name": [(429, 3600)]}) as hub:
        done = fetch_encoder(tmp_path, hub)
    assert done.stderr.strip().startswith(
        f"The Hub at {hub.endpoint} answered 429 for 'owner/name' (encoder.name) and asks for 3,600 s of waiting: call"
    )


@pytest.mark.parametrize(("setting", "offline"), [("", "False"), ("1", "True")])
def test_only_the_fetch_rules_may_ask_the_hub_unless_the_user_forbids_it(setting, offline):
    code = """
from bitsweep.jobs.environment import prepare_jobs

# Snakemake reads the workflow again in each job.
for _ in range(2):
    prepare_jobs("results/x")
from huggingface_hub import is_offline_mode

print(is_offline_mode())
import bitsweep.data.hub

print(is_offline_mode())
"""
    environment = {name: value for name, value in os.environ.items() if name != "BITSWEEP_HUB_OFFLINE"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**environment, "HF_HUB_OFFLINE": setting}, capture_output=True
    )
    assert done.stdout.decode().split() == ["True", offline], done.stderr


FETCH = """
import json, sys
from pathlib import Path
from bitsweep.data import hub
from bitsweep.data.sources import fetch

hub.FIRST_WAIT = 0
for data, classes in json.loads(sys.argv[1]):
    tables, described = fetch(data, classes, Path("kept"))
    rows = {split: [list(table.columns), len(table)] for split, table in tables.items()}
    print(json.dumps([described["revision"], rows]))
"""


def fetched(folder, endpoint: str, sources: list[tuple[dict, int]], **more: str) -> list:
    """Return what `fetch` takes from the stand-in, in a process of its own, since the client reads HF_ENDPOINT once."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(folder / "hf"),
        "PYTHONPATH": str(ROOT),
        **more,
    }
    done = subprocess.run(
        [sys.executable, "-c", FETCH, json.dumps(sources)], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def glue_files(commit: str) -> dict:
    """Every task's columns with two rows a split, under the paths that the Hub has."""
    files = {}
    for name, task in TASKS.items():
        columns = {**{key: ["a", "b"] for key in task.texts}, "label": [0, 1], "idx": [0, 1]}
        for split in {"train", *splits_of(name).values()}:
            buffer = io.BytesIO()
            pd.DataFrame(columns).to_parquet(buffer, index=False)
            files[f"{name}/{split}-00000-of-00001.parquet"] = buffer.getvalue()
    return {("dataset", "nyu-mll/glue", commit): files}


def test_every_task_of_glue_comes_from_the_hub_and_the_first_commit_is_kept(tmp_path):
    sources = [({"source": "glue", "task": name}, len(task.label_names)) for name, task in TASKS.items()]
    repositories = glue_files(COMMIT)
    with Hub(repositories) as hub:
        found = fetched(tmp_path, hub.endpoint, sources)
        for (name, task), (revision, rows) in zip(TASKS.items(), found, strict=True):
            assert revision == COMMIT
            texts = ["text", "label", "pair"] if len(task.texts) == 2 else ["text", "label"]
            splits = ["train", "validation", "test"] if name == "mnli" else ["train", "validation"]
            assert rows == {split: [texts, 2] for split in splits}, name
        # A newer commit does not change an experiment that has begun; one that the config names is taken.
        repositories.update(glue_files(OTHER))
        (again, _), (named, _) = fetched(
            tmp_path, hub.endpoint, [sources[0], ({"source": "glue", "task": "rte", "revision": OTHER}, 2)]
        )
        assert (again, named) == (COMMIT, OTHER)


def test_splits_of_the_hub_may_be_named_and_files_by_a_pattern(tmp_path, many):
    data = {"source": "hub", "name": "owner/many", "text": "text", "label": "label"}
    named = {**data, "configuration": "one", "test": "validation"}
    pattern = {**data, "train": "one/train-*.parquet"}
    lone = {**data, "configuration": "two"}
    with Hub(many) as hub:
        found = fetched(tmp_path, hub.endpoint, [(named, 2), (pattern, 2), (lone, 2)])
        sizes = [{split: rows for split, (_, rows) in splits.items()} for _, splits in found]
        assert sizes == [
            {"train": 24, "validation": 0, "test": 10},
            {"train": 24},
            {"train": 8, "validation": 0, "test": 0},
        ]
        asked = list(hub.requests)
        # The list of files is kept; without it the Hub's cache serves where there is no network.
        assert fetched(tmp_path, hub.endpoint, [(named, 2)]) == found[:1]
        assert not [line for line in hub.requests[len(asked) :] if "/tree/" in line or "/revision/" in line]
    (tmp_path / "kept" / "listings.json").unlink()
    assert fetched(tmp_path, hub.endpoint, [(named, 2)], HF_HUB_OFFLINE="1") == found[:1]


def test_three_lines_are_a_config_of_a_task_of_glue():
    for name, task in TASKS.items():
        settings = load_settings({"experiment": name, "data": {"source": "glue", "task": name}, "encoder": ENCODER})
        assert (settings.label_names, settings.metric) == (list(task.label_names), task.metric)
        experiment = json.loads(experiment_text(settings))
        told = split_sentence({**experiment, "examples": {"test": 2}})
        assert "have no labels" in told if name == "mnli" else "GLUE's test split has no labels" in told
        assert ("validation_mismatched tests" in told) == (name == "mnli")
        assert ("validation halved" in held_out_clause(experiment)) == (name != "mnli")
