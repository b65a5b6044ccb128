"""What the table says of the best and what Compare says of a pair never contradict one another."""

from __future__ import annotations

import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tia2.evaluation.comparing.simultaneous import LEVEL

BOARDS = 200


def random_board(mini_board: Any, seed: int) -> Any:
    """A board of made-up entries on the prompts of the miniature benchmark; junk joins some."""
    rng = np.random.default_rng([11, seed])
    models, variants = int(rng.integers(2, 10)), int(rng.integers(1, 4))
    quality = rng.normal(scale=0.05, size=models).repeat(variants)
    if rng.random() < 0.5:
        quality[-variants * (models // 2) :] -= 0.3
    rows = len(quality)
    prompts = mini_board.figures.shape[1]
    shared, of_model = rng.normal(scale=0.15, size=prompts), rng.normal(scale=0.1, size=(models, prompts))
    figures = 0.75 + quality[:, None] + shared + of_model.repeat(variants, axis=0)
    figures = np.clip(figures + rng.normal(scale=0.05, size=(rows, prompts)), 0, 1)
    board = copy.copy(mini_board)
    board.__dict__.pop("ranked", None)
    board.entries = tuple(
        replace(mini_board.entries[0], id=f"e{row}", key=f"{seed}-{row}", model=f"m{row // variants}")
        for row in range(rows)
    )
    board.positions = {entry.id: row for row, entry in enumerate(board.entries)}
    board.figures = np.repeat(figures[:, :, None], len(board.metrics), axis=2)
    board.estimates = np.full((rows, *mini_board.estimates.shape[1:]), np.nan)
    kept: dict[str, Any] = {}

    def arrays(key: Any, make: Any) -> Any:
        if repr(key) not in kept:
            kept[repr(key)] = make()
        return kept[repr(key)]

    board.index = SimpleNamespace(arrays=arrays, resamples=200)
    for scope_number, scope in enumerate(board.scopes):
        strata = board.strata(range(rows), scope, "auroc")
        mean = np.mean([part.figures.mean(axis=1) for part in strata], axis=0)
        board.estimates[:, scope_number, :, 0] = mean[:, None]
    return board


@pytest.mark.parametrize("part", range(4))
def test_table_and_compare_agree_on_random_boards(mini_board, part):
    claims = silent = 0
    for seed in range(part, BOARDS, 4):
        board = random_board(mini_board, seed)
        scope = board.scopes[seed % len(board.scopes)]
        standing = board.standing(scope, "auroc")
        best = board.entries[int(np.flatnonzero(standing.rank == 1)[0])]
        for row, entry in enumerate(board.entries):
            if entry.id == best.id:
                assert standing.like_best(row)
                continue
            p = board.p_worse(best.id, entry.id, scope, "auroc")
            assert p == board.p_worse(entry.id, best.id, scope, "auroc")
            assert p == standing.p_best[row]
            assert standing.like_best(row) == (p > LEVEL)
            claims, silent = claims + (p <= LEVEL), silent + (p > LEVEL)
    assert claims > 100
    assert silent > 100


def test_models_are_ranked_by_their_best_entry(mini_board):
    for scope in mini_board.scopes:
        standing = mini_board.standing(scope, "auroc")
        best = {}
        for row in sorted(mini_board.ranked, key=lambda row: standing.rank[row]):
            best.setdefault(mini_board.entries[row].model, row)
        assert [standing.model_rank[row] for row in best.values()] == list(range(1, len(best) + 1))
        others = set(range(len(mini_board))) - set(best.values())
        assert {int(standing.model_rank[row]) for row in others} == {0}
        for row in best.values():
            assert standing.model_low[row] <= standing.model_rank[row] <= standing.model_high[row]


def test_upper_bounds_can_be_compared(mini_board):
    bound = next(entry for entry in mini_board.entries if entry.upper_bound)
    for other in ("mini-web", "mini-strong"):
        assert 0 < mini_board.p_worse(bound.id, other, "overall", "auroc") <= 1
