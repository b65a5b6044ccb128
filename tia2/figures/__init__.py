"""Figures as data, drawn twice: as a picture (PNG) and as a page to explore (HTML)."""

from __future__ import annotations

from tia2.figures.spec import Curve, Curves, Dot, Dots, Figure, Heatmap, Point, Points
from tia2.figures.writing import write

__all__ = ["Curve", "Curves", "Dot", "Dots", "Figure", "Heatmap", "Point", "Points", "write"]
