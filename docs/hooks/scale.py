"""Draw the table of docs/scale.md that says what an evaluation costs, by the number of items: `make pictures`."""

from __future__ import annotations

import math
import re
from pathlib import Path

from tia2.figures import save_figure
from tia2.figures.scatter import Scatter, ScatterPoint
from tia2.figures.spec import FigureSpec

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "scale.md"
ROW = re.compile(r"^\| ([\d, ×and]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", re.MULTILINE)
"""Shape, items, CPU seconds and MiB."""
COSTS = {"CPU seconds": (2, {"120 s": 120.0}), "MiB added": (3, {"2 GiB": 2048.0})}
"""Titles of the panels: which column, and the aim."""


def main() -> None:
    """Refresh the picture."""
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    save_figure(figure(rows), ROOT / "docs" / "images" / "evaluate_scale.png")


def figure(rows: list[tuple[str, ...]]) -> FigureSpec:
    """Return both costs against the number of items, on logarithmic axes."""
    panels = []
    for title, (column, aim) in COSTS.items():
        points = [
            ScatterPoint(_log(row[1]), max(0.0, _log(row[column])), "an evaluation", row[0], row[0]) for row in rows
        ]
        levels = {name: math.log10(height) for name, height in aim.items()}
        panels.append(Scatter(title, "items, power of ten", f"{title}, power of ten", points, levels=levels))
    return FigureSpec("What an evaluation costs, by prompts × items", panels)


def _log(number: str) -> float:
    return math.log10(float(number.replace(",", "")))


if __name__ == "__main__":
    main()
