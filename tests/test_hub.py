"""Downloads, through the real client, from a stand-in for the Hub on loopback."""

import hashlib
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load, load_file

from bitsweep.config import load_settings
from bitsweep.glue import TASKS, splits_of
from bitsweep.params import experiment_text
from bitsweep.pinned import add_source
from bitsweep.prose import held_out_clause
from bitsweep.prose import test_split_sentence as split_sentence
from tests.conftest import ROOT, Workspace
from tests.hub import Hub
from tests.test_encoder import write_old_folder

COMMIT, OTHER = "a" * 40, "b" * 40
ENCODER = {"source": "folder", "path": str(ROOT / "models" / "bert-tiny")}


def parquet(rows: int, start: int = 0) -> bytes:
    labels = [index % 2 for index in range(rows)]
    texts = [f"review {start + index} is {'good' if label else 'bad'}" for index, label in enumerate(labels)]
    buffer = io.BytesIO()
    pd.DataFrame({"text": texts, "label": labels}).to_parquet(buffer, index=False)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    write_old_folder(folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    pickled = {**files, "pytorch_model.bin": b"pickle"}
    del pickled["model.safetensors"]
    data = {
        "plain_text/train-00000-of-00001.parquet": parquet(100),
        "plain_text/test-00000-of-00001.parquet": parquet(20, start=1000),
    }
    return {
        ("model", "prajjwal1/bert-tiny", OTHER): pickled,
        ("model", "prajjwal1/bert-tiny", COMMIT): {**files, "README.md": b"old"},
        ("dataset", "stanfordnlp/imdb", COMMIT): data,
    }


@pytest.fixture
def config(workspace: Workspace):
    """The reference experiment, made small, from the stand-in's commits."""
    settings = yaml.safe_load((workspace.folder / "configs" / "imdb.yaml").read_text())
    settings["data"]["revision"] = settings["encoder"]["revision"] = COMMIT
    settings["max_length"] = 16
    settings["grid"] = {"mode": ["bitfit"], "batch_size": [8], "learning_rate": [3e-4]}
    settings["training"] = {"epochs": 1}
    return settings


def call(workspace: Workspace, settings: dict, endpoint: str, *arguments: str, before: Sequence[str] = ()):
    path = workspace.folder / "hub.yaml"
    path.write_text(yaml.safe_dump(settings))
    environment = {"HF_ENDPOINT": endpoint, "HF_HOME": str(workspace.folder / "hf"), "HF_HUB_DISABLE_XET": "1"}
    return workspace.snakemake("--cores", "2", "--configfile", path, *arguments, before=before, **environment)


def without_network() -> list[str]:
    """What to put before a command so that it has no network at all, where the system lets users do that."""
    command = ["unshare", "--map-root-user", "--net"]
    try:
        return command if subprocess.run([*command, "true"], capture_output=True).returncode == 0 else []
    except OSError:
        return []


def test_the_reference_experiment_runs_from_the_hub_and_only_its_fetch_rules_ask_it(workspace, config, repositories):
    # The newest commit of the encoder is taken, and kept.
    del config["encoder"]["revision"]
    with Hub(repositories) as hub:
        done = call(workspace, config, hub.endpoint, "--until", "fetch_data", "fetch_encoder")
        assert done.returncode == 0, done.stdout
        asked = list(hub.requests)
        repositories["model", "prajjwal1/bert-tiny", "d" * 40] = {}
        cut = without_network()
        done = call(workspace, config, hub.endpoint, before=cut)
        del repositories["model", "prajjwal1/bert-tiny", "d" * 40]
        assert done.returncode == 0, done.stdout
        assert hub.requests == asked
    results = workspace.folder / "results" / "imdb"
    test = pd.read_parquet(results / "data" / "test.parquet")
    assert set(test["text"]) == set(pd.read_parquet(io.BytesIO(parquet(20, start=1000)))["text"])
    summary = yaml.safe_load((results / "report" / "summary.json").read_text())
    assert summary["experiment"]["test_split"] == "official"
    assert summary["modes"]["bitfit"]["trainable_parameters"] == 3_074
    assert summary["experiment"]["encoder"] == f"prajjwal1/bert-tiny at {COMMIT}"
    # What is not needed is not fetched, and nothing is fetched twice.
    assert not [line for line in asked if "README" in line]
    downloads = [line for line in asked if line.startswith("GET") and "resolve" in line]
    assert len(downloads) == len(set(downloads)) == 5
    if not cut:
        pytest.skip("The Hub was not asked again, but unshare may not cut the network here to show that nothing was.")


FETCH_ENCODER = """
import hashlib, sys
from bitsweep import hub
from bitsweep.errors import UserError

hub.FIRST_WAIT = 0
try:
    revision = hub.pin_revision("encoder", "owner/name", None, "pinned.json")
    with hub.downloaded_encoder("owner/name", revision) as folder:
        print(revision, *(hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())))
except UserError as error:
    sys.exit(str(error))
"""


def fetch_encoder(folder: Path, hub: Hub) -> subprocess.CompletedProcess:
    """Fetches owner/name, in a process of its own, since the client reads HF_ENDPOINT once."""
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
        command = [sys.executable, "-m", "scripts.fetch_teacher", "--teacher", teacher, "--output", str(target)]
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
from bitsweep.environment import prepare_jobs

# Snakemake reads the workflow again in each job.
for _ in range(2):
    prepare_jobs(".", "results/x", None, "{}", "")
from huggingface_hub import is_offline_mode

print(is_offline_mode())
import bitsweep.hub

print(is_offline_mode())
"""
    environment = {name: value for name, value in os.environ.items() if name != "BITSWEEP_HUB_OFFLINE"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**environment, "HF_HUB_OFFLINE": setting}, capture_output=True
    )
    assert done.stdout.decode().split() == ["True", offline], done.stderr


@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        ("encoder", "revision", OTHER, ["has its weights only as pytorch_model.bin", "encoder.revision"]),
        ("encoder", "revision", "c" * 40, ["encoder.revision is 'cccc", "correct the commit"]),
        ("encoder", "name", "nobody/nothing", ["encoder.name is 'nobody/nothing'", "correct the name"]),
        ("data", "name", "nobody/nothing", ["data.name is 'nobody/nothing'", "correct the name"]),
        ("data", "train", "plain_text/none.parquet", ["no file 'plain_text/none.parquet'", "correct the path"]),
    ],
)
def test_what_the_hub_does_not_have_is_told_before_any_training(
    workspace, config, repositories, section, key, value, words
):
    config[section][key] = value
    with Hub(repositories) as hub:
        done = call(workspace, config, hub.endpoint)
    told_before_training(done, workspace, words)


def test_a_gated_data_set_is_told(workspace, config, repositories):
    with Hub(repositories) as hub:
        hub.gated.add("stanfordnlp/imdb")
        done = call(workspace, config, hub.endpoint)
    told_before_training(done, workspace, ["data.name is 'stanfordnlp/imdb', which is gated", "set HF_TOKEN"])


FETCH = """
import json, sys
from pathlib import Path
from bitsweep import hub
from bitsweep.sources import fetch

hub.FIRST_WAIT = 0
for data, classes in json.loads(sys.argv[1]):
    tables, described = fetch(data, classes, Path("kept"))
    rows = {split: [list(table.columns), len(table)] for split, table in tables.items()}
    print(json.dumps([described["revision"], rows]))
"""


def fetched(folder, endpoint: str, sources: list[tuple[dict, int]], **more: str) -> list:
    """What `fetch` takes from the stand-in, in a process of its own, since the client reads HF_ENDPOINT once."""
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


@pytest.fixture
def many() -> dict:
    """A data set of two configurations: one of three files that train, its test split without labels."""
    shards = {f"one/train-0000{part}-of-00003.parquet": parquet(8, start=10 * part) for part in range(3)}
    hidden = io.BytesIO()
    pd.DataFrame({"text": ["a", "b"], "label": [-1, -1]}).to_parquet(hidden, index=False)
    others = {"one/validation-00000-of-00001.parquet": parquet(10, start=50), "two/train.parquet": parquet(8)}
    files = {**shards, **others, "one/test-00000-of-00001.parquet": hidden.getvalue(), "README.md": b"", "load.py": b""}
    return {("dataset", "owner/many", COMMIT): files}


def test_a_data_set_is_found_by_its_name_and_configuration_in_all_its_files(workspace, config, many):
    config["data"] = {"source": "hub", "name": "owner/many", "configuration": "one"}
    with Hub(many) as hub:
        done = call(workspace, config, hub.endpoint, "--until", "split_data")
    assert done.returncode == 0, done.stdout
    results = workspace.folder / "results" / "imdb" / "data"
    rows = {split: pd.read_parquet(results / f"{split}.parquet")["text"] for split in ("train", "validation", "test")}
    assert {split: len(texts) for split, texts in rows.items()} == {"train": 24, "validation": 5, "test": 5}
    labelled = pd.read_parquet(results / "source" / "labelled.parquet")["text"]
    assert [int(text.split()[1]) for text in labelled] == [10 * part + row for part in range(3) for row in range(8)]
    # What the report says of it is known by now: the commit, and that the test split has no labels.
    source = json.loads((results / "source" / "source.json").read_text())
    experiment = json.loads(experiment_text(load_settings({**config, "encoder": ENCODER})))
    add_source(experiment, source)
    assert experiment["data"] == f"owner/many (one) at {COMMIT}"
    assert experiment["official_splits"] == ["validation"]
    told = split_sentence({**experiment, "examples": {"test": 5}})
    assert told.startswith("The data's test split has no labels. The 5 test examples **stand in** for it")
    assert source["files"]["train"]["name"].endswith("(3 files)")


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


def test_a_hub_that_cannot_be_reached_is_told(workspace, config):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = call(workspace, config, endpoint)
    told_before_training(done, workspace, [f"The Hub at {endpoint} cannot be reached", "HF_ENDPOINT"])


def told_before_training(done, workspace, words):
    assert done.returncode != 0
    sentences = [line for line in done.stdout.splitlines() if line.startswith("Error: ")]
    assert sentences, done.stdout
    for sentence in sentences:
        assert all(word in sentence for word in words), done.stdout
    assert "Traceback" not in done.stdout
    assert not (workspace.folder / "results" / "imdb" / "runs").exists()
