"""Places for the names beside points of a figure, where they hide neither each other nor what is drawn."""

from collections.abc import Iterable
from itertools import pairwise

# Pixels: of a letter at 12 points, of a line, from a point to its name, from a point to its edge.
LETTER, LINE, GAP, RADIUS = 6.8, 14, 10, 6
# Left, top, right and bottom, in pixels from the upper left corner of the plot.
Box = tuple[float, float, float, float]
Point = tuple[float, float]


def place_labels(
    points: list[Point], texts: list[str], drawn: list[Box], size: tuple[float, float]
) -> list[tuple[float, float, str]]:
    """Return for each text its offset from its point (right, down) and its alignment, one after the other.

    `drawn` are the boxes of what is drawn beside the points, in a plot of `size` (width, height). Of the places left
    and right of a point the one that hides least is taken, the nearest of equal ones.
    """
    taken = drawn + [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in points]
    offsets = [(GAP * side, LINE / 2 * row) for row in range(-12, 13) for side in (1, -1)]
    offsets.sort(key=lambda offset: abs(offset[1]))
    places = []
    for (x, y), text in zip(points, texts, strict=True):
        boxes = [text_box(x + dx, y + dy, dx > 0, len(text)) for dx, dy in offsets]
        best = min(range(len(boxes)), key=lambda place: hidden(boxes[place], taken, size) + abs(offsets[place][1]))
        taken.append(boxes[best])
        dx, dy = offsets[best]
        places.append((dx, dy, "left" if dx > 0 else "right"))
    return places


def bar_boxes(across: Iterable[float], tops: Iterable[float], bottoms: Iterable[float]) -> list[Box]:
    """Return the boxes of vertical bars."""
    return [(x - 1, top, x + 1, bottom) for x, top, bottom in zip(across, tops, bottoms, strict=True)]


def step_boxes(points: list[Point]) -> list[Box]:
    """Return the boxes of a line from point to point, first to the right, then up or down."""
    boxes = []
    for (x, y), (next_x, next_y) in pairwise(sorted(points)):
        boxes.append((x, y - 1, next_x, y + 1))
        boxes += bar_boxes([next_x], [min(y, next_y)], [max(y, next_y)])
    return boxes


def text_box(x: float, y: float, rightwards: bool, letters: int) -> Box:
    """Return the box of a text beside a point, which is the middle of its left, or else of its right edge."""
    left = x if rightwards else x - LETTER * letters
    return left, y - LINE / 2, left + LETTER * letters, y + LINE / 2


def hidden(box: Box, taken: list[Box], size: tuple[float, float]) -> float:
    """Return how many square pixels of a box lie on taken ones; those outside the plot count ten times."""
    outside = overlap(box, box) - overlap(box, (0, 0, *size))
    return 10 * outside + sum(overlap(box, other) for other in taken)


def overlap(one: Box, other: Box) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across * down if across > 0 and down > 0 else 0
