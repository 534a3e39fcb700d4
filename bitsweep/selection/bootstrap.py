"""Bootstrap resamples of examples, and the metrics on them."""

from collections.abc import Callable, Iterator

import numpy as np

# A block of predictions or of resamples has at most so many elements: 16 MB as float32.
BLOCK = 4_000_000
# So many resamples of all examples are in memory at a time. Fewer would take longer, since each chunk goes through all
# predictions.
CHUNK = 100


def draw_counts(random: np.random.Generator, examples: int, resamples: int) -> np.ndarray:
    """Return how often each resample, drawn with replacement, has each example: integers (resamples, examples)."""
    return random.multinomial(examples, np.full(examples, 1 / examples), size=resamples)


def rows_of_block(elements: int, most: int) -> int:
    """Return how many rows of `elements` elements each make a block: at least one, and `most` at most."""
    return max(1, min(most, BLOCK // max(1, elements)))


def draw_in_chunks(random: np.random.Generator, examples: int, resamples: int) -> Iterator[np.ndarray]:
    """Yield arrays as `draw_counts` returns them, of CHUNK resamples or fewer each."""
    for start in range(0, resamples, CHUNK):
        yield draw_counts(random, examples, min(CHUNK, resamples - start))


def score_resamples(metric: str, labels: np.ndarray, predictions: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return a metric of many rows of predictions on each resample: float64 of shape (resamples, rows).

    `labels` has shape (examples,) and `predictions` (rows, examples). `counts` is as `draw_counts` returns it, and
    every resample in it has an example. The metrics are those of `metrics.score_one`, computed by matrix products for
    all rows and resamples at once.
    """
    score: Callable = {"accuracy": accuracy, "macro_f1": macro_f1, "f1": f1, "matthews": matthews}[metric]
    # Whole numbers below 2 ** 24 are exact in float32.
    weights = counts.astype(np.float32)
    rows = rows_of_block(len(labels), len(predictions))
    blocks = [score(labels, predictions[start : start + rows], weights) for start in range(0, len(predictions), rows)]
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((len(counts), 0))


def count(weights: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return how many examples each resample has of those `chosen` in each row: float64 of shape (resamples, rows)."""
    return (weights @ chosen.T.astype(np.float32)).astype(float)


def accuracy(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return count(weights, predictions == labels) / weights.sum(1, dtype=float)[:, None]


def f1_of(
    number: int, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the F1 of one class on each resample, and whether the resample has the class: both (resamples, rows).

    F1 is 2 right / (labelled + predicted), and 0 where the class is neither a label nor a prediction in the resample.
    """
    predicted = predictions == number
    either = count(weights, (labels == number)[None]) + count(weights, predicted)
    right = count(weights, predicted & (labels == number))
    return np.divide(2 * right, either, out=np.zeros_like(either), where=either > 0), either > 0


def f1(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return f1_of(1, labels, predictions, weights)[0]


def macro_f1(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean F1 of the classes that a resample has, as a label or as a prediction."""
    scores, there = zip(*(f1_of(n, labels, predictions, weights) for n in np.union1d(labels, predictions)), strict=True)
    return np.sum(scores, axis=0) / np.sum(there, axis=0)


def matthews(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return Matthews correlation in Gorodkin's form, for any number of classes.

    It is 0 where all labels or all predictions of a resample are of one class.
    """
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
