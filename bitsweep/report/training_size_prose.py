"""The findings of the training-size study, in sentences made from its numbers."""

from bitsweep.report.prose import BITFIT_PAPER, SHORT_REASONS
from bitsweep.report.score_format import count, spell_lead
from bitsweep.selection.training_size import oriented, verdict


def study_paragraph(study: dict) -> str:
    """Return whether the BitFit paper's claim held: biases alone keep up on small training sets, not on large ones."""
    metric, sizes = study["metric"], sorted(study["differences"], key=int)
    small, large = sizes[0], sizes[-1]
    modes = list(dict.fromkeys(point["mode"] for point in study["points"]))
    sentences = [
        f"The claim to test is that of {BITFIT_PAPER}: on small training sets bias-only training keeps up with full "
        "fine-tuning, on large ones it falls behind."
    ]
    for mode in modes:
        first, last = (oriented(study, size, "full", mode) for size in (small, large))
        if not mode.startswith("bitfit") or first is None or last is None or small == large:
            continue
        ends = [
            f"at {count(int(size))} examples {lead_clause(pair, mode, metric)}"
            for size, pair in ((small, first), (large, last))
        ]
        conclusion = {
            "held": "so it held here, as far as no sure lead is keeping up",
            "behind throughout": "so it did not hold here: on the smallest set too it is behind",
            "kept up throughout": "so its first half is not refuted here, and its second does not show",
            "caught up": "so the opposite held here",
        }[verdict(first, last)]
        sentences.append(f"For {mode}: {'; '.join(ends)}; {conclusion}.")
    if len(sentences) == 1:
        return "The study has no pair of full and a BitFit mode at two sizes: the BitFit paper's claim is not tested."
    return " ".join(sentences)


def study_missing(study: dict) -> str:
    """Return which of the study's runs are missing from it; nothing where none is."""
    missing = [
        f"{entry['mode']} on {count(entry['train_size'])} examples ({entry['why']})" for entry in study["missing"]
    ]
    return f"**Missing:** {'; '.join(missing)}." if missing else ""


def lead_clause(pair: dict, mode: str, metric: str) -> str:
    clause = (
        f"{mode} is {spell_lead(pair['difference'], metric)} {'ahead of' if pair['difference'] < 0 else 'behind'} full"
    )
    return clause if pair["beyond_chance"] else f"{clause}, but {SHORT_REASONS[pair['reason']]}"
