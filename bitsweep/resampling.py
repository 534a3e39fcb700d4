"""Bootstrap resamples of examples, and the metrics on them."""

import numpy as np

from bitsweep.metrics import score_one


def draw_counts(random: np.random.Generator, examples: int, resamples: int) -> np.ndarray:
    """How often each resample, drawn with replacement, has each example: integers of shape (resamples, examples)."""
    return random.multinomial(examples, np.full(examples, 1 / examples), size=resamples)


def score_resamples(metric: str, labels: np.ndarray, predictions: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The metric of one array of predictions on each resample: shape (resamples,).

    `labels` and `predictions` have shape (examples,), `counts` is as `draw_counts` gives it.
    """
    # A metric depends on the confusion matrix alone: scoring its cells takes no longer the more examples there are.
    cells, cell = np.unique(np.stack([labels, predictions]), axis=1, return_inverse=True)
    return np.array(
        [score_one(metric, *cells, np.bincount(cell, weights, cells.shape[1])) for weights in counts.astype(float)]
    )
