"""Which entries are validated, why others are passed over, and what their runs share."""

import shutil
from pathlib import Path

import pytest

import tia2.rewards
from tia2.errors import LeaderboardError, RewardError, UnknownNameError
from tia2.finetune import load_settings
from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.validation.choosing import choose, present_run, run_settings
from tia2.scoring.manifest import Manifest


@pytest.fixture
def loaded(monkeypatch):
    """Reward models that load in no time, with the digests that the embedded score tables name, and what was loaded."""
    asked = []

    class Model:
        def __init__(self, fingerprint):
            self.fingerprint = fingerprint

    def load(spec, device):
        asked.append(spec)
        path = Path(__file__).resolve().parents[3] / "leaderboard" / "assets" / spec / "manifest.json"
        return Model(Manifest.read(path).reward.fingerprint)

    monkeypatch.setattr(tia2.rewards, "load_reward", load)
    return asked


def test_the_best_entries_that_a_run_can_train_against(mini_board, loaded):
    choice = choose(mini_board, 4)
    rank = mini_board.standing("overall", "auroc").rank
    ranks = [rank[mini_board.positions[chosen.entry.id]] for chosen in choice.entries]
    assert ranks == sorted(ranks)
    better = {
        entry.name
        for number, entry in enumerate(mini_board.entries)
        if entry.ranked and rank[number] < ranks[-1] and entry.id not in {chosen.entry.id for chosen in choice.entries}
    }
    assert better <= set(choice.skipped)
    assert all("chosen on votes" in reason for reason in choice.skipped.values()), "cross-validated settings"
    assert len(loaded) == len(set(loaded)), "each reward model is loaded once"


def test_another_metric_another_order(mini_board, loaded):
    names = {
        metric: [chosen.entry.id for chosen in choose(mini_board, 6, metric).entries] for metric in ("auroc", "ap5")
    }
    assert names["auroc"] != names["ap5"]
    with pytest.raises(UnknownNameError, match="metric"):
        choose(mini_board, 3, "nothing")


def test_entries_can_be_named(mini_board, loaded):
    choice = choose(mini_board, 3, only=["mini-vivid", "mini-strong~textnorm"])
    assert [chosen.entry.id for chosen in choice.entries] == ["mini-vivid", "mini-strong~textnorm"]
    assert choice.entries[1].settings.model_dump() == {
        "rewards": ("mini-strong",), "calibration": "textnorm", "name": "mini-strong + TextNorm",
    }  # fmt: skip
    with pytest.raises(UnknownNameError, match="entry"):
        choose(mini_board, 3, only=["mini-vvid"])


def test_a_reward_model_that_is_not_here_is_passed_over_with_the_reason(mini_board, monkeypatch):
    def load(spec, device):
        raise RewardError(f"{spec} needs weights that aren't here.")

    monkeypatch.setattr(tia2.rewards, "load_reward", load)
    with pytest.raises(LeaderboardError, match=r"No entry of mini can be optimised against.*mini-strong needs weights"):
        choose(mini_board, 3)


def edited(embedded, tmp_path, edit):
    """A board whose tables' manifests somebody wrote into."""
    store = Store(shutil.copytree(embedded, tmp_path / "store"))
    for listing in store.listings:
        if listing.id in ("mini-strong", "mini-web"):
            store.add_listing(listing.model_copy(update={"calibrations": listing.calibrations[:2]}))
        else:
            store.remove_listing(listing.id)
    for path in store.folder.glob("tables/*/manifest.json"):
        path.write_text(edit(path.read_text()))
    return Board.load(store, "mini", index=Index(store, resamples=50))


def test_another_version_of_a_reward_model_is_passed_over(mini_board, loaded, monkeypatch):
    installed = tia2.rewards.load_reward

    def load(spec, device):
        model = installed(spec, device)
        if spec == "mini-strong":
            model.fingerprint = "0" * 64
        return model

    monkeypatch.setattr(tia2.rewards, "load_reward", load)
    choice = choose(mini_board, 2)
    assert "mini-strong is another reward model here than the one that was scored" in choice.skipped["mini-strong"]
    assert all("mini-strong" not in chosen.settings.rewards for chosen in choice.entries)


def test_code_that_a_score_table_names_is_never_run(embedded, tmp_path, loaded):
    board = edited(embedded, tmp_path, lambda text: text.replace('"spec": "mini-strong"', '"spec": "evil.py:Mine"'))
    choice = choose(board, 2)
    assert "evil.py:Mine, which a board never runs" in choice.skipped["mini-strong"]
    assert "evil.py:Mine" not in loaded


def test_runs_share_everything_but_the_entry(mini_board, loaded):
    chosen = choose(mini_board, 3, only=["mini-vivid", "mini-strong~textnorm", "mini-ensemble~mean-textnorm"]).entries
    base = load_settings("mini-ddpo", ["ddpo.epochs=2", "seed=5"])
    runs = [run_settings(base, candidate, chosen) for candidate in chosen]
    for run, candidate in zip(runs, chosen, strict=True):
        assert run.reward.proxy == candidate.settings
        assert [entry.name for entry in run.reward.watch] == [
            other.entry.name for other in chosen if other is not candidate
        ]
        changed = {"name": base.name, "reward": base.reward}
        assert run.model_copy(update=changed) == base
    assert len(runs[2].reward.proxy.rewards) == 4
    kept = run_settings(base, chosen[0], chosen, keep_watched=True)
    assert list(kept.reward.watch[2:]) == list(base.reward.watch)


@pytest.mark.slow
def test_a_run_is_present_with_the_same_budget_and_seed_only(validated_board, loaded):
    chosen = choose(validated_board, 2, only=["mini-strong", "mini-web"]).entries
    run = next(run for run in validated_board.runs if run.entry == "mini-strong")
    from tia2.finetune.settings.run import checked

    base = checked(run.report.settings, "a test")
    same = run_settings(base, chosen[0], chosen)
    assert same.reward.watch != base.reward.watch, "who watches doesn't count"
    assert present_run(validated_board, chosen[0], same) == run
    assert present_run(validated_board, chosen[1], run_settings(base, chosen[1], chosen)) is None
    assert present_run(validated_board, chosen[0], same.model_copy(update={"seed": 9})) is None
    longer = same.model_copy(update={"ddpo": same.ddpo.model_copy(update={"epochs": 3})})
    assert present_run(validated_board, chosen[0], longer) is None
