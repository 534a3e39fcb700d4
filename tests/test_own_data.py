"""A user's own files through the whole workflow: pairs of texts, names for labels, a path with every odd sign."""

import json
import os

import pandas as pd
import pytest

from bitsweep.report import escape_markdown
from bitsweep.tokens import load_tokens
from tests.conftest import Workspace

FILE = "my data/~ pairs $(x) 'q' \"é\" 🎬 שלום.csv"
GRID = {"mode": ["bitfit"], "batch_size": [32], "learning_rate": [1e-3]}


def pairs_of_halves(reviews: pd.Series, count: int) -> pd.DataFrame:
    """Real pairs: two halves of one review, or the first half of one and the second of the next."""
    words = reviews.str.split().iloc[: count + 1]
    first, second = (words.map(lambda text, part=part: " ".join(halves(text)[part])) for part in (0, 1))
    same = pd.DataFrame({"A": first, "B": second, "is it one?": "one review"}).iloc[:count]
    other = pd.DataFrame({"A": first, "B": second.shift(-1), "is it one?": "two, of course"}).iloc[:count]
    return pd.concat([same, other], ignore_index=True)


def halves(words: list[str]) -> tuple[list[str], list[str]]:
    return words[: len(words) // 2], words[len(words) // 2 :]


@pytest.fixture(scope="module")
def swept(tmp_path_factory, finished: Workspace) -> tuple[Workspace, list[str]]:
    """A workspace in which an experiment on a file of pairs has run, and the arguments that ran it."""
    workspace = Workspace(tmp_path_factory.mktemp("own data"))
    reviews = pd.read_parquet(finished.folder / "results" / "small" / "data" / "train.parquet")["text"]
    path = workspace.folder / FILE
    path.parent.mkdir()
    pairs_of_halves(reviews, 60).to_csv(path, index=False)
    data = {"source": "files", "train": FILE, "text": "A", "pair": "B", "label": "is it one?"}
    config = workspace.config(
        "pairs",
        data=data,
        label_names=["two, of course", "one review"],
        split={"held_out": 0.4, "stratified": True},
        limit={},
        grid=GRID,
        training={"epochs": 1},
    )
    arguments = ["--configfile", str(config)]
    done = workspace.snakemake("--cores", "2", *arguments)
    assert done.returncode == 0, done.stdout
    return workspace, arguments


def test_pairs_from_a_file_train_and_are_reported(swept):
    results = swept[0].folder / "results" / "pairs"
    summary = json.loads((results / "report" / "summary.json").read_text())
    assert summary["experiment"]["examples"] == {"train": 72, "validation": 24, "test": 24}
    assert summary["experiment"]["data"] == FILE
    for split, rows in {"train": 72, "validation": 24, "test": 24}.items():
        tokens = load_tokens(results / "tokens" / f"{split}.safetensors")
        # Of either label as many, since the split is stratified; each text of a pair is a segment.
        assert tokens.labels.sum() == rows / 2
        assert all(tokens.token_type_ids[start:end].unique().tolist() == [0, 1]
                   for start, end in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True))  # fmt: skip
    report = (results / "report" / "report.md").read_text()
    assert escape_markdown(FILE) in report


def test_only_another_content_of_the_file_reruns_what_is_made_from_it(swept):
    workspace, arguments = swept
    path = workspace.folder / FILE
    content = path.read_text()
    os.utime(path)
    assert workspace.plan(*arguments) == set()
    try:
        path.write_text(content.replace("one review", "two, of course", 1))
        plan = workspace.plan(*arguments)
    finally:
        path.write_text(content)
    assert {"fetch_data", "split_data", "tokenize_split split=train", "evaluate_mode mode=bitfit"} <= plan
    assert not {job for job in plan if job.startswith(("fetch_encoder", "choose_precision"))}
