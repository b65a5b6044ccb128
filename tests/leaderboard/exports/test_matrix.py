"""Every model on every benchmark."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from tia2.leaderboard.exports.matrix import MatrixFigure, by_model, headers, matrix, overall_of

NORMAL = 1.959964


def test_overall_is_the_mean_with_independent_errors():
    cells = [MatrixFigure(m, m - NORMAL * error, m + NORMAL * error) for m, error in ((0.7, 0.03), (0.9, 0.04))]
    overall = overall_of(cells, 2)
    assert overall.mean == pytest.approx(0.8)
    assert overall.high - overall.mean == pytest.approx(NORMAL * 0.05 / 2)
    rng = np.random.default_rng(0)
    drawn = (rng.normal(0.7, 0.03, 200_000) + rng.normal(0.9, 0.04, 200_000)) / 2
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx([overall.low, overall.high], abs=5e-4)
    assert math.isnan(overall_of(cells[:1], 2).mean)
    assert overall_of(cells[:1], 1).text == "—"


def test_models_on_two_benchmarks(mini_board):
    """A second benchmark that lacks one of the models, and says the opposite of the others."""
    keep = [position for position in mini_board.ranked if mini_board.entries[position].name != "mini-web"]

    def estimate(scope, metric, what="mean"):
        return 1 - mini_board.estimate(scope, metric, {"low": "high", "high": "low"}.get(what, what))

    facts = ("entries", "usual_scope", "usual_metric", "metric_titles", "benchmark")
    known = {name: getattr(mini_board, name) for name in facts}
    other = SimpleNamespace(**known, ranked=np.array(keep), estimate=estimate)
    boards = {"mini": mini_board, "other": other}
    rows = matrix(boards)
    assert {row.entry for row in rows} == {mini_board.entries[position].name for position in mini_board.ranked}
    by_name = {row.entry: row for row in rows}
    strong = by_name["mini-strong"]
    position = mini_board.positions["mini-strong"]
    mean = mini_board.estimate(mini_board.usual_scope, "auroc")[position]
    assert [cell.mean for cell in strong.cells] == pytest.approx([mean, 1 - mean])
    assert strong.overall.mean == pytest.approx(0.5)
    assert rows[-1].entry == "mini-web"
    assert (rows[-1].cells[1].text, rows[-1].overall.text) == ("—", "—")
    assert headers(boards)[1].endswith("(AUROC, simulated votes)")


def test_the_tab(mini_board):
    pytest.importorskip("gradio")
    from tia2.leaderboard.pages.tabs.benchmarks import matrix_html

    alone = matrix_html(SimpleNamespace(boards={"mini": mini_board}))
    assert "This leaderboard has one benchmark." in alone
    both = matrix_html(SimpleNamespace(boards={"mini": mini_board, "again": mini_board}))
    assert both.count("mini-strong") >= 1
    shown = both[both.index("<tbody>") :]
    models = {entry.listing.card.name for entry in mini_board.entries if entry.ranked}
    assert shown.count('<tr class="tia2-model">') == len(models), "variants are folded under their model"
    assert "?benchmark=again&amp;entry=mini-strong" in shown, "a figure leads to the entry on that benchmark"
    assert "each benchmark counted alike" in both


def test_figures_on_different_benchmarks_are_not_compared(mini_board):
    """Without an entry on both, all of the first benchmark stand before those of the second, whatever their figures."""
    middle = len(mini_board.ranked) // 2
    halves = (mini_board.ranked[middle:], mini_board.ranked[:middle])
    facts = ("entries", "usual_scope", "usual_metric", "metric_titles", "benchmark", "estimate")
    same = {name: getattr(mini_board, name) for name in facts}
    rows = matrix({name: SimpleNamespace(**same, ranked=half) for name, half in zip("ab", halves, strict=True)})
    on_first = [not math.isnan(row.cells[0].mean) for row in rows]
    assert on_first == sorted(on_first, reverse=True)
    assert on_first.count(True) == len(halves[0])
    assert [[bool(name) for name in row.ids] for row in rows] == [[first, not first] for first in on_first]
    groups = by_model(rows)
    assert [row.entry for row in groups[0]] == [row.entry for row in rows if row.model == rows[0].model]
