"""CSV and JSON hold the board's numbers exactly, and text that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tia2.errors import UnknownNameError
from tia2.evaluation.metrics import METRICS
from tia2.leaderboard.data.summaries import ESTIMATES
from tia2.leaderboard.exports import to_csv, to_json
from tia2.leaderboard.exports.tables import COLUMNS, DANGEROUS, neutral


def read(text):
    frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    numbers = ("rank", "p_best", *ESTIMATES)
    return frame.assign(**{name: [float(cell or "nan") for cell in frame[name]] for name in numbers})


def test_csv_holds_every_figure_exactly(mini_board):
    frame = read(to_csv(mini_board))
    assert tuple(frame.columns) == COLUMNS
    entries = frame[frame["kind"] != "people"]
    assert len(entries) == len(mini_board) * len(mini_board.scopes) * len(METRICS)
    assert len(frame) - len(entries) == 2 * len(mini_board.scopes) * len(METRICS)
    for scope in mini_board.scopes:
        for metric in METRICS:
            part = entries[(entries["subset"] == scope) & (entries["metric"] == metric)]
            places = [mini_board.positions[name] for name in part["id"]]
            for what in ESTIMATES:
                expected = mini_board.estimate(scope, metric, what)[places]
                np.testing.assert_array_equal(part[what].to_numpy(float), expected)
            standing = mini_board.standing(scope, metric)
            assert part["rank"].fillna(0).tolist() == standing.rank[places].tolist()
            np.testing.assert_array_equal(part["p_best"].to_numpy(float), standing.p_best[places])
            ranks = part["rank"].dropna().tolist()
            assert ranks == sorted(ranks)
    assert set(entries.loc[entries["rank"].isna(), "kind"]) == {"upper bound"}


def test_csv_of_one_scope_and_metric(mini_board):
    frame = read(to_csv(mini_board, "counting", "spearman"))
    assert set(frame["subset"]) == {"counting"}
    assert set(frame["metric"]) == {"spearman"}
    assert frame["kind"].tolist()[-2:] == ["people", "people"]
    people = mini_board.people["counting"]
    assert frame["mean"].tolist()[-2:] == [people.ceiling["spearman"].mean, people.annotator["spearman"].mean]
    with pytest.raises(UnknownNameError, match="Unknown subset 'x'"):
        to_csv(mini_board, "x")
    with pytest.raises(UnknownNameError, match="Unknown metric 'x'"):
        to_csv(mini_board, None, "x")


def test_no_cell_is_a_formula(hostile_board):
    content = to_csv(hostile_board)
    rows = list(csv.reader(io.StringIO(content)))
    assert {len(row) for row in rows} == {len(COLUMNS)}
    seen = {cell for row in rows for cell in row if not re.fullmatch(r"-?[0-9.]+(e-?[0-9]+)?|", cell)}
    assert not [cell for cell in seen if cell.lstrip(" ")[0] in DANGEROUS]
    assert "'=cmd|' /C calc'!A0" in seen
    assert any(cell.startswith("'\t=cmd") for cell in seen)
    # Quoted, so that splitting at other characters opens no cell.
    assert "\"'=cmd" in content


@pytest.mark.parametrize(
    "text",
    ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "＝1", "\x00=1", '=HYPERLINK("http://x")'],
)
def test_formulas_are_neutralised(text):
    assert neutral(text).startswith("'")
    assert neutral(text)[1:] == text.replace("\x00", "")


@pytest.mark.parametrize("text", ["mini-strong", "a=b", "", "'x", "1 - 2", "ρ"])
def test_plain_text_stays(text):
    assert neutral(text) == text


def test_negative_numbers_are_not_text(mini_board):
    import copy

    board = copy.copy(mini_board)
    board.estimates = -mini_board.estimates
    frame = read(to_csv(board, "overall", "auroc"))
    assert (frame[frame["kind"] == "entry"]["mean"] < 0).all()


def forbid(name):
    raise AssertionError(f"{name} is no JSON")


def test_json_is_strict_and_complete(mini_board):
    content = json.loads(to_json(mini_board), parse_constant=forbid)
    assert (content["schema"], content["schema_version"]) == ("tia2-leaderboard", 2)
    assert content["subsets"] == list(mini_board.scopes)
    assert [one["id"] for one in content["entries"]] == [one.id for one in mini_board.entries]
    for place, entry in enumerate(content["entries"]):
        for scope in mini_board.scopes:
            assert set(entry["subsets"][scope]["metrics"]) == set(METRICS)
            for metric, found in entry["subsets"][scope]["metrics"].items():
                for what in ESTIMATES:
                    number = mini_board.estimate(scope, metric, what)[place]
                    assert found[what] == (None if math.isnan(number) else number)
    assert content["provenance"]["votes_fingerprint"] == mini_board.benchmark.votes_fingerprint
    assert content["people"]["overall"]["noise ceiling"]["auroc"]["pooled_low"] is None


def test_json_keeps_text_as_it_is(hostile_board):
    content = json.loads(to_json(hostile_board))
    assert [one["name"] for one in content["entries"]] == [one.name for one in hostile_board.entries]


def test_places_on_this_machine_stay_here(mini_board):
    folder = str(mini_board.index.store.folder)
    assert folder not in to_json(mini_board)
    assert folder not in to_csv(mini_board)


def keys(node):
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from keys(value)
    elif isinstance(node, list):
        for value in node:
            yield from keys(value)


def test_documentation_names_every_column_and_field(mini_board):
    text = (Path(__file__).parents[3] / "docs" / "leaderboard-api.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z0-9_ ]+)`", text))
    assert set(COLUMNS) <= named
    values = {*METRICS, *mini_board.scopes, "device", "items_per_second", "macs"}
    assert set(keys(json.loads(to_json(mini_board)))) - values <= named
