"""What the analysis of several benchmarks says and draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tia2.figures import FigureSpec, Forest, ForestMark, Heatmap, Series
from tia2.figures.forest import ReferenceLine

if TYPE_CHECKING:
    import pandas as pd

DRAWN = 20
"""Pairs of models that the forest shows, those that benchmarks settle first."""
FEWEST_SETTLED = 3
"""Differences settled on a benchmark from which on a sentence says what became of them on another."""
TOGETHER, NEXT = "all benchmarks together", "a next benchmark"


def findings_of(frame: pd.DataFrame, title: str) -> list[str]:
    """Return sentences, the most important first.

    Args:
        frame: Table of the analysis.
        title: Name of the metric.
    """
    return [*_differences(frame, title), *_ranks(frame), *_predictions(frame)]


def _differences(frame: pd.DataFrame, title: str) -> list[str]:
    rows = frame[frame["question"] == "difference"]
    where = f"{len(rows)} pair{'s' * (len(rows) != 1)} of models that benchmarks share"
    certain = rows[(rows["low"] > 0) | (rows["high"] < 0)]
    against = rows[rows["against"] > 0]
    sentences = [
        f"Of {where}, {len(certain)} {_verb(len(certain), 'differ', 'differs')} in {title} over all benchmarks "
        f"together, and {len(against)} {_verb(len(against), 'are', 'is')} settled one way on a benchmark and the other "
        "way on another."
    ]
    for _, row in against.iterrows():
        sentences.append(f"{row['a']} and {row['b']} change places: {row['each']}.")
    varied = rows[rows["p"] < 0.05]
    if len(rows):
        sentences.append(
            f"{len(varied)} of the {len(rows)} {_verb(len(varied), 'differ', 'differs')} more between benchmarks than "
            "chance explains (Cochran's Q, p < 0.05)."
        )
    predicted = rows.dropna(subset="predicted_low")
    if len(predicted):
        sure = ((predicted["predicted_low"] > 0) | (predicted["predicted_high"] < 0)).sum()
        sentences.append(
            f"{sure} of the {len(predicted)} on three benchmarks or more {_verb(sure, 'are', 'is')} predicted to come "
            "out the same way on a next one."
        )
    return sentences


def _verb(number: float, several: str, single: str) -> str:
    return single if round(number) == 1 else several


def _ranks(frame: pd.DataFrame) -> list[str]:
    return [
        f"{row['a']} and {row['b']} rank {row['models']:.0f} models with Kendall's τ {row['value']:.2f} "
        f"({row['low']:.2f} to {row['high']:.2f})."
        for _, row in frame[frame["question"] == "ranks"].iterrows()
    ]


def _predictions(frame: pd.DataFrame) -> list[str]:
    rows = frame[(frame["question"] == "prediction") & (frame["settled"] >= FEWEST_SETTLED)]
    return [
        f"Of {row['settled']:.0f} differences settled on {row['a']}, {row['value'] * row['settled']:.0f} "
        f"{_verb(row['value'] * row['settled'], 'have', 'has')} the same sign on {row['b']}, and {row['against']:.0f} "
        f"{_verb(row['against'], 'are', 'is')} settled the other way there."
        for _, row in rows.iterrows()
    ]


def figure_of(frame: pd.DataFrame, title: str, models: Sequence[str], benchmarks: Sequence[str]) -> FigureSpec:
    """Return the map of figures beside the forest of differences.

    Args:
        frame: Table of the analysis.
        title: Name of the metric.
        models: Names of the shared models.
        benchmarks: Names of the benchmarks.
    """
    figures = frame[frame["question"] == "figure"].set_index(["a", "b"])["value"].to_dict()
    cells = [[figures.get((model, benchmark), np.nan) for benchmark in benchmarks] for model in models]
    middle = float(np.nanmean(cells))
    reach = float(np.nanmax(np.abs(np.array(cells) - middle))) or 1.0
    texts = [["" if np.isnan(cell) else f"{cell:.3f}" for cell in row] for row in cells]
    panels: list[Heatmap | Forest] = [
        Heatmap(title, list(models), list(benchmarks), cells, texts, (middle - reach, middle + reach))
    ]
    rows = frame[(frame["question"] == "difference") & frame["low"].notna()]
    rows = rows.assign(size=rows["value"].abs()).sort_values(["settled", "size"], ascending=False, kind="stable")
    marks = []
    for _, row in rows.head(DRAWN).iterrows():
        key = f"{row['a']} - {row['b']}"
        hover = f"{key}: {row['value']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f}); {row['each']}"
        marks.append(ForestMark(key, Series(TOGETHER), row["value"], row["low"], row["high"], hover=hover))
        if not np.isnan(row["predicted_low"]):
            ends = row["predicted_low"], row["predicted_high"]
            marks.append(ForestMark(key, Series(NEXT, hollow=True, symbol="diamond"), row["value"], *ends, hover=hover))
    if marks:
        panels.append(Forest("differences", f"{title}: first less second", marks, references=[ReferenceLine("", 0.0)]))
    return FigureSpec(
        "What benchmarks say about the models that they share",
        panels,
        "Differences are combined by a random-effects model over benchmarks (Paule-Mandel, Hartung-Knapp); where a "
        "next benchmark's true difference is predicted to lie is shown from three benchmarks on.",
    )
