"""Train short runs of several encoders and settings, and compare what they take with what rules ask for them.

python -m benchmarks.demand    some minutes; run it with .venv's Python

Encoders have random weights, since memory and time follow from shapes. Texts have up to `max_length` tokens. A table is
printed with the memory in MB of 10^6 bytes (the greatest resident size of the run's process), and with the seconds of
training and evaluation.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
import yaml
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForSequenceClassification

from bitsweep.config.load import load_settings
from bitsweep.data.tokens import save_tokens
from bitsweep.files import read_json, write_json
from bitsweep.model.modes import BUILT_IN
from bitsweep.model.shape import read_shape
from bitsweep.training.precision import choose_precision
from bitsweep.workflow.resources import RunResources

ROOT = Path(__file__).resolve().parent.parent
BASE = yaml.safe_load((ROOT / "config.yaml").read_text())
# Layers, hidden size and heads of BERT-tiny, BERT-mini, MiniLM-L6 and BERT-base.
ENCODERS = {"tiny": (2, 128, 2), "mini": (4, 256, 4), "minilm": (6, 384, 12), "base": (12, 768, 12)}
# Encoder, max_length, batch size, mode and examples.
CELLS = [
    ("tiny", 64, 8, "bitfit", 512),
    ("tiny", 64, 128, "full", 512),
    ("tiny", 512, 8, "full", 512),
    ("tiny", 512, 128, "full", 512),
    ("tiny", 512, 128, "bitfit", 512),
    ("mini", 512, 32, "full", 256),
    ("minilm", 128, 32, "full", 128),
    ("minilm", 512, 32, "full", 128),
    ("base", 128, 8, "full", 32),
    ("base", 512, 8, "bitfit", 16),
    ("base", 512, 16, "full", 16),
]


def make_encoder(folder: Path, layers: int, hidden: int, heads: int) -> None:
    """Write a BERT of this shape with random weights, as `prepare_encoder` would write it."""
    sizes = {"num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads}
    config = AutoConfig.from_pretrained(ROOT / "models" / "bert-tiny", **sizes, intermediate_size=4 * hidden)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(config)
    weights = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("classifier")}
    folder.mkdir()
    config.save_pretrained(folder)
    save_file(weights, folder / "model.safetensors")


def make_tokens(path: Path, examples: int, length: int) -> None:
    # Lengths differ, as those of real texts do: each takes memory for kernels of its own.
    random = np.random.default_rng(0)
    rows = [random.integers(1000, 30000, size) for size in random.integers(length // 8, length + 1, examples)]
    save_tokens(path, [SimpleNamespace(ids=row, type_ids=0 * row) for row in rows], [0, 1] * (examples // 2))


def train(folder: Path, encoder: str, length: int, size: int, mode: str, examples: int) -> dict:
    """Train for one epoch, and return what was asked for the run and what it took, evaluation included."""
    grid = {"mode": [mode], "batch_size": [size], "learning_rate": [1e-4]}
    text = {**BASE, "max_length": length, "grid": grid}
    text |= {"limit": {"train": examples, "validation": examples}, "training": {"epochs": 1}}
    settings = load_settings(text)
    run = {"mode": mode, "batch_size": str(size), "learning_rate": "1e-4", "seed": "42"}
    for split in ("train", "validation"):
        make_tokens(folder / f"{split}.safetensors", examples, length)
    recipe = {"mode": BUILT_IN[mode], "batch_size": size, "learning_rate": 1e-4, "seed": 42, "train_size": None}
    recipe |= {"metric": "accuracy", "epochs": 1, "weight_decay": 0.0, "max_grad_norm": 1.0, "threads": 1}
    places = {name: folder / f"{name}.safetensors" for name in ("train", "validation")}
    command = [sys.executable, "-m", "scripts.train_run", "--recipe", json.dumps(recipe), "--labels", "2"]
    command += ["--encoder", str(folder / encoder), "--precision", str(folder / "precision.json")]
    command += [part for name, path in places.items() for part in (f"--{name}", str(path))]
    output = folder / f"{encoder}-{length}-{size}-{mode}"
    # A shell starts the run: in a child of this process, Linux would count this one's memory towards the child's peak.
    command = ["sh", "-c", '"$@"; exit $?', "sh", *command, "--output", str(output)]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    demand = RunResources(settings, read_shape(read_json(folder / encoder / "config.json")))
    costs = read_json(output / "costs.json")
    return {
        "encoder": encoder,
        "max_length": length,
        "batch size": size,
        "mode": mode,
        "examples": examples,
        "memory asked for": demand.memory_mb(run, 1),
        "memory taken": round(costs["peak_memory_mb"]),
        "seconds predicted": round(demand.predict_seconds(run), 1),
        "seconds taken": round(costs["seconds"], 1),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_json(folder / "precision.json", choose_precision("auto", "cpu"))
        for encoder, shape in ENCODERS.items():
            make_encoder(folder / encoder, *shape)
        rows = []
        for cell in CELLS:
            rows.append(train(folder, *cell))
            print(rows[-1], file=sys.stderr, flush=True)
    print(pd.DataFrame(rows).to_markdown(index=False))


if __name__ == "__main__":
    main()
