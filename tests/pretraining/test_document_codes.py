"""What a corpus's texts differ in: their codes, the two groups that they fall into, and what a pooler is asked for."""

import numpy as np
import pytest
import torch

from bitsweep.errors import UserError
from bitsweep.pretraining.document_codes import document_codes
from bitsweep.pretraining.projection_pursuit import two_humped
from bitsweep.pretraining.targets import pooler_targets
from tests.helpers.pretraining import make_windows, reviews


@pytest.mark.parametrize("texts", [["same words here"] * 12, ["a", "b"], reviews(1)])
def test_texts_that_do_not_differ_are_refused(texts):
    with pytest.raises(UserError, match=r"^pretrain.corpus has .*: add (other )?texts\.$"):
        document_codes(make_windows(texts), 1)


def test_short_texts_have_codes_too():
    codes, _, coded = document_codes(make_windows([text[:60] for text in reviews(60)]), 1)
    assert coded.sum() >= 30
    assert np.isfinite(codes).all()


def test_the_leading_direction_of_codes_tells_what_kind_of_text_it_is():
    texts = reviews(60)
    codes, spread, coded = document_codes(make_windows([*texts, "too short"]), 1)
    assert coded.tolist() == [True] * 60 + [False]
    assert spread[0] == 1
    assert (np.diff(spread) <= 1e-6).all()
    assert np.allclose(codes[:60].std(0), 1, atol=1e-3)
    sides = codes[:60, 0] > 0
    assert (sides[::2] == sides[0]).all()
    assert (sides[1::2] == ~sides[0]).all()


def test_the_direction_along_which_points_fall_into_two_groups_is_found():
    draw = np.random.default_rng(0)
    points, groups = draw.standard_normal((2000, 20)), draw.choice([-1.0, 1.0], 2000)
    # Mostly among the columns that vary most.
    direction = draw.standard_normal(20) * np.repeat([1.0, 0.3], [8, 12])
    direction /= np.linalg.norm(direction)
    # Along it, the points are in two humps, of variance 1 in all.
    points += np.outer(0.9 * groups + (np.sqrt(1 - 0.9**2) - 1) * (points @ direction), direction)
    found = two_humped(points, 1)
    assert abs(found @ direction) > 0.98
    assert found[np.abs(found).argmax()] > 0
    assert abs(np.corrcoef(points @ found, groups)[0, 1]) > 0.85


def test_a_few_texts_that_are_much_alike_do_not_pass_for_one_of_two_groups():
    draw = np.random.default_rng(1)
    alike = draw.random((4000, 4)) < 1 / 500
    humps = draw.choice([-1, 1], 4000) + 0.3 * draw.standard_normal(4000)
    points = np.column_stack([alike, humps, draw.standard_normal((4000, 3))])
    found = two_humped((points - points.mean(0)) / points.std(0), 1)
    assert abs(found[4]) > 0.99


def test_the_pooler_s_units_carry_above_all_what_divides_the_texts():
    draw = np.random.default_rng(0)
    codes, groups = draw.standard_normal((2000, 40)), draw.choice([-1.0, 1.0], 2000)
    codes[:, 2] = 0.9 * groups + 0.4 * codes[:, 2]
    coded = torch.ones(2000, dtype=torch.bool)
    mixtures = pooler_targets(torch.from_numpy(codes / codes.std(0)).float(), coded, 64, 1)
    assert mixtures.shape == (2000, 64)
    shares = np.abs([np.corrcoef(mixtures[:, unit], groups)[0, 1] for unit in range(64)])
    assert np.median(shares) > 0.4
    # But they are no copies of each other.
    assert np.linalg.matrix_rank(np.corrcoef(mixtures.T.numpy()), tol=0.1) > 20
