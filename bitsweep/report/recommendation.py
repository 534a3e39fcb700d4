"""The mode that one would choose, in sentences made from the costs and the score of each."""

from bitsweep.metrics import METRIC_NAMES
from bitsweep.report.prose import evaluated, join, metric_of
from bitsweep.report.score_format import spell_lead, spell_score


def recommendation_paragraph(summary: dict) -> str:
    """Return which mode one would choose when, by what each costs and gives here."""
    modes = evaluated(summary)
    if len(modes) > 2:
        return front_sentences(summary)
    metric, sentences = metric_of(summary), []
    for pair in summary["differences"]:
        first, second = pair["first"], pair["second"]
        large, small = sorted((first, second), key=lambda mode: -modes[mode]["trainable_parameters"])
        gain = pair["difference"] if large == first else -pair["difference"]
        stored = {mode: modes[mode]["costs"]["stored_bytes"] / 1000 for mode in (large, small)}
        costs = f"stores {stored[small]:,.0f} kB a task where {large} stores {stored[large]:,.0f} kB"
        if modes[large]["trainable_parameters"] == modes[small]["trainable_parameters"]:
            if pair["beyond_chance"]:
                sentences.append(f"Choose {large if gain > 0 else small}: both train and store as much.")
        elif pair["beyond_chance"] and gain > 0:
            sentences.append(
                f"Choose {large} where {METRIC_NAMES[metric]} counts: it gains {spell_lead(gain, metric)} here. "
                f"{reached_clause(modes, small, large)}; choose it only where that is enough and many tasks share one "
                f"encoder: it {costs}."
            )
        elif pair["beyond_chance"]:
            sentences.append(f"Choose {small}: it is better by {spell_lead(gain, metric)} here and {costs}.")
        else:
            sentences.append(
                f"That {large} is worth its price is not shown here: its {METRIC_NAMES[metric]} cannot be told for "
                f"sure from that of {small}, which {costs}."
            )
    return " ".join(sentences)


def reached_clause(modes: dict, small: str, large: str) -> str:
    share = modes[small]["test"]["commonest_label_share"]
    part, whole = (100 * (modes[mode]["test"]["accuracy"] - share) for mode in (small, large))
    gained = f"{max(part, 0):.2f} of the {whole:.2f} points of accuracy"
    return f"{small} keeps {gained} that {large} has above the commonest label"


def front_sentences(summary: dict) -> str:
    """Return which of several modes no other one beats at no higher cost."""
    modes, metric, sentences = evaluated(summary), metric_of(summary), []
    for cost, words in (("trainable_parameters", "parameters to train and store"), ("seconds", "seconds of training")):
        front = [mode for mode in modes if modes[mode]["costs"]["on_front"][cost]]
        key = modes.get if cost == "trainable_parameters" else lambda mode: modes[mode]["costs"]
        front.sort(key=lambda mode, key=key, cost=cost: key(mode)[cost])
        named = [f"{mode} ({spell_score(modes[mode]['test']['score'], metric)})" for mode in front]
        if len(front) == len(modes):
            sentences.append(f"By {words}, each mode has the best test {METRIC_NAMES[metric]} at its cost.")
            continue
        sentences.append(
            f"By {words}, from few to many, no other mode has a better test {METRIC_NAMES[metric]} at no higher cost "
            f"than {join(named)}{'; each of the others is matched or beaten' if len(front) < len(modes) else ''}."
        )
    return " ".join(sentences)
