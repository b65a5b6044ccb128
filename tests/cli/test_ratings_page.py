"""The page on ratings does what it says: its code makes the files, its commands lead to a board entry."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

import tia2
from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.store import Store

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "ratings.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
COMMANDS = re.findall(r"^ {4}(tia2 .+)$", re.sub(r"\\\n\s*", "", PAGE), re.M)


@pytest.mark.slow
def test_the_page_leads_to_a_board_entry(tmp_path, monkeypatch, cli):
    monkeypatch.chdir(tmp_path)
    for code in CODE:
        exec(compile(code, "docs/ratings.md", "exec"), {})
    first = COMMANDS[: next(number for number, line in enumerate(COMMANDS) if "pairs" in line)]
    assert len(first) == 5
    for command in first:
        said = cli(*shlex.split(command)[1:])
        assert said.code == 0, (command, said.err)
    with open("ratings.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    ratings = [[int(row[f"rater_{n}"]) for n in range(1, 8) if row[f"rater_{n}"]] for row in rows]
    assert min(map(len, ratings)) < 7
    means = np.array([np.mean(row) for row in ratings]).reshape(12, 5)
    with open("rewards.csv", newline="") as file:
        rewards = np.float32([float(row["reward"]) for row in csv.DictReader(file)]).reshape(12, 5)
    result = tia2.evaluate("runs/apples/MyReward")
    rhos = [spearmanr(human, values).statistic for human, values in zip(means, rewards, strict=True)]
    assert result.overall.metrics["spearman"].mean == pytest.approx(np.mean(rhos), abs=1e-9)
    labels = means >= 4 - 1e-9
    varied = labels.any(axis=1) & ~labels.all(axis=1)
    areas = [roc_auc_score(label, values) for label, values in zip(labels[varied], rewards[varied], strict=True)]
    assert result.overall.metrics["auroc"].mean == pytest.approx(np.mean(areas), abs=1e-9)
    board = Board.load(Store("runs/apples/board"), "apples")
    assert [entry.name for entry in board.entries] == ["MyReward"]
    shown = float(board.estimate(board.scopes[0], "spearman", "mean")[0])
    assert shown == pytest.approx(np.mean(np.array(rhos)[varied]), abs=1e-6)  # the board's prompts: with both labels
    assert board.benchmark.scale.rule == "mean rating of 4 or more, on a scale of 1 to 5"
    assert board.people is not None
    assert "no image was seen" in board.entries[0].listing.card.description


@pytest.mark.slow
def test_its_pairs_lead_to_a_board_entry(tmp_path, monkeypatch, cli):
    monkeypatch.chdir(tmp_path)
    exec(compile(next(code for code in CODE if "pairs.csv" in code), "docs/ratings.md", "exec"), {})
    of_pairs = [line for line in COMMANDS if "runs/pairs" in line]
    assert len(of_pairs) == 5
    for command in of_pairs:
        said = cli(*shlex.split(command)[1:])
        assert said.code == 0, (command, said.err)
    with open("pairs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    worths = np.array([[{"a": 1, "b": 0, "tie": 0.5}[row[voter]] for voter in ("ann", "bob")] for row in rows])
    gaps = np.float32([float(row["reward_left"]) for row in rows]) - np.float32(
        [float(row["reward_right"]) for row in rows]
    )
    decided = worths.mean(axis=1) != 0.5
    expected = np.mean((gaps > 0)[decided] == (worths.mean(axis=1) > 0.5)[decided])
    board = Board.load(Store("runs/pairs/board"), "benchmark")
    assert float(board.estimate(board.usual_scope, "pair_accuracy")[0]) == pytest.approx(expected, abs=1e-9)
