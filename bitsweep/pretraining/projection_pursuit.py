"""The direction along which points fall into two groups: projection pursuit (Friedman & Tukey, 1974).

A projection with two humps of like size has a small kurtosis, 1 at the least, where a normal one has 3: the direction
of least kurtosis tells two groups apart (Peña & Prieto, 2001, "Cluster identification using projections").
"""

import numpy as np

from bitsweep.seeding import generator

# Random starts, among so many leading columns: with more columns ever more of them end in a lesser minimum.
STARTS, FIRST = 8, 8
# Steps of a search at most, and their length at first; a direction that turns by less in a step has been found.
STEPS, STEP, TURN = 400, 0.05, 1e-9


def two_humped(points: np.ndarray, seed: int) -> np.ndarray:
    """The direction of least kurtosis, a unit vector of shape (size,) whose largest entry is positive.

    `points`, of shape (points, size), vary by 1 in every direction, as whitened ones do, and more in earlier columns
    before that: the search begins among the first ones and goes on among twice as many, until it has all.
    """
    size = min(FIRST, points.shape[1])
    starts = generator(seed, "pursuit").standard_normal((STARTS, size))
    found = [descend(points[:, :size], start / np.linalg.norm(start)) for start in starts]
    direction = min(found, key=lambda each: float(((points[:, :size] @ each) ** 4).mean()))
    while size < points.shape[1]:
        size = min(2 * size, points.shape[1])
        direction = descend(points[:, :size], np.pad(direction, (0, size - len(direction))))
    return direction * np.sign(direction[np.abs(direction).argmax()])


def descend(points: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """From a unit vector to one of least kurtosis near it, along the gradient on the sphere."""
    step, projected = STEP, points @ direction
    kurtosis = (projected**4).mean()
    for _ in range(STEPS):
        moved = direction - step * (projected**3 @ points / len(points) - 3 * direction)
        moved /= np.linalg.norm(moved)
        projected_there = points @ moved
        if (found := (projected_there**4).mean()) > kurtosis:
            # Past the goal, as where a few points lie far out.
            step /= 2
            continue
        if moved @ direction > 1 - TURN and step == STEP:
            return moved
        direction, projected, kurtosis, step = moved, projected_there, found, min(STEP, 2 * step)
    return direction
