"""An encoder's folder as it was saved years ago."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForPreTraining

from tests.helpers.workspace import ROOT

# The shape of prajjwal1/bert-tiny's config.json, which names no architecture.
OLD_CONFIG = {
    "hidden_size": 128,
    "hidden_act": "gelu",
    "initializer_range": 0.02,
    "vocab_size": 30522,
    "hidden_dropout_prob": 0.1,
    "num_attention_heads": 2,
    "type_vocab_size": 2,
    "max_position_embeddings": 512,
    "num_hidden_layers": 2,
    "intermediate_size": 512,
    "attention_probs_dropout_prob": 0.1,
}


def write_old_folder(folder: Path) -> BertForPreTraining:
    """Write a folder like the first BERT checkpoints on the Hub: vocab.txt, a bare config, weights with heads."""
    torch.manual_seed(0)
    model = BertForPreTraining(BertConfig(**OLD_CONFIG))
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(OLD_CONFIG))
    vocabulary = json.loads((ROOT / "models" / "bert-tiny" / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.get)) + "\n")
    return model
