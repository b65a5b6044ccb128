"""A store that was filled before a metric was added: the board shows the metric, and what is older has no figure."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import tia2
from tia2.errors import ResultError, UnknownNameError
from tia2.evaluation import METRICS
from tia2.leaderboard import Board, Store
from tia2.leaderboard.exports import static_html, to_csv, to_json, to_latex
from tia2.leaderboard.plots import forest, forest_words
from tia2.leaderboard.views.board_table import column_titles, sort_titles
from tia2.leaderboard.views.formats import NO_VALUE
from tia2.leaderboard.views.model_table import model_table

OLD_STORE = Path(__file__).resolve().parents[2] / "historic" / "v0.1" / "store"
PUBLISHED = "theirs-as-published"
BOUND = "theirs-textnorm-as-published-oracle-upper-bound"
TITLE = "Human score of the best"


def best(labels, human_scores, values, mask):
    """Human score of the item with the highest value."""
    shown = values if mask is None else np.where(mask, values, -np.inf)
    return human_scores[np.arange(len(values)), shown.argmax(axis=1)]


def register():
    tia2.register_metric("best", title=TITLE, definition="Human score of the item with the highest value.")(best)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(shutil.copytree(OLD_STORE, tmp_path_factory.mktemp("old") / "store"))


@pytest.fixture(scope="module")
def before(store):
    """The board as it was loaded before the metric was registered."""
    return Board.load(store, "small")


@pytest.fixture(scope="module")
def board(store, before):
    register()
    yield Board.load(store, "small")
    METRICS.unregister("best")


def test_every_entry_of_a_score_table_has_the_new_figure(board):
    assert board.problems == {}
    assert board.metrics[-1] == "best"
    means = dict(zip([entry.id for entry in board.entries], board.estimate("overall", "best"), strict=True))
    assert {name for name, mean in means.items() if np.isnan(mean)} == {PUBLISHED, BOUND}
    table = board.index.store.table(board.entry("mini-strong").listing.tables[0])
    assert means["mini-strong"] == pytest.approx(tia2.evaluate(table).overall.metrics["best"].mean, rel=0, abs=1e-12)


def test_every_other_figure_is_what_it_was(before, board):
    assert [entry.id for entry in board.entries] == [entry.id for entry in before.entries]
    np.testing.assert_allclose(board.estimates[:, :, :-1], before.estimates, rtol=0, atol=1e-12)
    np.testing.assert_allclose(board.figures[:, :, :-1], before.figures, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scope", ["overall", "counting"])
def test_the_table_shows_no_value(board, cells, scope):
    texts = cells(board, scope, "best", columns=list(column_titles(board)))
    rows = {row["id"]: row for row in model_table(board, scope, "best", {})["rows"]}
    for name in (PUBLISHED, BOUND):
        assert {texts[name][heading] for heading in (*board.scopes, "pooled", "against the best")} == {NO_VALUE}
        assert texts[name]["AUROC"] != NO_VALUE
        assert (rows[name]["rank"], rows[name]["ranks"], rows[name]["bar"]) == (NO_VALUE, NO_VALUE, None)
    assert [row["rank"] for row in rows.values()] == ["1", "2", "3", NO_VALUE, NO_VALUE]
    standing = board.standing(scope, "best")
    assert np.count_nonzero(standing.rank) == len(board.ranked) - 1
    beside = cells(board, scope, "auroc", columns=["best"], sort="best")
    assert list(beside)[-2:] == [PUBLISHED, BOUND], "what has no value comes last"
    assert beside[PUBLISHED][TITLE] == NO_VALUE


def test_files_show_no_value(board):
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(to_csv(board, "overall", "best")))}
    assert (rows[PUBLISHED]["rank"], rows[PUBLISHED]["mean"], rows[PUBLISHED]["pooled"]) == ("", "", "")
    assert float(rows["mini-strong"]["mean"]) > 0
    entries = {entry["id"]: entry for entry in json.loads(to_json(board))["entries"]}
    figures = entries[PUBLISHED]["subsets"]["overall"]["metrics"]
    assert figures["best"]["mean"] is None
    assert figures["auroc"]["mean"] > 0
    lines = to_latex(board, "overall", "best").splitlines()
    (line,) = [line for line in lines if line.startswith("-- & Theirs (as published) &")]
    assert line == r"-- & Theirs (as published) & -- & -- \\"
    page = static_html(board, "best")
    (row,) = re.findall(r'<tr data-name="theirs \(as published\)">.*?</tr>', page)[:1]
    assert row.count(f'<td data-value="">{NO_VALUE}</td>') == 3, "rank, figure and pooled"
    assert row.count("<td") == 3 + len(METRICS)


def test_figures_are_drawn_without_it(board):
    drawn = json.dumps(forest(board, "overall", "best").to_plotly_json(), default=str)
    assert "mini-strong" in drawn
    assert "Theirs (as published)" not in drawn
    assert forest_words(board, "overall", "best")


def test_comparing_says_in_one_sentence_what_is_missing(board):
    with pytest.raises(ResultError, match=r"^Theirs .*has no best: it was made by tia2 .*\.$") as problem:
        board.compare("mini-strong", PUBLISHED, "best")
    assert str(problem.value).count(". ") == 0
    assert board.compare("mini-strong", PUBLISHED, "kendall").main.difference > 0


def test_a_board_keeps_the_metrics_that_it_was_loaded_with(before, board):
    assert "best" in METRICS
    assert "best" not in column_titles(before)
    assert "best" not in sort_titles(before)
    assert board.metric_titles["best"] == column_titles(board)["best"] == TITLE
    assert len(to_csv(before).splitlines()) < len(to_csv(board).splitlines())
    with pytest.raises(UnknownNameError, match="best"):
        model_table(before, "overall", "best", {})
