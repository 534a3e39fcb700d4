"""The report's tables for readers: numbers to the right, and nothing where there is nothing."""

import pandas as pd

from bitsweep.report.tables import readable, to_markdown

TABLE = pd.DataFrame(
    {
        "mode": ["full", "head"],
        "failed": [None, "Memory ran out."],
        "difference": [-0.01, 0.02],
        "encoder_sha256": ["12ab", "0f00"],
        "learning_rate": [3e-4, 1e-3],
        "accuracy": [0.5, float("nan")],
    }
)


def test_what_is_missing_is_an_empty_cell():
    shown = readable(TABLE)
    assert shown["failed"].tolist() == ["", "Memory ran out."]
    assert shown["accuracy"].tolist() == ["50.00 %", ""]


def test_numbers_stand_to_the_right_negative_ones_too_and_texts_to_the_left():
    header, line, *_ = to_markdown(readable(TABLE)).split("\n")
    sides = dict(zip(map(str.strip, header.strip("|").split("|")), line.strip("|").split("|"), strict=True))
    right = {name for name, side in sides.items() if side.endswith(":")}
    assert right == {"difference", "learning rate", "accuracy"}
