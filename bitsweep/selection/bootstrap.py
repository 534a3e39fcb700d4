"""Bootstrap resamples of examples, and the metrics on them."""

from collections.abc import Callable, Iterator

import numpy as np

# Elements of a block, of predictions or of resamples: 16 MB as float32.
BLOCK = 4_000_000
# Resamples of all examples in memory at a time: fewer would take longer, as each chunk goes through all predictions.
CHUNK = 100


def draw_counts(random: np.random.Generator, examples: int, resamples: int) -> np.ndarray:
    """How often each resample, drawn with replacement, has each example: integers of shape (resamples, examples)."""
    return random.multinomial(examples, np.full(examples, 1 / examples), size=resamples)


def rows_of_block(elements: int, most: int) -> int:
    """How many rows of so many elements make a block: at least one, `most` or fewer."""
    return max(1, min(most, BLOCK // max(1, elements)))


def draw_in_chunks(random: np.random.Generator, examples: int, resamples: int) -> Iterator[np.ndarray]:
    """What `draw_counts` gives, CHUNK resamples or fewer at a time."""
    for start in range(0, resamples, CHUNK):
        yield draw_counts(random, examples, min(CHUNK, resamples - start))


def score_resamples(metric: str, labels: np.ndarray, predictions: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """A metric of many arrays of predictions on each resample: float64 of shape (resamples, rows).

    `labels` has shape (examples,), `predictions` (rows, examples), `counts` is as `draw_counts` gives it, and leaves no
    resample without examples. The metrics are those of `metrics.score_one`, computed by matrix products for all rows
    and resamples at once.
    """
    score: Callable = {"accuracy": accuracy, "macro_f1": macro_f1, "f1": f1, "matthews": matthews}[metric]
    # Whole numbers below 2 ** 24 are exact in float32.
    weights = counts.astype(np.float32)
    rows = rows_of_block(len(labels), len(predictions))
    blocks = [score(labels, predictions[start : start + rows], weights) for start in range(0, len(predictions), rows)]
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((len(counts), 0))


def count(weights: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """How many examples each resample has of those `chosen` in each row: float64 of shape (resamples, rows)."""
    return (weights @ chosen.T.astype(np.float32)).astype(float)


def accuracy(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return count(weights, predictions == labels) / weights.sum(1, dtype=float)[:, None]


def f1_of(
    number: int, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """2 right / (labelled + predicted) of one class, 0 where a resample has it nowhere; and where it has it."""
    predicted = predictions == number
    either = count(weights, (labels == number)[None]) + count(weights, predicted)
    right = count(weights, predicted & (labels == number))
    return np.divide(2 * right, either, out=np.zeros_like(either), where=either > 0), either > 0


def f1(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return f1_of(1, labels, predictions, weights)[0]


def macro_f1(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The mean of F1 over the classes that a resample has at all."""
    scores, there = zip(*(f1_of(n, labels, predictions, weights) for n in np.union1d(labels, predictions)), strict=True)
    return np.sum(scores, axis=0) / np.sum(there, axis=0)


def matthews(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Gorodkin's form of the correlation; 0 where all labels or all predictions of a resample are of one class."""
    examples = weights.sum(1, dtype=float)[:, None]
    both = labels_alike = predictions_alike = np.zeros((len(weights), len(predictions)))
    for number in np.union1d(labels, predictions):
        labelled, predicted = count(weights, (labels == number)[None]), count(weights, predictions == number)
        both = both + labelled * predicted
        labels_alike = labels_alike + labelled**2
        predictions_alike = predictions_alike + predicted**2
    covariance = count(weights, predictions == labels) * examples - both
    variances = (examples**2 - predictions_alike) * (examples**2 - labels_alike)
    return np.divide(covariance, np.sqrt(variances), out=np.zeros_like(covariance), where=variances > 0)
