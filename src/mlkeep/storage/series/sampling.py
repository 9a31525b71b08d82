"""As many points of a series as were asked for, as MLflow chooses them."""

from __future__ import annotations

import numpy as np

from mlkeep.storage.series.points import Points


def sampled(points: Points, steps: tuple[int, int] | None, limit: int) -> Points:
    """`limit` of the points whose step lies in `steps` (both ends count), or all of them if there are no more.

    `points` are distinct and by step, and so is what is given. They fall into `limit` parts, the first of which may have
    one point more than the others. The first point of each part but the last is taken, and the last point of all.
    """
    if steps is not None:
        points = between_steps(points, steps)
    n = len(points)
    if n <= limit:
        return points
    parts = np.arange(limit - 1)
    size, longer = divmod(n, limit)
    return points[np.append(parts * size + np.minimum(parts, longer), n - 1)]


def between_steps(points: Points, steps: tuple[int, int]) -> Points:
    """Those of points by step that lie between two steps; both ends count."""
    begin, end = (np.int64(step) for step in steps)
    return points[slice(np.searchsorted(points.steps, begin), np.searchsorted(points.steps, end, side="right"))]
