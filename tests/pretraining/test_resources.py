"""What the rules of a pretraining ask for."""

import pytest

from bitsweep.pretraining.resources import reading_minutes, teaching_mb, teaching_minutes


def test_a_teacher_asks_for_the_time_of_its_products():
    # all-MiniLM-L6-v2 on a quarter of 6.5 million tokens: 62 minutes of its products, twice, and 20.
    assert teaching_minutes(90.9e6, 6.5e6 / 4) == pytest.approx(20 + 2 * 62, abs=3)


def test_what_a_teacher_asks_for_grows_with_its_weights_and_its_part(tmp_path):
    weights, corpus = tmp_path / "weights", tmp_path / "corpus"
    weights.write_bytes(b"0" * 4_000_000)
    corpus.write_bytes(b"0" * 8_000_000)
    # A million tokens of 8 bytes.
    assert reading_minutes(weights, corpus, 1) == teaching_minutes(4_000_000, 1_000_000)
    assert reading_minutes(weights, corpus, 4) == teaching_minutes(4_000_000, 250_000)
    assert reading_minutes(weights, corpus, 1, 1000) == teaching_minutes(4_000_000, 1000)
    assert teaching_mb(weights, corpus) == 3000 + 3 * 4 + 20 * 8
