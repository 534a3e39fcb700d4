"""A user's own files through the whole workflow: pairs of texts, names for labels, a path with every odd sign."""

import json
import os

import pytest
import yaml

from bitsweep.tokens import load_tokens
from tests.conftest import Workspace

FILE = "my data/~ pairs $(x) 'q' \"é\" 🎬 שלום.csv"
# What is made from the table before the report.
TARGET = "results/pairs/evaluation/bitfit.json"
GRID = {"mode": ["bitfit"], "batch_size": [32], "learning_rate": [1e-3]}


@pytest.fixture(scope="module")
def swept(tmp_path_factory) -> tuple[Workspace, list[str]]:
    """A workspace in which configs/pairs.yaml has run, small, and the arguments that ran it."""
    workspace = Workspace(tmp_path_factory.mktemp("own data"))
    done = workspace.script("make_pairs", "--output", FILE, "--rows", "120")
    assert done.returncode == 0, done.stderr
    path = workspace.folder / "configs" / "pairs.yaml"
    settings = yaml.safe_load(path.read_text())
    del settings["modes"]
    settings |= {"max_length": 32, "grid": GRID, "training": {"epochs": 1}}
    settings["data"]["train"], settings["split"]["held_out"] = FILE, 0.4
    path.write_text(yaml.safe_dump(settings))
    arguments = [TARGET, "--configfile", str(path)]
    done = workspace.snakemake("--cores", "2", *arguments)
    assert done.returncode == 0, done.stdout
    return workspace, arguments


def test_real_pairs_from_a_file_train_and_are_tested(swept):
    results = swept[0].folder / "results" / "pairs"
    assert json.loads((swept[0].folder / TARGET).read_text())
    for split, rows in {"train": 72, "validation": 24, "test": 24}.items():
        tokens = load_tokens(results / "tokens" / f"{split}.safetensors")
        # Of either label as many, since the split is stratified; each text of a pair is a segment.
        assert tokens.labels.sum() == rows / 2
        assert all(tokens.token_type_ids[start:end].unique().tolist() == [0, 1]
                   for start, end in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True))  # fmt: skip


def test_only_another_content_of_the_file_reruns_what_is_made_from_it(swept):
    workspace, arguments = swept
    path = workspace.folder / FILE
    content = path.read_text()
    os.utime(path)
    assert workspace.plan(*arguments) == set()
    try:
        path.write_text(content.replace(",first\n", ",second\n", 1))
        plan = workspace.plan(*arguments)
    finally:
        path.write_text(content)
    assert {"fetch_data", "split_data", "tokenize_split split=train", "evaluate_mode mode=bitfit"} <= plan
    assert not {job for job in plan if job.startswith(("fetch_encoder", "choose_precision"))}
