"""A table holds the rewards of one reward model: what has changed since is scored again, or refused."""

from __future__ import annotations

import io
import json
import os
import sys
import warnings

import numpy as np
import pytest

import tia2
from tia2.errors import ResultError, ScoreTableError
from tia2.rewards import FunctionReward
from tia2.scoring import Manifest, ScoreTable
from tia2.scoring.same_items import check_same_items

MINE = """
import os
from pathlib import Path

class Mine:
    def __init__(self, sign=1, weights=None):
        self.sign = sign * (float(Path(weights).read_text()) if weights else 1)
    def score(self, images, texts):
        return [self.sign * len(text) for text in texts]

class Open:
    def __init__(self):
        self.file = open(__file__)
    def score(self, images, texts):
        return [1.0 * len(text) for text in texts]

STOP = os.environ.get("STOP_AFTER")
CALLS = iter(range(10**6))

def stops(images, texts):
    if STOP and next(CALLS) >= int(STOP):
        raise KeyboardInterrupt
    return [len(text) * 1.0 for text in texts]
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.py").write_text(MINE)
    return tmp_path / "m.py"


@pytest.fixture
def score(cli, mine, benchmark_file):
    def run(*words, reward="m.py:Mine", out="t"):
        return cli("score", "--benchmark", benchmark_file, "--reward", reward, "--out", out, *words)

    return run


def test_other_options_are_another_model(score, cli):
    assert score("--option", "sign=1").code == 0
    first = ScoreTable.load("t")
    refused = score("--option", "sign=-1")
    assert refused.code == 1
    assert "t holds another score table: reward model Mine (" in refused.err
    assert "(changed: attribute sign, option sign). Score to another folder, or with --overwrite" in refused.err
    assert score("--option", "sign=-1", out="u").code == 0
    second = ScoreTable.load("u")
    assert (second.rewards == -first.rewards)[first.mask].all()
    assert [table.manifest.reward.options for table in (first, second)] == [{"sign": 1}, {"sign": -1}]
    check_same_items([first, second])
    together = ("--ensemble", "mean", "--scaling", "minmax", "--metric", "spearman")
    assert cli("evaluate", "t", "u", *together).code == 0
    with pytest.raises(ResultError, match="one reward model"):
        check_same_items([first, first])


def test_another_weights_file_is_another_model(score, mine):
    (mine.parent / "w.txt").write_text("1.0")
    assert score("--option", "weights=w.txt").code == 0
    (mine.parent / "w.txt").write_text("2.0")
    refused = score("--option", "weights=w.txt")
    assert refused.code == 1
    assert "changed: attribute sign, file w.txt, option weights" in refused.err


def test_what_was_stopped_and_changed_is_not_resumed(score, mine, monkeypatch):
    monkeypatch.setenv("STOP_AFTER", "1")
    assert score(reward="m.py:stops").code == 130
    monkeypatch.delenv("STOP_AFTER")
    mine.write_text(MINE.replace("len(text) * 1.0", "len(text) * 2.0"))
    refused = score(reward="m.py:stops")
    assert refused.code == 1
    assert "changed:" in refused.err
    assert "file m.py" in refused.err


class Stopping:
    """Stops, as Ctrl-C does, after a number of calls."""

    fingerprint_excludes = ("left",)

    def __init__(self, sign, *, left=10**6, note=None):
        self.sign, self.left, self.note = sign, left, note

    def score(self, images, texts):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return [self.sign * len(text) for text in texts]


def test_what_was_stopped_is_resumed_by_the_same_model_alone(benchmark_, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        tia2.score(Stopping(1, left=2), benchmark_, tmp_path, shard_size=4, batch_size=4)
    assert list((tmp_path / "shards").iterdir())
    with pytest.raises(ScoreTableError, match=r"changed: attribute sign"):
        tia2.score(Stopping(-1), benchmark_, tmp_path, shard_size=4, batch_size=4)
    table = tia2.score(Stopping(1), benchmark_, tmp_path, shard_size=4, batch_size=4)
    assert (table.rewards[table.mask] > 0).all()


@pytest.mark.filterwarnings("ignore:The fingerprint of reward")
def test_what_was_stopped_and_can_not_be_digested_is_not_resumed(benchmark_, tmp_path):
    log = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        tia2.score(Stopping(1, left=2, note=log), benchmark_, tmp_path, shard_size=4, batch_size=4)
    with pytest.raises(ScoreTableError, match="nothing says that it is of this 'Stopping'"):
        tia2.score(Stopping(1, note=log), benchmark_, tmp_path, shard_size=4, batch_size=4)
    again = {"trust_fingerprint": True, "shard_size": 4, "batch_size": 4}
    assert 0 < tia2.score(Stopping(1, note=log), benchmark_, tmp_path, **again).computed < len(benchmark_)


def test_the_argument_of_a_specification_is_kept(benchmark_, clip_folder):
    reward = tia2.score(f"clip:{clip_folder}", benchmark_).manifest.reward
    assert reward.argument == str(clip_folder)


def test_a_file_that_was_edited_within_a_second_gives_its_own_rewards(score, mine, monkeypatch):
    """Python's compiled files tell versions apart by size and second of change alone."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    moment = 1_700_000_000
    os.utime(mine, (moment, moment))
    assert score(reward="m.py:stops").code == 0
    mine.write_text(MINE.replace("len(text) * 1.0", "len(text) * 2.0"))
    os.utime(mine, (moment, moment))
    assert score(reward="m.py:stops", out="u").code == 0
    first, second = ScoreTable.load("t"), ScoreTable.load("u")
    assert (second.rewards == 2 * first.rewards)[first.mask].all()
    assert first.manifest.reward.fingerprint != second.manifest.reward.fingerprint
    assert not (mine.parent / "__pycache__").exists()


def test_a_finished_table_says_that_nothing_was_computed(score):
    first = score("--json")
    assert json.loads(first.out)[0]["computed_items"] == 20
    assert "already scored" not in first.err
    again = score("--json")
    assert json.loads(again.out)[0]["computed_items"] == 0
    assert "Mine: already scored, nothing computed." in again.err


def test_a_table_has_the_name_that_it_is_given(score, cli, benchmark_file):
    assert score("--name", "step 100").code == 0
    assert score("--option", "sign=2", "--name", "step 200", out="u").code == 0
    tables = [ScoreTable.load(folder) for folder in "tu"]
    assert [(table.name, table.manifest.reward.card.name) for table in tables] == [("step 100",) * 2, ("step 200",) * 2]
    said = cli("evaluate", "t", "u", "--metric", "spearman")
    assert "step 100" in said.out
    assert "step 200" in said.out
    assert score("--name", "first").code == 0
    assert score().code == 0
    assert ScoreTable.load("t").name == "first"
    twice = cli("score", "--benchmark", benchmark_file, *["--reward", "m.py:Mine"] * 2, "--name", "a", "--name", "b")
    assert twice.code == 0
    assert {ScoreTable.load(f"runs/small/{name}").name for name in "ab"} == {"a", "b"}
    refused = cli("score", "--benchmark", benchmark_file, *["--reward", "m.py:Mine"] * 2, "--name", "a")
    assert "Expected --name once per --reward, got 1 for 2." in refused.err


def test_what_cannot_be_digested_is_named_and_not_handed_back(score):
    first = score(reward="m.py:Open")
    assert first.code == 0
    assert first.err.count("file (_io.TextIOWrapper)") == 1
    assert ScoreTable.load("t").manifest.reward.undigested == ["file (_io.TextIOWrapper)"]
    refused = score(reward="m.py:Open")
    assert refused.code == 1
    assert "nothing says that it is of this 'Open'" in refused.err
    assert "--trust-fingerprint" in refused.err
    trusted = score("--trust-fingerprint", reward="m.py:Open")
    assert trusted.code == 0
    assert "already scored, nothing computed" in trusted.err
    assert "doesn't cover" not in trusted.err
    assert score("--overwrite", reward="m.py:Open").code == 0


def test_a_stated_fingerprint_is_taken(benchmark_, tmp_path):
    file = io.StringIO()

    def opaque(images, texts):
        return [float(len(text)) for text in texts if file]

    with pytest.warns(UserWarning, match="doesn't cover opaque's file"):
        tia2.score(opaque, benchmark_, tmp_path / "t")
    refused = pytest.raises(ScoreTableError, match="nothing says that it is of this 'opaque'")
    with pytest.warns(UserWarning, match="doesn't cover"), refused:
        tia2.score(opaque, benchmark_, tmp_path / "t")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tia2.score(opaque, benchmark_, tmp_path / "t", trust_fingerprint=True).computed == 0
        stated = FunctionReward(opaque, fingerprint="checkpoint 7")
        assert tia2.score(stated, benchmark_, tmp_path / "u").computed == 20
        assert tia2.score(stated, benchmark_, tmp_path / "u").computed == 0
    with pytest.raises(ScoreTableError, match=r"reward model opaque \(checkpoint 7\), now opaque \(checkpoint 8\)"):
        tia2.score(FunctionReward(opaque, fingerprint="checkpoint 8"), benchmark_, tmp_path / "u")


def test_an_attribute_that_was_set_meanwhile_is_another_model(benchmark_, tmp_path):
    class Mine:
        sign = 1

        def score(self, images, texts):
            return [self.sign * len(text) for text in texts]

    reward = Mine()
    model = tia2.load_reward(reward)
    tia2.score(model, benchmark_, tmp_path / "t")
    reward.sign = -1
    with pytest.raises(ScoreTableError, match=r"changed: attribute sign"):
        tia2.score(model, benchmark_, tmp_path / "t")


def test_a_table_of_before_options_were_kept_says_so(benchmark_, tmp_path, red):
    folder = tmp_path / "t"
    table = tia2.score(red, benchmark_, folder)
    path = folder / "manifest.json"
    old = json.loads(path.read_text())
    old["schema_version"] = 1
    for key in ("argument", "options", "parts", "undigested"):
        del old["reward"][key]
    del old["items_digest"], old["benchmark"]["scores_fingerprint"]
    old["benchmark"]["votes_fingerprint"] = benchmark_.scores_fingerprint
    old["reward"]["fingerprint"] = "0" * 64
    path.write_text(json.dumps(old))
    for number in range(len(table.manifest.shards)):
        files = tia2.scoring.table_files.TableFiles(folder)
        rows = table.manifest.shards[number]
        rewards = [table.rewards[row][table.mask[row]] for row in rows]
        ids = table.items["item_id"].tolist()[rows.start : rows.stop]
        shard = tia2.scoring.table_files.Shard(ids, table.image_sha256[rows.start : rows.stop], rewards)
        files.write_shard(number, shard, Manifest.read(path).key)
    assert np.array_equal(ScoreTable.load(folder).rewards, table.rewards, equal_nan=True)
    with pytest.raises(ScoreTableError, match=r"made before 0\.2: options aren't known; --trust-fingerprint"):
        tia2.score(red, benchmark_, folder)
    handed_back = tia2.score(red, benchmark_, folder, trust_fingerprint=True)
    assert handed_back.computed == 0
    assert handed_back.manifest.reward.fingerprint == "0" * 64
    items = table.items.assign(human_score=0.4, label=False)
    path.write_text(json.dumps(old))
    files.write_items(items)
    with pytest.raises(ScoreTableError, match=r"items\.parquet has other human scores than the table was scored with"):
        ScoreTable.load(folder)


@pytest.mark.parametrize("column", ["human_score", "label", "prompt_id"])
def test_items_that_were_changed_are_refused(benchmark_, tmp_path, red, column):
    folder = tmp_path / "t"
    table = tia2.score(red, benchmark_, folder)
    changed = {
        "human_score": 0.75 * table.items["human_score"],
        "label": ~table.items["label"],
        "prompt_id": table.items["prompt_id"].to_numpy()[::-1],
    }
    tia2.scoring.table_files.TableFiles(folder).write_items(table.items.assign(**{column: changed[column]}))
    with pytest.raises(ScoreTableError, match=r"items\.parquet has been changed since the table was scored"):
        ScoreTable.load(folder)
    with pytest.raises(ScoreTableError, match="has been changed"):
        tia2.evaluate(folder)
    assert tia2.score(red, benchmark_, folder).computed == 0
    assert ScoreTable.load(folder).items.equals(table.items)
