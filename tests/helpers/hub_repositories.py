"""Repositories of a stand-in for the Hub."""

import io

import pandas as pd
import pytest

from tests.helpers.old_encoder import write_old_folder
from tests.helpers.workspace import ROOT

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
def many() -> dict:
    """Return a data set of two configurations: one of three files that train, its test split without labels."""
    shards = {f"one/train-0000{part}-of-00003.parquet": parquet(8, start=10 * part) for part in range(3)}
    hidden = io.BytesIO()
    pd.DataFrame({"text": ["a", "b"], "label": [-1, -1]}).to_parquet(hidden, index=False)
    others = {"one/validation-00000-of-00001.parquet": parquet(10, start=50), "two/train.parquet": parquet(8)}
    files = {**shards, **others, "one/test-00000-of-00001.parquet": hidden.getvalue(), "README.md": b"", "load.py": b""}
    return {("dataset", "owner/many", COMMIT): files}
