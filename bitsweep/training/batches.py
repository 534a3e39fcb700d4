"""Passes over batches, split by length into micro-batches that pad little, and into smaller ones if memory runs out."""

import gc
import os

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from bitsweep.data.tokens import Tokens
from bitsweep.errors import UserError
from bitsweep.model.fast import attention, dropout, embedding, normalization
from bitsweep.model.fast.freed_memory import keep_freed_memory
from bitsweep.seeding import stream_key
from bitsweep.training.budgets import EVALUATION_TOKENS, TRAINING_TOKENS
from bitsweep.training.machine import Machine

# What a micro-batch costs in itself, as the number of tokens that could be trained on in that time.
MICRO_BATCH_TOKENS = 64


def rounded_lengths(tokens: Tokens) -> np.ndarray:
    """Return the lengths, rounded up but not past the longest: int64 of shape (n,).

    They grow by an eighth at most; short ones become multiples of 8. A matrix product is compiled for every new shape,
    in about the time of the product itself, so the shapes should be few.
    """
    lengths = tokens.lengths
    step = 2 ** np.maximum(3, np.ceil(np.log2(lengths)).astype(int) - 4)
    return np.minimum(-(-lengths // step) * step, lengths.max())


def split_by_length(batch: np.ndarray, lengths: np.ndarray, budget: int) -> list[np.ndarray]:
    """Cut a batch (indices of examples) into micro-batches of similar lengths, with the least padding for their number.

    Each pads to at most `budget` tokens, or holds one example that is longer. Every example comes once.
    """
    batch = batch[np.argsort(lengths[batch], kind="stable")]
    # The cheapest cuts are found from the start on: costs[end] is the cost of the first `end` examples, in tokens.
    costs, starts = np.zeros(len(batch) + 1), np.zeros(len(batch) + 1, dtype=int)
    for end, longest in enumerate(lengths[batch], start=1):
        first = end - max(1, min(end, budget // longest))
        candidates = costs[first:end] + (end - np.arange(first, end)) * longest
        starts[end] = first + np.argmin(candidates)
        costs[end] = candidates[starts[end] - first] + MICRO_BATCH_TOKENS
    parts, end = [], len(batch)
    while end:
        parts.append(batch[starts[end] : end])
        end = starts[end]
    return parts[::-1]


def forward(model: torch.nn.Module, batch: dict[str, torch.Tensor], machine: Machine) -> torch.Tensor:
    """Return the logits of a padded batch, float32 of shape (examples, labels)."""
    # Encoders without segments (DistilBERT, or RoBERTa, whose table has one row) take no token types.
    segments = getattr(model.config, "type_vocab_size", 0) > 1
    inputs = {name: ids for name, ids in batch.items() if segments or name != "token_type_ids"}
    with torch.autocast(machine.device, torch.bfloat16, enabled=machine.precision == "bfloat16"):
        return model(**inputs).logits.float()


@torch.inference_mode()
def predict(model: torch.nn.Module, tokens: Tokens, machine: Machine) -> torch.Tensor:
    """Return the logits of all examples of a split, in its order: float32 of shape (n, labels)."""
    model.eval()
    tokens = tokens.to(machine.device)
    logits = torch.empty(len(tokens), model.config.num_labels)
    widths = rounded_lengths(tokens)
    batches = split_by_length(np.arange(len(tokens)), widths, EVALUATION_TOKENS)
    while batches:
        batch = batches.pop()
        try:
            padded = tokens.padded(batch, model.config.pad_token_id or 0, int(widths[batch].max()))
            logits[batch] = forward(model, padded, machine).cpu()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or len(batch) == 1:
                raise
            # The batch is halved, and halved again where that is not enough.
            batches += np.array_split(batch, 2)
    return logits


def prepare(model: torch.nn.Module, machine: Machine) -> dropout.Noise | None:
    """Make a model ready for `forward`: its device, threads, attention and dropout.

    Return the source of dropout's bits, or None on a GPU, where torch's own dropout is used.
    """
    torch.set_num_threads(machine.threads)
    # This is what torch.use_deterministic_algorithms(True) does, without importing the compiler, which takes a second.
    torch._C._set_deterministic_algorithms(True)
    # Filling new memory, which is written to anyway, would take a fourteenth of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False
    embedding.install(model)
    if machine.device == "cpu":
        keep_freed_memory()
        normalization.install(model)
        noise = dropout.install(model)
        attention.install(model)
        return noise
    # cuBLAS repeats its results only with this setting. Eager attention is the kind whose backward pass always does.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    model.to(machine.device).set_attn_implementation("eager")
    return None


class BatchGradient:
    """The gradient of a batch's mean loss, added up over micro-batches, which are smaller once memory has run out."""

    def __init__(self, model: torch.nn.Module, tokens: Tokens, machine: Machine, noise: dropout.Noise | None) -> None:
        self.model = model
        self.tokens = tokens.to(machine.device)
        self.widths = rounded_lengths(tokens)
        self.machine = machine
        self.noise = noise
        self.pieces = 1

    def add(self, batch: np.ndarray, *name: int | str) -> torch.Tensor:
        """Add to the parameters' gradients, which must be 0; return the sum of the examples' losses, float64.

        `name` names the streams of dropout. Where memory runs out, each micro-batch is halved and the batch starts
        again, with the same padding and, from `noise`, the same dropout: the gradient is the same but for the order of
        its sums. Raises UserError where a single example does not fit.
        """
        while True:
            try:
                return self.add_pieces(batch, *name)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                longest = int(self.tokens.lengths[batch].max())
            if self.pieces >= len(batch):
                raise UserError(f"Not even one example of {longest} tokens fits into memory: lower max_length.")
            self.pieces *= 2
            # This frees now what the failed pass held; otherwise reference cycles would hold it until some later time.
            gc.collect()
            print(f"Memory ran out: each micro-batch is now cut into {self.pieces} parts.", flush=True)
            for parameter in self.model.parameters():
                if parameter.grad is not None:
                    parameter.grad.zero_()

    def add_pieces(self, batch: np.ndarray, *name: int | str) -> torch.Tensor:
        # The sum stays on the device, since reading it would wait for all work that the device has been given.
        total = torch.zeros((), dtype=torch.double, device=self.machine.device)
        for part, micro in enumerate(split_by_length(batch, self.widths, TRAINING_TOKENS)):
            width = int(self.widths[micro].max())
            for rows in np.array_split(np.arange(len(micro)), min(self.pieces, len(micro))):
                seed_dropout(self.noise, slice(rows[0], rows[-1] + 1), len(micro), *name, part)
                total += self.add_rows(micro[rows], width, len(batch))
        return total

    def add_rows(self, rows: np.ndarray, width: int, examples: int) -> torch.Tensor:
        padding = self.model.config.pad_token_id or 0
        logits = forward(self.model, self.tokens.padded(rows, padding, width), self.machine)
        loss = cross_entropy(logits, self.tokens.labels[rows], reduction="sum")
        (loss / examples).backward()
        return loss.detach()


def is_out_of_memory(error: Exception) -> bool:
    """Return whether torch, oneDNN or Python failed to get memory; on a CPU, torch has no class for that error."""
    words = ("can't allocate memory", "not enough memory", "bad_alloc", "out of memory")
    # oneDNN's messages end like this where it lacks memory. Where it cannot compute
    # something at all, they name a descriptor.
    ends = ("could not create a primitive", "could not create a memory object")
    text = str(error)
    return (
        isinstance(error, MemoryError | torch.OutOfMemoryError)
        or any(word in text for word in words)
        or text.endswith(ends)
    )


def seed_dropout(noise: dropout.Noise | None, rows: slice, total: int, *name: int | str) -> None:
    # Functions of the encoder's own may draw from torch's generator, so that is seeded as well.
    torch.manual_seed(stream_key(*name, rows.start) % 2**63)
    if noise is not None:
        noise.seed(rows, total, *name)
