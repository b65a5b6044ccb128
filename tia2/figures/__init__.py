"""Figures as data, drawn twice in one style: as a picture (PNG, PDF, SVG) and as a page to explore (HTML)."""

from __future__ import annotations

from tia2.figures.curves import Curve, Curves
from tia2.figures.differences import SortedDifferences
from tia2.figures.forest import Forest, ForestMark, ForestRow, ReferenceLine
from tia2.figures.heatmap import Heatmap
from tia2.figures.panel import Series
from tia2.figures.scatter import Scatter, ScatterPoint
from tia2.figures.spec import FigureSpec
from tia2.figures.writing import save_figure, write

__all__ = [
    "Curve",
    "Curves",
    "FigureSpec",
    "Forest",
    "ForestMark",
    "ForestRow",
    "Heatmap",
    "ReferenceLine",
    "Scatter",
    "ScatterPoint",
    "Series",
    "SortedDifferences",
    "save_figure",
    "write",
]  # fmt: skip
