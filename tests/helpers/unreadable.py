"""A table in Chinese, of which models/bert-tiny, an encoder for English, knows few signs."""

BAD = ["服务糟糕", "很失望", "太差"]
GOOD = ["很好", "非常满意", "服务很棒"]


def chinese_rows(count: int = 60) -> list[tuple[str, str]]:
    """Return rows of four short judgements each, and their label, 差评 or 好评."""
    rows = []
    for row in range(count):
        words, label = (GOOD, "好评") if row % 2 else (BAD, "差评")
        rows.append(("，".join(words[row // 2 // 3**place % 3] for place in range(4)), label))
    return rows
