"""The benchmark that simulated people's votes make ranks the four tiny rewards as the embedded one does."""

from __future__ import annotations

import pytest

from tia2.evaluation import evaluate
from tia2.people.building.build import build
from tia2.people.demo import REWARDS, RewardRow, contradictions
from tia2.people.mapped import EMBEDDED
from tia2.people.store.study import Study
from tia2.scoring import ScoreTable, score


@pytest.mark.slow
def test_ranks_agree_with_those_of_mini_within_their_intervals(voted, tmp_path):
    study = Study(voted)
    build(study, tmp_path / "ours", without=("Spammer", "Contrarian"))
    study.close()
    rows = []
    for name in REWARDS:
        ours = evaluate(score(name, str(tmp_path / "ours"), tmp_path / name)).overall.metrics["auroc"]
        embedded = evaluate(ScoreTable.load(EMBEDDED / name)).overall.metrics["auroc"]
        rows.append(RewardRow(name, ours.mean, ours.low, ours.high, embedded.mean, embedded.low, embedded.high))
        assert ours.low < embedded.high, name
        assert embedded.low < ours.high, name
    assert contradictions(rows) == []
    best = max(rows, key=lambda row: row.embedded)
    assert best.name == "mini-strong"
    assert max(rows, key=lambda row: row.figure).low <= best.high


def test_a_contradiction_is_seen():
    a, b = RewardRow("a", 0.9, 0.85, 0.95, 0.6, 0.55, 0.65), RewardRow("b", 0.6, 0.55, 0.65, 0.9, 0.85, 0.95)
    assert contradictions([a, b]) == [("a", "b")]
    assert contradictions([a, a]) == []
