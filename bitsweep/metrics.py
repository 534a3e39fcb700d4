"""The scores of predicted classes: settings select by one of them, reports show all.

scikit-learn computes them. It is imported where it is used, so that code that needs only the names need not wait.
"""

import numpy as np

METRICS = ("accuracy", "macro_f1", "f1", "matthews")
METRIC_NAMES = {"accuracy": "accuracy", "macro_f1": "macro F1", "f1": "F1", "matthews": "Matthews correlation"}


def score_predictions(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Return every metric of METRICS; both arguments have shape (examples,)."""
    return {metric: score_one(metric, labels, predictions) for metric in METRICS}


def score_one(metric: str, labels: np.ndarray, predictions: np.ndarray) -> float:
    """Return one metric of METRICS; both arrays have shape (examples,). Raises ValueError for another name.

    F1 is that of label 1, 0 where it is nobody's label or prediction. Macro F1 is the mean of F1 over the classes that
    are anyone's label or prediction. Matthews' correlation (1975, for more classes Gorodkin, 2004) is 0 where all
    labels or all predictions are of one class, as it is undefined there.
    """
    from sklearn import metrics

    if metric == "accuracy":
        return float(metrics.accuracy_score(labels, predictions))
    if metric == "macro_f1":
        return float(metrics.f1_score(labels, predictions, average="macro", zero_division=0))
    if metric == "f1":
        return float(metrics.f1_score(labels == 1, predictions == 1, zero_division=0))
    if metric == "matthews":
        # scikit-learn returns 0 too, but warns where both are of one class.
        if np.ptp(labels) == 0 or np.ptp(predictions) == 0:
            return 0.0
        return float(metrics.matthews_corrcoef(labels, predictions))
    raise ValueError(f"unknown metric {metric}")


def confusion(labels: np.ndarray, predictions: np.ndarray, classes: int) -> list[list[int]]:
    """Return how many examples of each class (rows) were predicted as each class (columns), `classes` by `classes`."""
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(labels, predictions, labels=range(classes)).tolist()
