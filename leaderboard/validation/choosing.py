"""Which entries of a board are validated, and with which settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tia2.calibration.registry import short_text
from tia2.errors import LeaderboardError, Tia2Error
from tia2.scoring.manifest import Manifest, ScoredReward

from ..data.board import Board, BoardEntry
from ..data.board_runs import BoardRun, budget_of
from ..finetuned.finetuning import EntrySettings, RunSettings, checked_settings

METRIC = "auroc"
LONGEST_NAME = 60


@dataclass(frozen=True)
class ChosenEntry:
    """An entry to optimise against.

    Attributes:
        entry: The board's row.
        settings: The entry as a run's settings write it.
    """

    entry: BoardEntry
    settings: EntrySettings


@dataclass
class Choice:
    """What was chosen of a board.

    Attributes:
        entries: The entries, best first.
        skipped: Name of each entry that was passed over on the way, and why.
    """

    entries: list[ChosenEntry] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def choose(
    board: Board,
    top: int,
    metric: str = METRIC,
    only: Sequence[str] = (),
) -> Choice:
    """Return the best entries of a board whose reward models can be loaded here.

    Args:
        board: The board.
        top: Number of entries.
        metric: Metric to rank by, over all subsets.
        only: Ids of entries to take instead of the best.

    Raises:
        UnknownNameError: The board has no such metric or entry.
        LeaderboardError: No entry can be optimised against.

    Example:
        >>> [chosen.entry.id for chosen in choose(board, 3).entries]  # doctest: +SKIP
        ['mini-strong', 'mini-strong~textnorm', 'mini-ensemble~mean']
    """
    rank = board.standing(board.usual_scope, board.metric_called(metric)).rank
    # Entries can share a rank; their names then decide, so that every call chooses alike.
    ranked = sorted(board.ranked.tolist(), key=lambda number: (rank[number] or len(rank), board.entries[number].name))
    candidates = [board.entry(name) for name in only] or [board.entries[number] for number in ranked]
    choice = Choice()
    models = _Models()
    for entry in candidates:
        if len(choice.entries) == (top if not only else len(candidates)):
            break
        try:
            choice.entries.append(ChosenEntry(entry, _entry_settings(board, entry, models)))
        except Tia2Error as error:
            choice.skipped[entry.name] = str(error)
    if not choice.entries:
        reasons = " ".join(f"{name}: {reason}" for name, reason in choice.skipped.items())
        raise LeaderboardError(f"No entry of {board.benchmark.name} can be optimised against. {reasons}".rstrip())
    return choice


def run_settings(
    base: RunSettings, chosen: ChosenEntry, others: Sequence[ChosenEntry], keep_watched: bool = False
) -> RunSettings:
    """Return the settings of one entry's run: the budget of all, its reward, and the other entries to watch.

    Args:
        base: Settings that all runs share.
        chosen: The entry to optimise against.
        others: Entries that score the images and are never trained on, so that every reward is judged by every other.
        keep_watched: Whether to watch those that `base` watches as well.

    Raises:
        FinetuneError: The settings don't fit together.
    """
    content = base.model_dump(mode="json")
    proxy = chosen.settings.model_dump(mode="json")
    watched = [other.settings.model_dump(mode="json") for other in others if other.entry.id != chosen.entry.id]
    content["name"] = chosen.entry.name[:LONGEST_NAME]
    content["reward"] |= {"proxy": proxy, "watch": [*watched, *(content["reward"]["watch"] if keep_watched else [])]}
    return checked_settings(content, f"the settings for {chosen.entry.name}")


def present_run(board: Board, chosen: ChosenEntry, settings: RunSettings) -> BoardRun | None:
    """Return the board's run of this entry with the same budget and seed; None if there is none.

    Args:
        board: The board.
        chosen: The entry.
        settings: Settings of the run that would be made.
    """
    budget = budget_of(settings.model_dump(mode="json"))
    same = (run for run in board.runs if run.entry == chosen.entry.id and run.seed == settings.seed)
    return next((run for run in same if run.budget == budget), None)


class _Models:
    """Whether reward models can be loaded, each asked once."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def check(self, reward: ScoredReward) -> None:
        """Load a reward model and forget it again.

        Raises:
            LeaderboardError: It can't be loaded, or is another one than was scored.
        """
        if reward.fingerprint not in self._reasons:
            self._reasons[reward.fingerprint] = _reason(reward)
        if self._reasons[reward.fingerprint]:
            raise LeaderboardError(self._reasons[reward.fingerprint])


def _entry_settings(board: Board, entry: BoardEntry, models: _Models) -> EntrySettings:
    if entry.listing is None or entry.calibration is None:
        raise LeaderboardError("Only published figures stand behind it, no reward model.")
    if entry.calibration.setting != "fixed":
        raise LeaderboardError("Its settings are chosen on votes, which sampled images don't have.")
    folders = [board.index.store.table_path(digest) for digest in entry.listing.tables]
    rewards = [Manifest.read(folder / "manifest.json").reward for folder in folders]
    for reward in rewards:
        models.check(reward)
    specs = tuple(reward.spec for reward in rewards)
    return EntrySettings(rewards=specs, calibration=short_text(entry.calibration), name=entry.name)


def _reason(reward: ScoredReward) -> str:
    """Return why a scored reward model can't be optimised against; empty if it can."""
    from tia2.rewards import load_reward

    if reward.spec.rpartition(":")[0].endswith(".py"):
        # A score table may come from anybody: what it names is never run.
        return (
            f"Its reward model is code in a file, {reward.spec}, which a board never runs. Train against it with "
            "`tia2 finetune run --set reward.proxy=FILE.py:NAME`, then `tia2 leaderboard add RUN`."
        )
    try:
        model = load_reward(reward.spec, device="cpu")
    except Tia2Error as error:
        return f"Its reward model can't be loaded: {error}"
    if model.fingerprint != reward.fingerprint:
        return f"{reward.spec} is another reward model here than the one that was scored: their digests differ."
    return ""
