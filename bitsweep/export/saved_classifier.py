"""An exported classifier, loaded for prediction."""

from pathlib import Path

import torch

from bitsweep.training.batches import prepare
from bitsweep.training.machine import Machine


def load_exported(folder: Path, machine: Machine) -> torch.nn.Module:
    """Return the classifier of an exported folder, ready for `batches.predict`."""
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    prepare(model, machine)
    return model
