"""Checkpoints: a run that is killed resumes to the same bits; what is torn or another run's is set aside."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bitsweep.model.classifier import build_classifier
from bitsweep.training import batches, checkpoint
from bitsweep.training.checkpoint import Checkpoint
from bitsweep.training.loop import train
from tests.helpers.training import PLAIN, make_recipe, make_tokens

pytestmark = pytest.mark.crash


class Interrupted(Exception):
    """Stands for the kill of a process."""


def train_until(steps: int, model: torch.nn.Module, path: Path, monkeypatch, **splits):
    """Train until the given number of steps is done in this call, then stop as a killed process would."""
    done, add = 0, batches.BatchGradient.add

    def counted(self, *arguments):
        nonlocal done
        if done == steps:
            raise Interrupted
        done += 1
        return add(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(batches.BatchGradient, "add", counted)
        return train(model, checkpoint=Checkpoint(path, "a run"), log=lambda line: None, **splits)


@pytest.mark.parametrize("mode", ["full", "bitfit", "random", "lora"])
def test_a_run_killed_after_any_step_resumes_to_the_same_bits(encoder, tmp_path, monkeypatch, mode):
    """A checkpoint after every step; the run is stopped after 1, then 2, then 3, ... further steps."""
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", -1.0)
    splits = {
        "train_split": make_tokens(40),
        "validation": make_tokens(16, seed=5),
        "recipe": make_recipe(mode=mode, epochs=3),
        "machine": replace(PLAIN, precision="bfloat16"),
    }
    whole = train(build_classifier(encoder, 2, 1), log=lambda line: None, **splits)
    path, stops = tmp_path / "checkpoint.safetensors", 0
    for steps in range(1, 20):
        try:
            outcome = train_until(steps, build_classifier(encoder, 2, 1), path, monkeypatch, **splits)
            break
        except Interrupted:
            stops += 1
    assert stops >= 4
    assert outcome.history == whole.history
    assert outcome.best == whole.best
    assert torch.equal(outcome.predictions, whole.predictions)
    assert outcome.weights.keys() == whole.weights.keys()
    assert all(torch.equal(outcome.weights[name], tensor) for name, tensor in whole.weights.items())


def test_a_torn_damaged_or_foreign_checkpoint_is_set_aside_with_a_warning(tmp_path, capsys):
    path = tmp_path / "checkpoint.safetensors"
    kept = Checkpoint(path, "a run")
    tensors = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(3, dtype=torch.bfloat16)}
    kept.save({"step": 3, "loss": 0.1 + 0.2}, tensors)
    state, found = kept.load()
    assert state == {"step": 3, "loss": 0.1 + 0.2}
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
    content = path.read_bytes()
    damages = [content[:length] for length in (0, 1, 8, 100, len(content) // 2, len(content) - 1)]
    damages.append(content[:-1] + bytes([content[-1] ^ 1]))
    damages.append(content.replace(b'"step', b'"stEp', 1).replace(b"step", b"stEp", 1))
    for damaged in damages:
        path.write_bytes(damaged)
        assert kept.load() is None
        assert "it is set aside as checkpoint.safetensors.set-aside, and the run starts over" in capsys.readouterr().out
        assert not path.exists()
    path.write_bytes(content)
    assert Checkpoint(path, "another run").load() is None
    assert "was made from other settings, data or code" in capsys.readouterr().out
    assert kept.load() is None
