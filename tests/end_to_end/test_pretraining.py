"""An encoder is made from texts and a teacher: from nothing that is held out, resumable, and ready to fine-tune."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import torch
import yaml
from safetensors.torch import load_file

from bitsweep.locks import take
from bitsweep.model.classifier import build_classifier
from bitsweep.model.encoder import prepare_encoder
from tests.helpers.pretraining import SMALL, reviews

PRETRAIN = ("--snakefile", "pretraining/Snakefile", "--cores", "2", "--configfile", "mine.yaml")


def test_the_workflow_makes_an_encoder_that_a_sweep_fine_tunes(workspace):
    folder = workspace.folder
    pd.DataFrame({"review": reviews(40), "stars": 3}).to_csv(folder / "texts.csv", index=False)
    (folder / "more.txt").write_text("\n".join(reviews(12)) + "\n")
    misspelt = {**SMALL, "corpus": [{"source": "files", "path": "text.csv"}]}
    (folder / "mine.yaml").write_text(yaml.safe_dump({"pretrain": misspelt}))
    refused = workspace.snakemake(*PRETRAIN)
    assert refused.returncode != 0
    assert "Error: pretrain.corpus[0].path is 'text.csv', but there is no such file" in refused.stdout
    assert "Traceback" not in refused.stdout
    (folder / "mine.yaml").write_text(yaml.safe_dump({"pretrain": SMALL}))
    notes = folder / "models/mine/README.md"
    notes.parent.mkdir()
    notes.write_text("Notes.")
    for target in ("pretrain", "write_student"):
        refused = workspace.snakemake(target, *PRETRAIN)
        assert refused.returncode != 0
        assert refused.stdout.count("pretrain.model is 'models/mine', a folder with files") == 1
        assert "Traceback" not in refused.stdout
    assert notes.read_text() == "Notes."
    shutil.rmtree(notes.parent)
    with take(folder / "results/pretrain-mine/.lock", message="not free"):
        done = workspace.snakemake(*PRETRAIN)
        assert done.returncode != 0
        assert "Another call works on results/pretrain-mine in this folder: wait for its end" in done.stdout
    done = workspace.snakemake(*PRETRAIN)
    assert done.returncode == 0, done.stdout
    assert "The encoder: models/mine/" in done.stdout.splitlines()
    weights = load_file(folder / "models/mine/model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    config = json.loads((folder / "models/mine/config.json").read_text())
    assert (config["hidden_size"], config["num_hidden_layers"], config["hidden_dropout_prob"]) == (32, 1, 0.1)
    card = (folder / "models/mine/README.md").read_text()
    assert "language: en" in card
    assert "- texts.csv" in card
    # The twelve texts of the second file stand in the first one too.
    assert "\n40 texts in " in card
    history = pd.read_csv(folder / "results/pretrain-mine/student/history.csv")
    assert np.isfinite(history).all(axis=None)
    # Each loss is a line, not a point that nobody sees.
    assert len(history) > 1
    lines = re.findall(r'class="mark-line[^>]*>(.*?)</g>', (folder / "results/pretrain-mine/losses.svg").read_text())
    assert [re.search(r' d="M[-0-9.,]+L', line) is not None for line in lines] == [True] * 5
    # With it a pretraining that ended after its Snakemake was killed is not in vain.
    assert (folder / "results/pretrain-mine/student/.checkpoint.safetensors").exists()
    assert workspace.plan(*PRETRAIN) == set()
    # As sweeps read it.
    prepare_encoder(folder / "models/mine", "models/mine", folder / "prepared")
    model = build_classifier(folder / "prepared", 2, 1)
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    learnt = weights["encoder.layer.0.output.dense.weight"].float()
    assert torch.equal(model.bert.encoder.layer[0].output.dense.weight, learnt)
    # Without Snakemake's records it is taken for what other settings make.
    shutil.move(folder / ".snakemake", folder / "elsewhere")
    changed = {"pretrain": {**SMALL, "epochs": 3, "about": "Changed."}}
    (folder / "mine.yaml").write_text(yaml.safe_dump(changed))
    done = workspace.snakemake("plot_pretraining", *PRETRAIN)
    assert done.returncode != 0
    assert "results/pretrain-mine was made with other settings (epochs was 2 and is 3)" in done.stdout
    shutil.rmtree(folder / ".snakemake")
    shutil.move(folder / "elsewhere", folder / ".snakemake")
    # What is damaged is made anew once it is needed.
    with (folder / "results/pretrain-mine/codes.safetensors").open("r+b") as file:
        file.truncate(100)
    changed = {**SMALL, "epochs": 3}
    (folder / "mine.yaml").write_text(yaml.safe_dump({"pretrain": changed}))
    planned = workspace.jobs(*PRETRAIN)
    remade = ["code_documents", "pretrain_student", "plot_pretraining", "write_student", "pretrain"]
    assert planned == dict.fromkeys(remade, 1)
