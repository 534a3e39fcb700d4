"""A run's checkpoint: everything that the rest of its training depends on, in one file, checked when it is read."""

import hashlib
import json
import time
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from bitsweep.files import whole_file

# Within an epoch, a checkpoint is written once so many seconds have passed since the last one.
SECONDS_BETWEEN = 120.0


def digest_of(state: str, tensors: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(state.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


class Checkpoint:
    """The checkpoint at `path` of the run that `made_from` names."""

    def __init__(self, path: Path, made_from: str) -> None:
        self.path = path
        self.made_from = made_from
        self.written = time.monotonic()

    def is_due(self) -> bool:
        return time.monotonic() - self.written > SECONDS_BETWEEN

    def save(self, state: dict, tensors: dict[str, torch.Tensor]) -> None:
        """Replace the checkpoint in one step; `state` becomes JSON."""
        text = json.dumps(state)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        metadata = {"made_from": self.made_from, "state": text, "sha256": digest_of(text, tensors)}
        # This does not wait until the file is on the disk: if the machine stops and the file is torn, `load` sees that.
        with whole_file(self.path, lasting=False) as part:
            save_file(tensors, part, metadata=metadata)
        self.written = time.monotonic()

    def load(self) -> tuple[dict, dict[str, torch.Tensor]] | None:
        """Return state and tensors as they were saved; None where there is no checkpoint.

        A checkpoint that is torn, damaged or another run's is set aside, with a warning.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError) as error:
            return self.set_aside(message=f"cannot be read ({error})")
        if metadata.get("sha256") != digest_of(metadata.get("state", ""), tensors):
            return self.set_aside(message="is damaged")
        if metadata["made_from"] != self.made_from:
            return self.set_aside(message="was made from other settings, data or code")
        return json.loads(metadata["state"]), tensors

    def set_aside(self, message: str) -> None:
        aside = self.path.replace(self.path.with_name(f"{self.path.name}.set-aside"))
        print(
            f"Warning: the checkpoint {self.path} {message}: it is set aside as {aside.name}, and the run starts over."
        )

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
