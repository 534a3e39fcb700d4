"""A config for a user's own table: what stands in it is the table's, and the sweep fits the time."""

import os
import pty
import shlex
import subprocess

import pandas as pd
import pytest
import yaml
from tokenizers import Tokenizer
from transformers import pipeline

from bitsweep.config.load import load_settings
from bitsweep.report.markdown import escape_markdown
from tests.helpers.new_config import COLUMNS, COMMAND, ENVIRONMENT, LABELS, call, write_table
from tests.helpers.workspace import ROOT, Workspace

FILE = "my data/~ $(x) 'q' \"é\" 🎬 שלום/my 1st reviews.v2.csv"


def answer(answers: list[str], cwd) -> tuple[int, str]:
    """Call the script at a terminal, type the answers, and give its exit status and what stood on the screen."""
    screen, keyboard = pty.openpty()
    ends = {"stdin": keyboard, "stdout": keyboard, "stderr": keyboard}
    with subprocess.Popen(COMMAND, cwd=cwd, env=ENVIRONMENT, **ends) as process:
        os.close(keyboard)
        os.write(screen, "".join(f"{line}\n" for line in answers).encode())
        said = b""
        # The terminal's end is an error on Linux.
        try:
            while part := os.read(screen, 4096):
                said += part
        except OSError:
            pass
    os.close(screen)
    return process.returncode, said.decode()


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory) -> tuple[Workspace, str, str]:
    """Return a workspace where five questions were answered, what stood on the screen, and the command it names."""
    workspace = Workspace(tmp_path_factory.mktemp("new"))
    write_table(workspace.folder / FILE)
    # Text and label as suggested, and the embedded encoder; what is wrong is asked again.
    answers = ["none.csv", FILE, "text", "", COLUMNS[1], "", "models/none", "", "soon", "0.45"]
    status, screen = answer(answers, workspace.folder)
    assert status == 0, screen
    return workspace, screen, screen.splitlines()[-1].removeprefix("Next: ")


def test_five_answers_make_a_config(newcomer, monkeypatch):
    workspace, screen, _ = newcomer
    for part in (f"[{COLUMNS[1]}]", f"[{COLUMNS[2]}]", "[models/bert-tiny]", "300 rows, 2 labels", f"{LABELS[1]}: 100"):
        assert part in screen
    for part in ("none.csv cannot be read", "a column that ", "has the texts: name", "no such folder", "is 'soon'"):
        assert part in screen
    assert "Wrote configs/my-1st-reviews.yaml: " in screen
    assert " MB in results/my-1st-reviews/" in screen
    config = yaml.safe_load((workspace.folder / "configs" / "my-1st-reviews.yaml").read_text())
    assert config["data"] == {
        "source": "files",
        "train": FILE,
        "text": COLUMNS[1],
        "label": COLUMNS[2],
        "values": sorted(LABELS),
    }
    assert config["label_names"] == sorted(LABELS)
    monkeypatch.chdir(workspace.folder)
    load_settings(config)
    tokenizer = Tokenizer.from_file(str(ROOT / "models" / "bert-tiny" / "tokenizer.json"))
    lengths = [len(tokenizer.encode(text).ids) for text in pd.read_csv(FILE)[COLUMNS[1]]]
    cut = [sum(length > limit for length in lengths) for limit in (config["max_length"], config["max_length"] - 8)]
    assert cut[0] < 0.05 * len(lengths) <= cut[1]

    again = call(workspace.folder, "--file", FILE, "--text", COLUMNS[1], "--label", COLUMNS[2])
    assert again.returncode == 1
    assert again.stderr.startswith("Error: configs/my-1st-reviews.yaml exists: delete it")


def test_its_config_leads_to_a_report_predictions_and_a_pipeline(newcomer):
    """As README.md says it, in one call from nothing."""
    workspace, _, told = newcomer
    program, *_, config = shlex.split(told)
    assert program == ".venv/bin/snakemake"
    texts = [f"word{n} word{n}" for n in range(6)]
    pd.DataFrame({"id": range(6), COLUMNS[1]: texts}).to_csv(workspace.folder / "new ones.csv", index=False)
    arguments = ["--cores", "2", "--configfile", config, "--config", "input=new ones.csv"]
    done = workspace.snakemake("all", "predict", *arguments)
    assert done.returncode == 0, done.stdout
    results = workspace.folder / "results" / "my-1st-reviews"
    assert escape_markdown(FILE) in (results / "report" / "report.md").read_text()
    predictions = pd.read_csv(results / "predictions" / "new ones.csv")
    # Of the best mode alone, which is the only one that has been exported.
    (exported,) = (results / "export").iterdir()
    found = pipeline("text-classification", str(exported), truncation=True)(texts)
    assert [row["label"] for row in found] == predictions["prediction"].tolist()
    assert set(predictions["prediction"]) <= set(LABELS)
