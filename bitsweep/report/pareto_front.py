"""The Pareto front: the modes that are worth their costs."""


def on_front(modes: dict[str, tuple[float, float]]) -> dict[str, bool]:
    """Return whether each mode, (score, cost) by its name, is Pareto-efficient: on the front of score and cost.

    It is where no other mode has at least its score at no more than its cost, one of both strictly better. Modes that
    are equal in both do not exclude each other.
    """
    return {
        name: not any(
            other_score >= score and other_cost <= cost and (other_score, other_cost) != (score, cost)
            for other_score, other_cost in modes.values()
        )
        for name, (score, cost) in modes.items()
    }
