"""One run: fine-tuning as `transformers.Trainer` does it by default, without computing on padding.

That is AdamW, a learning rate that falls linearly to 0 without warm-up, gradients clipped by their norm, dropout as the
encoder has it, and batches drawn by a uniform shuffle every epoch, of which the last may be short. A batch is split by
length into micro-batches whose gradients add up to the batch's own.
"""

import math
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import torch
from torch.nn.functional import cross_entropy

from bitsweep.data.tokens import Tokens
from bitsweep.metrics import score_one
from bitsweep.model.modes import adapt, freeze
from bitsweep.seeding import generator
from bitsweep.training.batches import BatchGradient, predict, prepare
from bitsweep.training.checkpoint import Checkpoint
from bitsweep.training.machine import Machine
from bitsweep.training.optimizer import AdamW
from bitsweep.training.recipe import Recipe

# The parts of a run's state, for every parameter that trains: itself and AdamW's two moments.
STATE = ("parameter", "first", "second")


@dataclass
class Progress:
    """The state of a run besides its parameters and the optimizer's state: what a checkpoint stores as JSON.

    `history` has a row for each epoch that has ended, `best` is the best of them, None where none ended well. `step`
    and `loss` (the sum over examples) are those of the epoch that is being trained.
    """

    history: list[dict] = field(default_factory=list)
    best: dict | None = None
    step: int = 0
    loss: float = 0.0
    pieces: int = 1
    training_seconds: float = 0.0
    seconds: float = 0.0
    peak_memory_mb: float = 0.0

    @property
    def diverged(self) -> bool:
        last = self.history[-1] if self.history else {"train_loss": 0.0, "validation_loss": 0.0}
        return not math.isfinite(last["train_loss"] + last["validation_loss"])


@dataclass
class Outcome:
    """A trained run.

    `history` has a row for each epoch; `best` is the row of the best epoch, None where none ended well.
    `predictions` are the labels predicted for the validation split after every epoch: int16 of shape (epochs, n).
    """

    history: list[dict]
    best: dict | None
    predictions: torch.Tensor
    weights: dict[str, torch.Tensor]
    diverged: bool
    trainable_parameters: int
    seconds: float
    tokens_per_second: float
    peak_memory_mb: float


class Run:
    """One run: its model, its optimizer and its progress, which a checkpoint stores and gives back."""

    def __init__(
        self,
        model: torch.nn.Module,
        train_split: Tokens,
        recipe: Recipe,
        machine: Machine,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.recipe = recipe
        self.machine = machine
        self.model = model
        adapt(model, recipe.mode, recipe.seed)
        noise = prepare(model, machine)
        self.trained = freeze(model, recipe.mode, recipe.seed)
        self.optimizer = AdamW(self.trained.tensors.values(), recipe.weight_decay)
        for sample in self.trained.samples:
            sample.parameter.grad = torch.zeros_like(sample.parameter)
        self.gradient = BatchGradient(model, train_split, machine, noise)
        self.progress = Progress()
        self.weights: dict[str, torch.Tensor] = {}
        self.predictions: list[torch.Tensor] = []
        # The sum of the losses of the epoch's examples so far.
        self.loss = torch.zeros((), dtype=torch.double, device=machine.device)
        self.checkpoint = checkpoint
        self.clock = time.perf_counter()

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything but the progress that the rest of the training depends on, by name."""
        optimizer = self.optimizer
        tensors = {f"best.{name}": tensor for name, tensor in self.weights.items()}
        names = self.trained.tensors
        for name, *state in zip(names, optimizer.parameters, optimizer.first, optimizer.second, strict=True):
            tensors |= {f"{part}.{name}": value for part, value in zip(STATE, state, strict=True)}
        tensors |= {f"predictions.{epoch}": predicted for epoch, predicted in enumerate(self.predictions, start=1)}
        return {**tensors, "optimizer.steps": torch.stack(optimizer.steps)}

    def save(self) -> None:
        if self.checkpoint is not None:
            now = time.perf_counter()
            self.progress.seconds += now - self.clock
            self.clock = now
            self.progress.pieces = self.gradient.pieces
            self.progress.loss = self.loss.item()
            self.progress.peak_memory_mb = max(self.progress.peak_memory_mb, peak_memory_mb())
            self.checkpoint.save(asdict(self.progress), self.tensors())

    @torch.no_grad()
    def resume(self) -> bool:
        """Go back to the checkpoint, if there is one; return whether there is."""
        found = self.checkpoint.load() if self.checkpoint else None
        if found is None:
            return False
        state, tensors = found
        self.progress = Progress(**state)
        self.gradient.pieces = self.progress.pieces
        self.loss.fill_(self.progress.loss)
        self.weights = {
            name.removeprefix("best."): tensor for name, tensor in tensors.items() if name.startswith("best.")
        }
        for name, value in self.tensors().items():
            if not name.startswith("best.") and name != "optimizer.steps":
                value.copy_(tensors[name])
        self.trained.write_back()
        self.predictions = [tensors[f"predictions.{row['epoch']}"] for row in self.progress.history]
        for steps, saved in zip(self.optimizer.steps, tensors["optimizer.steps"], strict=True):
            steps.copy_(saved)
        return True

    def train_epoch(self, epoch: int) -> float:
        """Train what is left of an epoch (counted from 1); return the mean loss over its examples.

        On the CPU, return NaN as soon as a batch's loss is not finite.
        """
        self.model.train()
        recipe, progress, examples = self.recipe, self.progress, len(self.gradient.tokens)
        order = generator(recipe.seed, "order", epoch).permutation(examples)
        steps = math.ceil(examples / recipe.batch_size)
        before = time.perf_counter()
        while progress.step < steps:
            start = progress.step * recipe.batch_size
            loss = self.gradient.add(
                order[start : start + recipe.batch_size], recipe.seed, "dropout", epoch, progress.step
            )
            # On a GPU the loss is looked at only once an epoch, since reading it means to wait for the GPU.
            if self.machine.device == "cpu" and not math.isfinite(loss):
                return math.nan
            self.trained.take_gradients()
            torch.nn.utils.clip_grad_norm_(self.optimizer.parameters, recipe.max_grad_norm)
            done = (epoch - 1) * steps + progress.step
            self.optimizer.step(recipe.learning_rate * (1 - done / (steps * recipe.epochs)))
            self.trained.write_back()
            self.loss += loss
            progress.step += 1
            now = time.perf_counter()
            progress.training_seconds += now - before
            before = now
            if self.checkpoint is not None and progress.step < steps and self.checkpoint.is_due():
                self.save()
        return self.loss.item() / examples

    def end_epoch(self, loss: float, logits: torch.Tensor, labels: torch.Tensor) -> dict:
        """Record an epoch's scores on validation, and its parameters where it is the best so far; return its row."""
        progress, examples = self.progress, len(self.gradient.tokens)
        predicted = logits.argmax(-1)
        self.predictions.append(predicted.to(torch.int16))
        epoch = len(progress.history) + 1
        row = {
            "epoch": epoch,
            "steps": epoch * math.ceil(examples / self.recipe.batch_size),
            "train_loss": loss,
            "validation_loss": cross_entropy(logits.double(), labels).item(),
            "validation_accuracy": (predicted == labels).double().mean().item(),
        }
        if self.recipe.metric != "accuracy":
            row[f"validation_{self.recipe.metric}"] = score_one(self.recipe.metric, labels.numpy(), predicted.numpy())
        progress.history.append(row)
        progress.step = 0
        self.loss.zero_()
        if not progress.diverged and (progress.best is None or self.rank(row) > self.rank(progress.best)):
            progress.best = row
            self.weights = {name: tensor.detach().clone() for name, tensor in self.trained.tensors.items()}
        return row

    def rank(self, row: dict) -> tuple[float, float]:
        """Return what ranks an epoch: the metric, then the negative loss. The highest is best, of equals the first."""
        return row[f"validation_{self.recipe.metric}"], -row["validation_loss"]


def train(
    model: torch.nn.Module,
    train_split: Tokens,
    validation: Tokens,
    recipe: Recipe,
    machine: Machine,
    checkpoint: Checkpoint | None = None,
    log: Callable[[str], None] = print,
) -> Outcome:
    """Train `model` on one split, from its checkpoint if there is one, and score it on another after every epoch.

    The best epoch is the one with the best `recipe.metric` on validation; where that is equal, the one with the lower
    loss, then the earlier one. A loss that is not finite ends the run as diverged.
    """
    run = Run(model, train_split, recipe, machine, checkpoint)
    if run.resume():
        log(f"Going on at the checkpoint: epoch {len(run.progress.history) + 1}, step {run.progress.step + 1}.")
    while len(run.progress.history) < recipe.epochs and not run.progress.diverged:
        epoch = len(run.progress.history) + 1
        loss = run.train_epoch(epoch)
        row = run.end_epoch(loss, predict(model, validation, machine), validation.labels)
        log(
            f"epoch {epoch}/{recipe.epochs}: training loss {loss:.4f}, validation loss {row['validation_loss']:.4f}, "
            f"validation accuracy {row['validation_accuracy']:.4f}, "
            f"{run.progress.seconds + time.perf_counter() - run.clock:.1f} s"
        )
        if run.progress.diverged:
            log(f"The loss of epoch {epoch} is not finite: the run has diverged and ends here.")
        elif epoch < recipe.epochs:
            run.save()
    progress = run.progress
    epochs = len(progress.history) - progress.diverged
    return Outcome(
        history=progress.history,
        best=progress.best,
        predictions=torch.stack(run.predictions),
        weights=run.weights,
        diverged=progress.diverged,
        trainable_parameters=run.trained.count,
        seconds=progress.seconds + time.perf_counter() - run.clock,
        tokens_per_second=int(train_split.offsets[-1]) * epochs / max(progress.training_seconds, 1e-9),
        peak_memory_mb=max(progress.peak_memory_mb, peak_memory_mb()),
    )


def peak_memory_mb() -> float:
    """Return the largest resident size that this process has had, in MB (10^6 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, Linux kibibytes.
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
