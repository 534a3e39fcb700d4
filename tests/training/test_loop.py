"""The training loop against plain torch: same batches, same gradients, same optimizer, same distribution of dropout."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import get_linear_schedule_with_warmup

from bitsweep.errors import UserError
from bitsweep.model.classifier import build_classifier, digest_state
from bitsweep.model.fast import attention, normalization
from bitsweep.model.fast.dropout import CheapDropout, Noise, drop, to_mask
from bitsweep.model.modes import BUILT_IN, freeze
from bitsweep.seeding import generator
from bitsweep.training import batches
from bitsweep.training.batches import predict, prepare, rounded_lengths, split_by_length
from bitsweep.training.loop import train
from bitsweep.training.optimizer import AdamW
from tests.helpers.training import PLAIN, make_recipe, make_tokens


def without_dropout(model: torch.nn.Module) -> torch.nn.Module:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout | CheapDropout):
            module.p = 0.0
    return model


def test_micro_batches_hold_every_example_once_within_the_budget():
    random = np.random.default_rng(3)
    lengths = random.integers(3, 200, 500)
    batch = random.permutation(500)[:128]
    parts = split_by_length(batch, lengths, 1000)
    assert sorted(np.concatenate(parts)) == sorted(batch)
    assert all(len(part) * lengths[part].max() <= 1000 for part in parts)
    assert len(parts) < 40
    # An example longer than the budget comes alone.
    assert [len(part) for part in split_by_length(batch[:5], lengths, 1)] == [1] * 5


def test_micro_batches_pad_as_little_as_any_cut_of_their_batch():
    random = np.random.default_rng(4)

    def cost(parts: list[np.ndarray]) -> int:
        return sum(len(part) * lengths[part].max() + batches.MICRO_BATCH_TOKENS for part in parts)

    for _ in range(20):
        lengths = np.sort(random.integers(3, 300, 9))
        ways = (itertools.compress(range(1, 9), chosen) for chosen in itertools.product([0, 1], repeat=8))
        cuts = [np.split(np.arange(9), list(way)) for way in ways]
        allowed = [cut for cut in cuts if all(len(part) * lengths[part].max() <= 600 for part in cut)]
        assert cost(split_by_length(np.arange(9), lengths, 600)) == min(map(cost, allowed))


def test_lengths_are_rounded_to_few_but_not_past_the_longest():
    tokens = make_tokens(400, longest=300)
    widths = rounded_lengths(tokens)
    assert (widths >= tokens.lengths).all()
    assert widths.max() == tokens.lengths.max()
    assert (widths <= tokens.lengths * 1.125 + 8).all()
    assert len(set(widths)) < 40


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("rate", [0.0, 0.25])
def test_attention_is_softmax_and_its_gradients_are_autograd_s(monkeypatch, masked, rate):
    """Blocks of 2, 2 and 1 examples, against plain torch with the same mask of dropout."""
    monkeypatch.setattr(attention, "BLOCK_BYTES", 2 * 3 * 7 * 7 * 8)
    random = torch.Generator().manual_seed(0)
    inputs = [torch.randn(5, 3, 7, 4, generator=random, dtype=torch.double, requires_grad=True) for _ in "qkv"]
    towards = torch.randn(5, 7, 3, 4, generator=random, dtype=torch.double)
    seen = torch.arange(7) < torch.tensor([7, 3, 1, 5, 7])[:, None] if masked else torch.ones(5, 7, dtype=torch.bool)
    module = torch.nn.Identity().train()
    module.noise = Noise()

    module.noise.seed(slice(0, 5), 5, "test")
    kept = to_mask(module.noise.draw(torch.Size([5, 3, 7, 7])), rate) if rate else torch.ones(1)
    query, key, value = inputs
    scores = (query @ key.mT * 0.3).masked_fill(~seen[:, None, None], -torch.inf)
    wanted = (scores.softmax(-1) * (kept != 0) / (1 - rate) @ value).transpose(1, 2)
    gradients = torch.autograd.grad(wanted, inputs, towards)

    module.noise.seed(slice(0, 5), 5, "test")
    mask = seen[:, None, None] if masked else None
    found, _ = attention.attend(module, *inputs, mask, scaling=0.3, dropout=rate)
    torch.testing.assert_close(found, wanted)
    for one, other in zip(torch.autograd.grad(found, inputs, towards), gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_layer_normalization_under_autocast_is_float32_s_rounded():
    """Its gradients too, which torch would add up in bfloat16: over 20,000 rows that is wrong by a tenth."""
    random = torch.Generator().manual_seed(0)
    layer = torch.nn.LayerNorm(96)
    torch.nn.init.normal_(layer.weight, generator=random)
    torch.nn.init.normal_(layer.bias, generator=random)
    fast = copy.deepcopy(layer)
    normalization.install(torch.nn.Sequential(fast))
    x = torch.randn(20_000, 96, generator=random).bfloat16()
    towards = torch.randn(20_000, 96, generator=random).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = fast(x)
    wanted = layer(x.float())
    assert found.dtype is torch.bfloat16
    assert torch.equal(found, wanted.bfloat16())
    gradients = torch.autograd.grad(found, (fast.weight, fast.bias), towards)
    for mine, theirs in zip(
        gradients, torch.autograd.grad(wanted, (layer.weight, layer.bias), towards.float()), strict=True
    ):
        torch.testing.assert_close(mine, theirs)
    # Without autocast nothing changes.
    assert torch.equal(fast(x.float()), layer(x.float()))


@pytest.mark.parametrize("mode", ["full", "bitfit"])
def test_gradient_of_micro_batches_is_the_padded_batch_s(encoder, monkeypatch, mode):
    monkeypatch.setattr(batches, "TRAINING_TOKENS", 100)
    tokens = make_tokens(24)
    plain = without_dropout(build_classifier(encoder, 2, 1)).double()
    fast = copy.deepcopy(plain)

    padded = tokens.padded(np.arange(24), 0)
    wanted = freeze(plain, BUILT_IN[mode], 1).tensors
    cross_entropy(plain(**padded).logits, tokens.labels).backward()

    prepare(fast, PLAIN)
    without_dropout(fast)
    found = freeze(fast, BUILT_IN[mode], 1).tensors
    for parameter in found.values():
        parameter.grad = torch.zeros_like(parameter)
    parts = split_by_length(np.arange(24), tokens.lengths, 100)
    assert len(parts) > 5
    for part in parts:
        logits = fast(**tokens.padded(part, 0)).logits
        (cross_entropy(logits, tokens.labels[part], reduction="sum") / 24).backward()
    assert found.keys() == wanted.keys()
    for name, parameter in wanted.items():
        torch.testing.assert_close(found[name].grad, parameter.grad, rtol=1e-9, atol=1e-12, msg=name)


@pytest.mark.parametrize("mode", ["full", "bitfit"])
def test_training_follows_torch_s_adamw_with_transformers_schedule(encoder, mode):
    """Two epochs of float32 training without dropout, against a loop of public parts over padded batches."""
    tokens = make_tokens(22)
    recipe = make_recipe(mode=mode)
    plain = without_dropout(build_classifier(encoder, 2, 1)).train()
    parameters = list(freeze(plain, BUILT_IN[mode], 1).tensors.values())
    optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=0.0)
    schedule = get_linear_schedule_with_warmup(optimizer, 0, 3 * recipe.epochs)
    for epoch in (1, 2):
        order = generator(recipe.seed, "order", epoch).permutation(22)
        for start in (0, 8, 16):
            batch = order[start : start + 8]
            optimizer.zero_grad()
            cross_entropy(plain(**tokens.padded(batch, 0)).logits, tokens.labels[batch]).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()

    fast = without_dropout(build_classifier(encoder, 2, 1))
    outcome = train(fast, tokens, make_tokens(10, seed=5), recipe, PLAIN, log=lambda line: None)
    assert [row["steps"] for row in outcome.history] == [3, 6]
    wanted = dict(plain.named_parameters())
    start = dict(build_classifier(encoder, 2, 1).named_parameters())
    for name, parameter in fast.named_parameters():
        # Softmax takes no notice of the keys' bias: its gradient is rounding, which Adam scales up to the rate.
        if name.endswith("key.bias"):
            continue
        torch.testing.assert_close(parameter, wanted[name], rtol=1e-3, atol=2e-5, msg=name)
        # What the mode freezes is as it was, to the bit; the first layer's biases have moved.
        if mode == "bitfit" and "bias" not in name:
            assert torch.equal(parameter, start[name]), name
    assert not torch.equal(
        fast.bert.encoder.layer[0].output.dense.bias, start["bert.encoder.layer.0.output.dense.bias"]
    )


def test_optimizer_is_torch_s_to_the_bit():
    """With decay on the matrix and none on the vector, as the Trainer groups them."""
    random = torch.Generator().manual_seed(0)
    ours = [
        torch.nn.Parameter(torch.randn(50, 7, generator=random)),
        torch.nn.Parameter(torch.randn(3, generator=random)),
    ]
    theirs = [torch.nn.Parameter(parameter.detach().clone()) for parameter in ours]
    optimizer = AdamW(ours, 0.01)
    groups = [{"params": theirs[:1], "weight_decay": 0.01}, {"params": theirs[1:], "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, fused=True)
    for rate in (1e-3, 5e-4, 1e-4):
        for mine, their in zip(ours, theirs, strict=True):
            mine.grad.copy_(torch.randn(mine.shape, generator=random))
            their.grad = mine.grad.clone()
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()
        optimizer.step(rate)
        assert all(torch.equal(mine, their) for mine, their in zip(ours, theirs, strict=True))
        assert all((parameter.grad == 0).all() for parameter in ours)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_has_its_rate_and_its_scale(rate, dtype):
    noise = Noise()
    noise.seed(slice(0, 1000), 1000, 3, "test")
    x = torch.full((1000, 1001), 2.0, dtype=dtype, requires_grad=True)
    y = drop(x, rate, noise)
    y.sum().backward()
    dropped = (y == 0).double().mean().item()
    # Five standard errors of a share among a million.
    assert abs(dropped - rate) < 5 * math.sqrt(rate * (1 - rate) / x.numel())
    kept = y[y != 0]
    torch.testing.assert_close(
        kept, torch.full_like(kept, 2 / (1 - rate)), rtol=1e-2 if dtype is torch.bfloat16 else 1e-4, atol=0
    )
    torch.testing.assert_close(x.grad, y.detach() / 2)
    rows = (y == 0).double().mean(1)
    assert rows.std().item() < 2 * math.sqrt(rate * (1 - rate) / 1001)


def test_dropout_is_seeded_by_name_alone():
    def draw(rows: slice, *name: int | str) -> torch.Tensor:
        noise.seed(rows, 10, *name)
        return noise.draw(torch.Size([rows.stop - rows.start, 33]))

    noise, everything = Noise(), slice(0, 10)
    first = draw(everything, 1, "dropout", 2, 3)
    noise.draw(torch.Size([10, 7]))
    assert torch.equal(first, draw(everything, 1, "dropout", 2, 3))
    assert not torch.equal(first, draw(everything, 1, "dropout", 2, 4))
    # Parts of a micro-batch get the parts of its stream.
    assert torch.equal(first[3:7], draw(slice(3, 7), 1, "dropout", 2, 3))


def test_memory_that_runs_out_halves_micro_batches_and_changes_nothing_else(encoder, monkeypatch, capsys):
    """The first passes over more than three examples fail, in forward or in backward; dropout is on."""
    monkeypatch.setattr(batches, "TRAINING_TOKENS", 400)
    tokens = make_tokens(32)

    def gradients(limit: int) -> dict[str, torch.Tensor]:
        model = build_classifier(encoder, 2, 1)
        noise = prepare(model, PLAIN)
        parameters = freeze(model, BUILT_IN["full"], 1).tensors
        AdamW(parameters.values(), 0.0)
        model.train()
        first = model.bert.encoder.layer[0]
        first.register_full_backward_hook(lambda module, into, out: refuse(len(out[0]), limit))
        loss = batches.BatchGradient(model, tokens, PLAIN, noise).add(np.arange(32), 1, "dropout", 1, 0)
        return {"loss": loss, **{name: parameter.grad for name, parameter in parameters.items()}}

    def refuse(rows: int, limit: int) -> None:
        if rows > limit:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes.")

    wanted, found = gradients(100), gradients(3)
    assert "each micro-batch is now cut into 4 parts" in capsys.readouterr().out
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6, msg=name)
    with pytest.raises(UserError, match=r"Not even one example of \d+ tokens fits into memory: lower max_length"):
        gradients(0)


@pytest.mark.parametrize(
    ("words", "memory"),
    [
        ("could not create a primitive", True),
        ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes.", True),
        ("could not create a primitive descriptor for the matmul primitive", False),
        ("mat1 and mat2 shapes cannot be multiplied", False),
    ],
)
def test_lack_of_memory_is_told_from_what_cannot_be_computed(words, memory):
    assert batches.is_out_of_memory(RuntimeError(words)) is memory


def test_every_dropout_of_the_encoder_is_on_in_training_and_off_in_evaluation(encoder):
    model = build_classifier(encoder, 2, 1)
    expected = sum(isinstance(module, torch.nn.Dropout) and module.p > 0 for module in model.modules())
    prepare(model, PLAIN)
    assert sum(isinstance(module, CheapDropout) and module.p == 0.1 for module in model.modules()) == expected == 8
    batch = make_tokens(4).padded(np.arange(4), 0)
    model.eval()
    assert torch.equal(model(**batch).logits, model(**batch).logits)
    model.train()
    assert not torch.equal(model(**batch).logits, model(**batch).logits)


def test_prediction_is_in_the_split_s_order_and_that_of_the_plain_model(encoder):
    tokens = make_tokens(50)
    plain = build_classifier(encoder, 2, 1).eval()
    wanted = torch.cat([plain(**tokens.padded(np.array([index]), 0)).logits for index in range(50)]).detach()
    model = build_classifier(encoder, 2, 1)
    prepare(model, PLAIN)
    torch.testing.assert_close(predict(model, tokens, PLAIN), wanted, rtol=1e-4, atol=1e-5)


def test_head_depends_on_the_seed_and_the_encoder_does_not(encoder):
    first, again, other = (build_classifier(encoder, 2, seed) for seed in (1, 1, 2))
    assert digest_state(first) == digest_state(again) != digest_state(other)
    assert not torch.equal(first.classifier.weight, other.classifier.weight)
    assert torch.equal(first.bert.pooler.dense.weight, other.bert.pooler.dense.weight)


def test_a_run_learns_and_keeps_its_best_epoch(encoder):
    model = build_classifier(encoder, 2, 1)
    outcome = train(
        model, make_tokens(64), make_tokens(64, seed=9), make_recipe(epochs=6), PLAIN, log=lambda line: None
    )
    assert outcome.best["validation_accuracy"] == max(row["validation_accuracy"] for row in outcome.history) > 0.9
    assert not outcome.diverged
    assert outcome.trainable_parameters == 4_386_178


def test_a_loss_that_is_not_finite_ends_the_run_as_diverged(encoder):
    model = build_classifier(encoder, 2, 1)
    with torch.no_grad():
        model.classifier.bias.fill_(math.nan)
    outcome = train(model, make_tokens(16), make_tokens(8), make_recipe(), PLAIN, log=lambda line: None)
    assert outcome.diverged
    assert outcome.best is None
    assert outcome.weights == {}
    assert len(outcome.history) == 1
