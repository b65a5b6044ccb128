"""Labels of points in a picture can be read."""

from __future__ import annotations

from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from tia2.figures import Scatter, ScatterPoint


@pytest.mark.parametrize(
    "places",
    [
        [(0.5, 0.5)] * 4,
        [(0.9, 0.9), (0.91, 0.9), (0.92, 0.89), (0.1, 0.1)],
        [(0.0, 0.0), (0.01, 0.01), (1.0, 1.0), (0.99, 0.98)],
    ],
)
def test_labels_neither_overlap_nor_leave_the_panel(places):
    canvas = Canvas(figsize=(3.7, 2.9), dpi=140, layout="constrained")
    drawing = FigureCanvasAgg(canvas)
    axes = canvas.subplots()
    points = [ScatterPoint(x, y, "a", "", "mini-strong & mini-web") for x, y in places]
    points += [ScatterPoint(0.0, 0.0, "a", ""), ScatterPoint(1.0, 1.0, "a", "")]
    Scatter("title", "x", "y", points, levels={"level": 0.5}).draw(axes, {"a": "#2f6690"})
    drawing.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == len(places) + 1
    for one, other in combinations(boxes, 2):
        assert not (one.x0 < other.x1 and other.x0 < one.x1 and one.y0 + 2 < other.y1 and other.y0 + 2 < one.y1)
    room = axes.get_window_extent().expanded(1.1, 1.25)
    assert all(room.x0 < box.x0 and box.x1 < room.x1 and room.y0 < box.y0 and box.y1 < room.y1 for box in boxes)
