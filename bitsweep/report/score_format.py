"""The spelling of scores, of differences between them, and of counts: the same in prose, tables and cards.

Shares are in per cent and their differences in percentage points; Matthews correlations are plain numbers.
"""


def percent(value: float | None) -> str:
    return "" if value is None or value != value else f"{100 * value:.2f} %"


def count(value: int) -> str:
    return f"{value:,}"


def spell_score(value: float | None, metric: str) -> str:
    return f"{value:.3f}" if metric == "matthews" else percent(value)


def spell_difference(value: float, metric: str = "accuracy") -> str:
    return f"{value:.3f}" if metric == "matthews" else f"{100 * value:.2f} points"


def spell_lead(difference: float, metric: str = "accuracy") -> str:
    """Return a difference without its sign."""
    return spell_difference(abs(difference), metric)


def spell_range(interval: list[float], metric: str, unit: str = "%") -> str:
    """Return an interval of scores, or of differences where `unit` is "points"."""
    low, high = interval
    return f"{low:.3f} to {high:.3f}" if metric == "matthews" else f"{100 * low:.2f} to {100 * high:.2f} {unit}"
