"""The encoder that is pretrained: a small BERT that starts from its teacher's embeddings."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from bitsweep.files import MODEL_WEIGHTS
from bitsweep.pretraining.principal_components import leading_components
from bitsweep.seeding import stream_key

# Standard deviations of the embeddings at the start.
WORDS, POSITIONS = 0.05, 0.02


def student_config(shape: dict, teacher: dict):
    """Return a student's config for transformers; `shape` is pretrain.student, `teacher` the teacher's config.json."""
    from transformers import BertConfig

    return BertConfig(
        vocab_size=teacher["vocab_size"],
        hidden_size=shape["hidden_size"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        intermediate_size=shape["intermediate_size"],
        max_position_embeddings=shape["positions"],
        pad_token_id=teacher.get("pad_token_id", 0),
    )


def build_student(config, teacher: Path | None, seed: int) -> torch.nn.Module:
    """Return a BERT with a pooler, in float32, with random weights.

    Where a teacher's folder is given, the embeddings are not random, but the teacher's on the leading principal
    components of its word embeddings.
    """
    from transformers import BertModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_key(seed, "student") % 2**63)
        model = BertModel(config, add_pooling_layer=True)
    if teacher is not None:
        weights = load_file(teacher / MODEL_WEIGHTS)
        prefix = "bert." if "bert.embeddings.word_embeddings.weight" in weights else ""
        words = weights[f"{prefix}embeddings.word_embeddings.weight"].double()
        places = weights[f"{prefix}embeddings.position_embeddings.weight"].double()[: config.max_position_embeddings]
        centred = words - words.mean(0)
        _, vectors = leading_components(centred.T @ centred, config.hidden_size)
        with torch.no_grad():
            for table, rows, spread in (
                (model.embeddings.word_embeddings, centred @ vectors, WORDS),
                (model.embeddings.position_embeddings, (places - places.mean(0)) @ vectors, POSITIONS),
            ):
                table.weight.copy_(rows / rows.std() * spread)
    return model
