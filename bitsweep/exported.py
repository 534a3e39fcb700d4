"""An exported classifier, loaded for prediction."""

from pathlib import Path

import torch

from bitsweep.batches import prepare
from bitsweep.recipe import Recipe


def load_classifier(folder: Path, recipe: Recipe) -> torch.nn.Module:
    """The classifier of an exported folder, ready for `batches.predict`."""
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    prepare(model, recipe)
    return model
