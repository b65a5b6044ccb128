"""Comparing two entries."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import parse_qsl

import numpy as np
import pytest

import tia2
from tia2.errors import LeaderboardError, UnknownNameError
from tia2.leaderboard.views import pairs as pairing

A, B = "mini-strong~textnorm", "mini-vivid"


def test_the_comparison_is_that_of_the_results_and_made_once(mini_board):
    found = pairing.comparison(mini_board, A, B, "auprc")
    alone = tia2.compare(mini_board.result(A), mini_board.result(B), "auprc")
    assert found.model_dump(exclude={"differences"}) == alone.model_dump(exclude={"differences"})
    for row, expected in zip(found.differences, alone.differences, strict=True):
        assert row.model_dump(exclude={"adjusted"}) == expected.model_dump(exclude={"adjusted"})
        assert row.adjusted == mini_board.p_worse(A, B, row.subset, "auprc")
        # Single precision may move one resample.
        assert row.adjusted >= row.p - 2 / found.resamples
    assert pairing.comparison(mini_board, A, B, "auprc") is found
    assert pairing.comparison(mini_board, A, B, "auroc").metric == "auroc"
    assert pairing.comparison(mini_board, B, A, "auprc").main.difference == pytest.approx(-found.main.difference)


def test_what_cannot_be_compared_is_said(mini_board):
    with pytest.raises(LeaderboardError, match="two different entries"):
        pairing.comparison(mini_board, A, A, "auroc")
    with pytest.raises(UnknownNameError, match="Unknown entry 'nobody'"):
        pairing.comparison(mini_board, "nobody", A, "auroc")
    with pytest.raises(UnknownNameError, match="Unknown metric"):
        pairing.comparison(mini_board, A, B, "<b>")


def test_the_table_holds_the_differences(mini_board):
    found = pairing.comparison(mini_board, A, B, "auroc")
    table = pairing.differences_sheet(found)
    assert [row[0] for row in table.values] == ["comprehensive", "counting", "composition", "overall"]
    for row, texts, one in zip(table.values, table.texts, found.differences, strict=True):
        assert row[1:4] == [one.a, one.b, one.difference]
        assert texts[3:5] == [f"{one.difference:+.3f}", f"{one.low:+.3f} to {one.high:+.3f}"]
        assert row[5:] == [one.p, one.adjusted, one.probability, one.wins, one.losses, one.prompts]


@pytest.mark.parametrize("count", [3, 10, 1000])
def test_disagreements_each_way(mini_board, count):
    found = pairing.comparison(mini_board, A, B, "auroc")
    used = mini_board.prompts["used"].to_numpy()
    figures = mini_board.figures[:, :, 0]
    gaps = (figures[mini_board.positions[A]] - figures[mini_board.positions[B]])[used]
    ahead, behind = pairing.disagreements(found, count)
    np.testing.assert_allclose([row[1] for row in ahead.values], np.sort(gaps[gaps > 0])[::-1][:count], rtol=0, atol=0)
    np.testing.assert_allclose([row[1] for row in behind.values], np.sort(gaps[gaps < 0])[:count], rtol=0, atol=0)
    for row in (*ahead.values, *behind.values):
        assert row[2] - row[3] == row[1]


def test_one_subset_alone_has_its_own_prompts_and_difference(mini_board):
    whole = pairing.comparison(mini_board, A, B, "auroc")
    part = pairing.in_scope(whole, "counting", mini_board)
    assert part.main == next(row for row in whole.differences if row.subset == "counting")
    assert part.prompts == [prompt for prompt in whole.prompts if prompt["subset"] == "counting"]
    assert len(part.prompts) == part.main.prompts
    assert pairing.in_scope(whole, "overall", mini_board) is whole
    with pytest.raises(LeaderboardError, match="no prompt in nowhere"):
        pairing.in_scope(whole, "nowhere", mini_board)


def test_a_prompt_leads_to_the_images_of_the_entry_that_does_worse(mini_board):
    whole = pairing.comparison(mini_board, A, B, "auroc")
    for sheet, worse, better in zip(pairing.disagreements(whole), (B, A), (A, B), strict=True):
        prompt = whole.prompts[int(sheet.ids[0])]
        assert prompt["prompt"] == sheet.texts[0][0]
        asked = dict(parse_qsl(pairing.prompt_door(mini_board, prompt, A, B).lstrip("?")))
        assert asked == {
            "benchmark": "mini", "tab": "items", "prompt": prompt["prompt_id"], "ie": worse, "order": "disagreement",
            "with": better,
        }  # fmt: skip


def test_suggested_are_the_best_and_the_best_of_another_model(mini_board):
    first, second = pairing.suggested(mini_board)
    means = dict(zip((entry.id for entry in mini_board.entries), mini_board.estimate("overall", "auroc"), strict=True))
    ranked = [entry for entry in mini_board.entries if entry.ranked]
    assert first == max(ranked, key=lambda entry: means[entry.id]).id
    model = first.partition("~")[0]
    assert second == max((one for one in ranked if one.id.partition("~")[0] != model), key=lambda one: means[one.id]).id


def test_only_complete_entries_are_offered(mini_board):
    entries = [replace(mini_board.entries[0], coverage=0.5), *mini_board.entries[1:]]
    assert pairing.comparable(SimpleNamespace(entries=entries)) == entries[1:]


def test_entries_of_one_name_are_told_apart(mini_board):
    one, two = mini_board.entries[:2]
    twins = [replace(one, id="one", name="Twin"), replace(two, id="two", name="Twin"), replace(one, id="x", name="a")]
    assert pairing.choices(twins) == [("a", "x"), ("Twin (one)", "one"), ("Twin (two)", "two")]
