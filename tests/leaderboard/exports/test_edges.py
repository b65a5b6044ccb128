"""Boards that lack something: entries, people, ranks, subsets, or a model behind an entry."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from tia2.leaderboard import exports, plots


def made(board, entries=None, **changes):
    """A copy of a board with other entries: positions, or pairs of a position and what to change."""
    new = copy.copy(board)
    new.__dict__.pop("ranked", None)
    new._remembered = {}
    for name, value in changes.items():
        setattr(new, name, value)
    if entries is not None:
        places = [place for place, _ in entries]
        new.entries = tuple(replace(board.entries[place], **change) for place, change in entries)
        new.positions = {entry.id: number for number, entry in enumerate(new.entries)}
        for name in ("estimates", "counts", "figures"):
            setattr(new, name, getattr(board, name)[places])
    return new


@pytest.fixture(
    params=["no entries", "one entry", "nobody ranked", "not complete", "published", "no people", "unknown figures"]
)
def odd_board(request, mini_board):
    published = {
        "listing": None,
        "calibration": None,
        "source": "https://arxiv.org/abs/1",
        "chips": ("raw", "as published"),
    }
    partial = [(n, {"coverage": 0.5, "chips": ("raw", "not complete"), "key": f"partial-{n}"}) for n in range(3)]
    estimates = mini_board.estimates.copy()
    estimates[3:9] = np.nan
    return {
        "no entries": lambda: made(mini_board, []),
        "one entry": lambda: made(mini_board, [(0, {})]),
        "nobody ranked": lambda: made(mini_board, [(3, {}), (10, {})]),
        "not complete": lambda: made(mini_board, [*partial, (7, {}), (8, {})]),
        "published": lambda: made(mini_board, [(0, published), (7, published), (10, published)]),
        "no people": lambda: made(mini_board, people=None),
        "unknown figures": lambda: made(mini_board, estimates=estimates),
    }[request.param]()


def test_every_figure_and_export_copes(odd_board):
    for name in ("forest", "critical_difference", "cost", "arrows"):
        getattr(plots, name)(odd_board, "overall", "auroc")
        assert getattr(plots, f"{name}_words")(odd_board, "overall", "auroc").strip()
    ids = [entry.id for entry in odd_board.entries]
    plots.categories(odd_board, "auroc", ids)
    assert plots.categories_words(odd_board, "auroc", ids).strip()
    assert exports.to_csv(odd_board, "overall", "auroc").count("\n") >= 1 + len(odd_board)
    assert exports.to_latex(odd_board, "overall", "auroc").endswith("\\end{table}\n")
    assert exports.to_json(odd_board).endswith("}\n")
    assert exports.to_bibtex(odd_board)
    assert "</html>" in exports.static_html(odd_board)


def test_what_is_not_complete_is_shown_without_a_rank(mini_board):
    partial = {"coverage": 0.5, "chips": ("raw", "not complete"), "key": "partial"}
    board = made(mini_board, [(0, partial), (7, {}), (8, {})])
    name = board.entries[0].name
    assert name not in str(plots.forest(board, "overall", "auroc").layout.yaxis.ticktext)
    assert f"& {name} &" not in exports.to_latex(board, "overall", "auroc")
    row = next(line for line in exports.to_csv(board, "overall", "auroc").splitlines() if '"not complete"' in line)
    assert f'"{name}","not complete"' in row
    assert ',"","","",' in row
