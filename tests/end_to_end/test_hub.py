"""Downloads, through the real client, from a stand-in for the Hub on loopback."""

import io
import json
import socket
import subprocess
from collections.abc import Sequence

import pandas as pd
import pytest
import yaml

from bitsweep.config.load import load_settings
from bitsweep.data.provenance import add_source
from bitsweep.report.prose import test_split_sentence as split_sentence
from bitsweep.workflow.rule_params import experiment_text
from tests.helpers.hub import Hub
from tests.helpers.hub_repositories import COMMIT, ENCODER, OTHER, parquet
from tests.helpers.workspace import Workspace


@pytest.fixture
def config(workspace: Workspace):
    """Return the reference experiment, made small, from the stand-in's commits."""
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
    """Return what to put before a command so that it has no network at all, where the system lets users do that."""
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
