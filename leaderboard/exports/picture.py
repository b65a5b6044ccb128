"""The board's intervals as a picture for a paper or a talk."""

from __future__ import annotations

import io

from tia2.errors import LeaderboardError
from tia2.figures.picture import save_picture
from tia2.figures.spec import FigureSpec
from tia2.figures.text import clean

from ..data.board import Board
from ..plots.forest import forest_panel
from ..plots.rows import title_of, where
from .facts import SIMULATED, provenance


def to_picture(ending: str, board: Board, scope: str, metric: str, page: str = "") -> bytes:
    """Return the forest plot as a file, with title, benchmark, subset, date and where it is from.

    Args:
        ending: svg, pdf or png.
        board: The board.
        scope: One of its scopes.
        metric: One of the metrics.
        page: Address of the board's page, if known.

    Raises:
        UnknownNameError: The board has no such scope or metric.
        LeaderboardError: There is nothing to draw.
    """
    panel = forest_panel(board, scope, metric)
    if panel is None:
        raise LeaderboardError("There is no complete entry to draw yet.")
    facts = provenance(board, scope, metric, page)
    simulated = " The votes are simulated." if facts["votes"] == SIMULATED else ""
    note = (
        f"Means over prompts with 95 % intervals; ≈ not separable from the best at 5 %, corrected.{simulated} "
        f"{facts['date']}, tia2 {facts['tia2_version']}, items {facts['benchmark_fingerprint'][:8]}, "
        f"votes {facts['votes_fingerprint'][:8]}. {facts['permalink']}"
    )
    title = f"{clean(board.benchmark.title)}: agreement with people, {title_of(metric)} {where(scope)}"
    sink = io.BytesIO()
    save_picture(FigureSpec(title, [panel], note), sink, suffix=f".{ending}")
    return sink.getvalue()
