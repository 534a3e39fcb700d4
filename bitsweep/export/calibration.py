"""Probabilities that mean what they say: one temperature for all logits, fitted on validation (Guo et al., 2017).

"On Calibration of Modern Neural Networks", arXiv:1706.04599, sections 2 and 4.2.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

# Equal bins of confidence, as the paper takes them.
BINS = 15
# Where all of a small validation split is right, the likelihood has no optimum but grows towards a temperature of 0.
TEMPERATURES = (0.05, 20.0)


def mean_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross-entropy in nats of logits (examples, classes) against labels (examples,)."""
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that the logits are to be divided by, which minimizes the loss: within TEMPERATURES."""
    logits = logits.astype(np.float64)
    # In 1 / temperature the loss is convex, so that its only minimum is found.
    found = minimize_scalar(
        lambda inverse: mean_loss(logits * inverse, labels),
        bounds=(1 / TEMPERATURES[1], 1 / TEMPERATURES[0]),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(1 / found.x)


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The expected calibration error: over BINS bins of confidence, the mean gap between confidence and accuracy.

    `probabilities` has shape (examples, classes), `labels` (examples,); a bin counts by its examples.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    # Bins are open at their lower end, as the paper's: a confidence of 1 is in the last one.
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights=confidence - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))


def describe(logits: np.ndarray, labels: np.ndarray, temperature: float) -> dict:
    """The calibration error and the loss of a split before and after its logits are divided by the temperature."""
    before, after = logits.astype(np.float64), logits.astype(np.float64) / temperature
    return {
        "examples": len(labels),
        "ece_before": calibration_error(softmax(before, axis=1), labels),
        "ece_after": calibration_error(softmax(after, axis=1), labels),
        "loss_before": mean_loss(before, labels),
        "loss_after": mean_loss(after, labels),
    }


def calibrate(validation: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> dict:
    """The temperature fitted on validation, and what it does there and on test; each split is its logits and labels."""
    temperature = fit_temperature(*validation)
    return {
        "temperature": temperature,
        "fitted_on": "validation",
        "bins": BINS,
        "validation": describe(*validation, temperature),
        "test": describe(*test, temperature),
    }
