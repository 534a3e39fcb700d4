"""The direction along which points fall into two groups: projection pursuit (Friedman & Tukey, 1974).

A projection with two humps of like size has a small kurtosis, 1 at the least, where a normal one has 3: the direction
of least kurtosis separates two groups (Peña & Prieto, 2001, "Cluster identification using projections").
"""

import numpy as np

from bitsweep.seeding import generator

# There are STARTS random starts, among the FIRST leading columns: with more columns, ever more starts would end in a
# minimum that is not the least one.
STARTS, FIRST = 8, 8
# A search takes at most STEPS steps, which have the length STEP at first. It ends when a direction turns by less than
# TURN in a step.
STEPS, STEP, TURN = 400, 0.05, 1e-9


def two_humped(points: np.ndarray, seed: int) -> np.ndarray:
    """Return the direction of least kurtosis, a unit vector of shape (size,) whose largest entry is positive.

    `points`, of shape (points, size), are whitened: they have standard deviation 1 in every direction. Before that they
    varied most in the first columns, so the search begins among these, and widens to twice as many until it has all.
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
    """Return a unit vector of least kurtosis near `direction`, found along the gradient on the sphere."""
    step, projected = STEP, points @ direction
    kurtosis = (projected**4).mean()
    for _ in range(STEPS):
        moved = direction - step * (projected**3 @ points / len(points) - 3 * direction)
        moved /= np.linalg.norm(moved)
        projected_there = points @ moved
        if (found := (projected_there**4).mean()) > kurtosis:
            # The step went past the minimum, as happens where a few points lie far out.
            step /= 2
            continue
        if moved @ direction > 1 - TURN and step == STEP:
            return moved
        direction, projected, kurtosis, step = moved, projected_there, found, min(STEP, 2 * step)
    return direction
