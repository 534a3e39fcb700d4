"""Probabilities that mean what they say: one temperature for all logits, fitted on validation (Guo et al., 2017).

"On Calibration of Modern Neural Networks", arXiv:1706.04599, sections 2 and 4.2.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

# So many bins of confidence, of equal width, as in the paper.
BINS = 15
# Bounds of the temperature. Where every prediction on a small validation split is right, the likelihood has no optimum:
# it grows towards a temperature of 0.
TEMPERATURES = (0.05, 20.0)


def mean_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean cross-entropy, in nats, of logits (examples, classes) against labels (examples,)."""
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature, within TEMPERATURES, by which logits must be divided to minimize the loss."""
    logits = logits.astype(np.float64)
    # The loss is convex in 1 / temperature, so the search finds its only minimum.
    found = minimize_scalar(
        lambda inverse: mean_loss(logits * inverse, labels),
        bounds=(1 / TEMPERATURES[1], 1 / TEMPERATURES[0]),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(1 / found.x)


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the expected calibration error: the mean gap between confidence and accuracy over BINS bins of confidence.

    `probabilities` has shape (examples, classes), `labels` (examples,). A bin is weighted by its number of examples.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    # Bins are open at their lower end, as the paper's: a confidence of 1 is in the last one.
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights=confidence - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))


def describe(logits: np.ndarray, labels: np.ndarray, temperature: float) -> dict:
    """Return the calibration error and the loss of a split, before and after dividing its logits by the temperature."""
    before, after = logits.astype(np.float64), logits.astype(np.float64) / temperature
    return {
        "examples": len(labels),
        "ece_before": calibration_error(softmax(before, axis=1), labels),
        "ece_after": calibration_error(softmax(after, axis=1), labels),
        "loss_before": mean_loss(before, labels),
        "loss_after": mean_loss(after, labels),
    }


def calibrate(validation: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> dict:
    """Return the temperature fitted on validation, with its effect there and on test; a split is logits and labels."""
    temperature = fit_temperature(*validation)
    return {
        "temperature": temperature,
        "fitted_on": "validation",
        "bins": BINS,
        "validation": describe(*validation, temperature),
        "test": describe(*test, temperature),
    }
