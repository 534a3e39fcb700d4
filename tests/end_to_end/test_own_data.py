"""A user's own files through the whole workflow: pairs of texts, names for labels, a path with every odd sign."""

import json
import os

import pandas as pd
import pytest
import yaml

from bitsweep.data.tokens import load_tokens
from bitsweep.report.markdown import escape_markdown, input_section
from tests.helpers.workspace import Workspace

FILE = "my data/~ pairs $(x) 'q' \"é\" 🎬 שלום.csv"
# What is made from the table before the report, and what the report says of pairs.
TARGETS = ["results/pairs/evaluation/bitfit.json", "results/pairs/report/tables/encoder_input.csv"]
GRID = {"mode": ["bitfit"], "batch_size": [32], "learning_rate": [1e-3]}


@pytest.fixture(scope="module")
def swept(tmp_path_factory) -> tuple[Workspace, list[str]]:
    """Return a workspace in which configs/pairs.yaml has run, small, and the arguments that ran it."""
    workspace = Workspace(tmp_path_factory.mktemp("own data"))
    done = workspace.script("configs.make_pairs", "--output", FILE, "--rows", "120")
    assert done.returncode == 0, done.stderr
    path = workspace.folder / "configs" / "pairs.yaml"
    settings = yaml.safe_load(path.read_text())
    del settings["modes"]
    settings |= {"max_length": 32, "grid": GRID, "training": {"epochs": 1}}
    settings["data"]["train"], settings["split"]["held_out"] = FILE, 0.4
    path.write_text(yaml.safe_dump(settings))
    arguments = [*TARGETS, "--configfile", str(path)]
    done = workspace.snakemake("--cores", "2", *arguments)
    assert done.returncode == 0, done.stdout
    return workspace, arguments


def test_real_pairs_from_a_file_train_and_are_reported(swept):
    results = swept[0].folder / "results" / "pairs"
    assert json.loads((results / "evaluation" / "bitfit.json").read_text())["examples"] == 24
    for split, rows in {"train": 72, "validation": 24, "test": 24}.items():
        tokens = load_tokens(results / "tokens" / f"{split}.safetensors")
        # Of either label as many, since the split is stratified; each text of a pair is a segment.
        assert tokens.labels.sum() == rows / 2
        assert all(tokens.token_type_ids[start:end].unique().tolist() == [0, 1]
                   for start, end in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True))  # fmt: skip
    report = input_section(pd.read_csv(results / "report" / "tables" / "encoder_input.csv"))
    # The example of every report, and the three shortest pairs of the table.
    assert report.count("of them in the second segment, whose token type is 1") == 4
    rows = pd.read_parquet(results / "data" / "train.parquet")
    pair = min(zip(rows["text"], rows["pair"], strict=True), key=lambda texts: sum(map(len, texts)))
    assert escape_markdown(" | ".join(pair)) in report


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
