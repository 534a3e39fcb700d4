"""Pretraining of a small encoder, from a teacher's hidden states, from masked words, and from codes of texts.

Texts are read whole or cut, with some of their pieces masked (Devlin et al., 2019, arXiv:1810.04805). The encoder
learns to predict five things, all but the last through heads that are thrown away afterwards:

- from each token, the teacher's hidden state there (as Sanh et al., 2019, arXiv:1910.01108, and others distil);
- from some masked tokens, the piece (through the word embeddings);
- from [CLS], the teacher's vector of the window;
- from [CLS], the code of the whole text that the window is from (`document_codes.py`);
- in the pooler's units, mixtures of that code's leading directions, drawn at random. The direction along which the
  texts fall into two groups (`projection_pursuit.py`) weighs most, since what divides a corpus is what its readers are
  likely to ask for. A classifier's head is drawn at random too: it reads some of every direction, and the biases
  before it choose among the units, which must differ for that.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu, linear

from bitsweep.data.tokens import Tokens
from bitsweep.errors import UserError
from bitsweep.pretraining.special_tokens import Special
from bitsweep.pretraining.targets import Targets
from bitsweep.seeding import generator, stream_key
from bitsweep.training.batches import prepare
from bitsweep.training.checkpoint import Checkpoint
from bitsweep.training.machine import Machine
from bitsweep.training.optimizer import AdamW

# A step has at most so many tokens, padding included.
STEP_TOKENS = 8192
# Windows are padded to one of these widths, since matrix products are compiled anew for every new shape.
WIDTHS = (24, 48, 96, 128, 192, 256, 320, 384, 448, 512)
# A window is cut with probability CUT, to at least SHORTEST pieces; the logarithm of its new length is drawn uniformly.
CUT, SHORTEST = 0.5, 16
# Of the masked pieces 80 % become [MASK], 10 % another piece, and 10 % stay. PREDICTED of them are predicted in a step.
MASKED, PREDICTED = 0.15, 256
LOSS_WEIGHTS = {"tokens": 1.0, "pieces": 0.2, "vector": 1.0, "code": 1.0, "pooler": 2.0}
WEIGHT_DECAY, MAX_GRAD_NORM = 0.01, 1.0
# The learning rate is highest after WARM_UP steps, or after a tenth of all steps if that is less. A row of the history
# covers ROW steps, or a twentieth of all if that is less.
WARM_UP, ROW = 400, 100


@dataclass
class Progress:
    """The progress of a pretraining, which a checkpoint stores as JSON. `sums` are the losses since the last row."""

    step: int = 0
    history: list[dict] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(LOSS_WEIGHTS, 0.0))
    seconds: float = 0.0


class Heads(nn.Module):
    """Layers that read the targets from the encoder's hidden states; they are thrown away afterwards."""

    def __init__(self, hidden: int, vocabulary: int, targets: Targets, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream_key(seed, "heads") % 2**63)
            self.tokens = nn.Linear(hidden, targets.tokens.shape[1])
            self.vector = nn.Linear(hidden, targets.vectors.shape[1])
            self.code = nn.Linear(hidden, targets.codes.shape[1])
            self.transform = nn.Linear(hidden, hidden)
            self.norm = nn.LayerNorm(hidden)
            self.bias = nn.Parameter(torch.zeros(vocabulary))


@dataclass(frozen=True)
class Batch:
    """The windows of one step.

    `rows` are their indices, `starts` and `sizes` say which of their pieces are read, `width` is their padded length.
    """

    rows: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    width: int


def warm_up(steps: int) -> int:
    """Return the number of steps over which the learning rate is warmed up in a pretraining of `steps` steps."""
    return max(1, min(WARM_UP, steps // 10))


def plan_epoch(lengths: np.ndarray, seed: int, epoch: int) -> list[Batch]:
    """Return the batches of an epoch in their order; each window is in one. `lengths` are the windows' tokens."""
    draw, pieces = generator(seed, "cuts", epoch), lengths - 2
    cut = (draw.random(len(pieces)) < CUT) & (pieces > SHORTEST)
    shares = draw.random(len(pieces))
    sizes = np.where(cut, SHORTEST * ((pieces + 1) / SHORTEST) ** shares, pieces).astype(int)
    starts = (draw.random(len(pieces)) * (pieces - sizes + 1)).astype(int)
    widths = np.array([*WIDTHS, *range(WIDTHS[-1] + 64, int(lengths.max()) + 64, 64)])
    padded = np.minimum(widths[np.searchsorted(widths, sizes + 2)], int(lengths.max()))
    batches = []
    for width in np.unique(padded):
        rows = draw.permutation(np.nonzero(padded == width)[0])
        size = max(1, STEP_TOKENS // width)
        for first in range(0, len(rows), size):
            chosen = rows[first : first + size]
            batches.append(Batch(chosen, starts[chosen], sizes[chosen], int(width)))
    return [batches[index] for index in draw.permutation(len(batches))]


class StudentTraining:
    """The training of a student, with all that its further steps depend on, which a checkpoint stores."""

    def __init__(
        self,
        model: nn.Module,
        windows: Tokens,
        targets: Targets,
        special: Special,
        epochs: int,
        learning_rate: float,
        seed: int,
        machine: Machine,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.model, self.windows, self.targets, self.special = model, windows, targets, special
        self.epochs, self.learning_rate, self.seed, self.machine = epochs, learning_rate, seed, machine
        self.heads = Heads(model.config.hidden_size, model.config.vocab_size, targets, seed)
        self.names = [f"model.{name}" for name, _ in model.named_parameters()]
        self.names += [f"heads.{name}" for name, _ in self.heads.named_parameters()]
        self.optimizer = AdamW([*model.parameters(), *self.heads.parameters()], WEIGHT_DECAY)
        prepare(model, machine)
        # The student's config has no dropout, so nothing is left out at random.
        model.train()
        self.plans = [len(plan_epoch(windows.lengths, seed, epoch)) for epoch in range(1, epochs + 1)]
        self.steps = sum(self.plans)
        self.warm_up, self.row = warm_up(self.steps), max(1, min(ROW, self.steps // 20))
        self.progress, self.checkpoint, self.clock = Progress(), checkpoint, time.perf_counter()

    def tensors(self) -> dict[str, torch.Tensor]:
        optimizer = self.optimizer
        tensors = {"steps": torch.stack(optimizer.steps)}
        for name, *state in zip(self.names, optimizer.parameters, optimizer.first, optimizer.second, strict=True):
            tensors |= {f"{part}.{name}": value for part, value in zip(("at", "first", "second"), state, strict=True)}
        return tensors

    def save(self) -> None:
        now = time.perf_counter()
        self.progress.seconds += now - self.clock
        self.clock = now
        if self.checkpoint is not None:
            self.checkpoint.save(asdict(self.progress), self.tensors())

    @torch.no_grad()
    def resume(self) -> bool:
        """Go back to the checkpoint, and return True; return False where there is none."""
        found = self.checkpoint.load() if self.checkpoint else None
        if found is None:
            return False
        state, tensors = found
        self.progress = Progress(**state)
        for name, value in self.tensors().items():
            if name != "steps":
                value.copy_(tensors[name])
        for steps, saved in zip(self.optimizer.steps, tensors["steps"], strict=True):
            steps.copy_(saved)
        return True

    def train(self, log: Callable[[str], None] = print) -> list[dict]:
        """Take all steps that are left, and return the history: each row has the mean losses of some steps."""
        if self.resume():
            done = self.progress.step
            ended = f"it had ended, at step {done}." if done == self.steps else f"step {done + 1} of {self.steps}."
            log(f"Going on at the checkpoint: {ended}")
        before = 0
        for epoch, size in enumerate(self.plans, start=1):
            if self.progress.step < before + size:
                for batch in plan_epoch(self.windows.lengths, self.seed, epoch)[self.progress.step - before :]:
                    self.take_step(batch)
                    left = self.steps - self.progress.step
                    # Where only a few steps would be left for the last row, they count in the row before it.
                    if left == 0 or (self.progress.step % self.row == 0 and 2 * left >= self.row):
                        self.note_row(epoch, log)
                    if self.checkpoint is not None and self.checkpoint.is_due():
                        self.save()
            before += size
        return self.progress.history

    def note_row(self, epoch: int, log: Callable[[str], None]) -> None:
        progress = self.progress
        since = progress.step - (progress.history[-1]["step"] if progress.history else 0)
        row = {name: total / since for name, total in progress.sums.items()}
        progress.history.append({"step": progress.step, "epoch": epoch, **row})
        progress.sums = dict.fromkeys(LOSS_WEIGHTS, 0.0)
        losses = ", ".join(f"{name} {loss:.4f}" for name, loss in row.items())
        seconds = progress.seconds + time.perf_counter() - self.clock
        log(f"step {progress.step} of {self.steps}, epoch {epoch}: {losses}; {seconds:.0f} s")

    def take_step(self, batch: Batch) -> None:
        losses = self.losses(batch)
        loss = sum(LOSS_WEIGHTS[name] * loss for name, loss in losses.items())
        if not math.isfinite(loss.item()):
            raise UserError(f"The loss of step {self.progress.step + 1} is not finite: lower pretrain.learning_rate.")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.optimizer.parameters, MAX_GRAD_NORM)
        done = self.progress.step
        self.optimizer.step(self.learning_rate * min(1, (done + 1) / self.warm_up) * (1 - done / self.steps))
        for name, loss in losses.items():
            self.progress.sums[name] += loss.item()
        self.progress.step += 1

    def losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the losses that LOSS_WEIGHTS names, each a mean over the tokens or windows that it is of."""
        places, read = self.places(batch)
        pieces = self.pieces(batch, places)
        draw = generator(self.seed, "mask", self.progress.step)
        body = read & (np.arange(batch.width) > 0) & (np.arange(batch.width) < batch.sizes[:, None] + 1)
        chosen, shown = self.mask(pieces, body, draw)
        model, heads, targets = self.model, self.heads, self.targets
        with torch.autocast(self.machine.device, torch.bfloat16, enabled=self.machine.precision == "bfloat16"):
            output = model(input_ids=torch.from_numpy(shown), attention_mask=torch.from_numpy(read.astype(np.int64)))
            hidden, first = output.last_hidden_state, output.last_hidden_state[:, 0]
            states, code, vector = heads.tokens(hidden), heads.code(first), heads.vector(first)
            # Their number is always the same, so that the matrix products have the same shape.
            asked = np.resize(draw.permutation(np.nonzero(chosen.ravel())[0]), PREDICTED)
            words = heads.norm(gelu(heads.transform(hidden.flatten(0, 1)[torch.from_numpy(asked)])))
            logits = linear(words, model.embeddings.word_embeddings.weight, heads.bias)
        wanted = targets.tokens[torch.from_numpy(places)]
        inner = torch.from_numpy(body)[..., None]
        texts = self.windows.labels[batch.rows]
        coded = targets.coded[texts].float()[:, None]
        share = 1 / coded.sum().clamp(min=1)
        return {
            "tokens": ((states.float() - wanted.float()) * inner).square().sum() / wanted.shape[-1] / body.sum(),
            "pieces": cross_entropy(logits.float(), torch.from_numpy(pieces.ravel()[asked])),
            "vector": (vector.float() - targets.vectors[batch.rows]).square().mean(),
            "code": ((code.float() - targets.codes[texts]) * coded).square().mean(1).sum() * share,
            "pooler": ((output.pooler_output.float() - targets.mixtures[texts]) * coded).square().mean(1).sum() * share,
        }

    def places(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Return where each token of a batch stands in the corpus, and which are read at all: both (windows, width)."""
        columns = np.arange(batch.width)
        read = columns < batch.sizes[:, None] + 2
        starts = self.windows.offsets[:-1][batch.rows] + batch.starts
        return np.where(read, starts[:, None] + columns, 0), read

    def pieces(self, batch: Batch, places: np.ndarray) -> np.ndarray:
        """Return the token ids of a batch, with special tokens at the ends of windows that were cut."""
        pieces = self.windows.input_ids.numpy()[places].astype(np.int64)
        pieces[np.arange(batch.width) >= batch.sizes[:, None] + 2] = self.special.padding
        pieces[:, 0] = self.special.first
        pieces[np.arange(len(pieces)), batch.sizes + 1] = self.special.last
        return pieces

    def mask(self, pieces: np.ndarray, body: np.ndarray, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return which pieces are masked, at least one, and the pieces that the encoder is shown."""
        chosen = body & (draw.random(pieces.shape) < MASKED)
        if not chosen.any():
            chosen[0, 1] = True
        fate = draw.random(pieces.shape)
        others = draw.integers(*self.special.words, pieces.shape)
        shown = np.where(chosen & (fate < 0.8), self.special.mask, pieces)
        return chosen, np.where(chosen & (fate >= 0.9), others, shown)
