"""The fine-tuning runs of a board: recomputed, and matched with the entries that they were trained on."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..finetuned.files import StoredRun, unbelieved_summaries
from ..finetuned.finetuning import RunFolder, RunReport
from ..finetuned.identity import EntryIdentity
from ..finetuned.recheck import PROXY, RecheckedRun, rechecked

if TYPE_CHECKING:
    from .store import Store

log = logging.getLogger(__name__)


class KeptRun(NamedTuple):
    """A run of the store, and what recomputing it gave."""

    stored: StoredRun
    checked: RecheckedRun


@dataclass(frozen=True)
class BoardRun:
    """A validated run.

    Attributes:
        id: Fit for an address.
        report: Its report, computed from kept images and scores.
        entry: Id of the board's entry that it was trained on; None where it is none of this board.
        judges: Ids of the board's entries among those that scored it, by their roles in the run.
        folder: Its files.
        recomputed: Roles whose scores were computed again from the images.
        added: When it came, UTC.
        added_by: Who added it.
    """

    id: str
    report: RunReport
    entry: str | None
    judges: Mapping[str, str]
    folder: RunFolder
    recomputed: tuple[str, ...]
    added: str
    added_by: str

    @property
    def seed(self) -> int:
        """The run's seed."""
        return int(self.report.settings["seed"])

    @property
    def budget(self) -> str:
        """What runs share that can be compared, as `budget_of` says."""
        return budget_of(self.report.settings)

    @property
    def title(self) -> str:
        """The proxy's name and the seed."""
        return f"{self.report.judges[PROXY]}, seed {self.seed}"


class ValidatedFigures(NamedTuple):
    """What validation says of an entry: means over its runs with one budget, that of most runs.

    Attributes:
        gain: Gold gained at the peak over the base model, on images that had no part in choosing it.
        kl: KL divergence from the base model at the peak, nats.
        drop: Gold lost from the peak to the end of the run.
        runs: Number of runs.
    """

    gain: float
    kl: float
    drop: float
    runs: int


def budget_of(settings: Mapping[str, Any]) -> str:
    """Return all settings of a run but the name, the seed and the entries: what runs share that can be compared.

    Args:
        settings: The settings as JSON has them.
    """
    kept = {name: value for name, value in settings.items() if name not in ("name", "seed", "reward")}
    return json.dumps({**kept, "gold": settings["reward"]["gold"]}, sort_keys=True)


def load_runs(store: Store, cache: Path) -> list[KeptRun]:
    """Return the store's runs, each recomputed from its files; what was computed before is read.

    Args:
        store: The store.
        cache: The folder of what is derived from it.

    Raises:
        LeaderboardError: A run's record is damaged.
    """
    return [KeptRun(run, rechecked(run, cache)) for run in store.runs]


def warn_of_summaries(store: Store) -> None:
    """Say what to do about files of the form that was once shown as it stood."""
    summaries = unbelieved_summaries(store.shelf)
    if summaries:
        log.warning(
            "%s of %s: summaries of runs are no longer shown, since nothing stands behind them. Add the run's folder "
            "instead: tia2 leaderboard add RUN, or tia2 finetune validate.",
            ", ".join(path.name for path in summaries),
            store.shelf,
        )


def board_runs(
    runs: Sequence[KeptRun], identities: Mapping[EntryIdentity, str]
) -> tuple[tuple[BoardRun, ...], dict[str, str]]:
    """Match runs with a board's entries.

    Args:
        runs: The store's runs.
        identities: Ids of the board's entries, by what makes them the same.

    Returns:
        The validated runs, and for each other one the reason why it can't be shown.
    """
    shown, problems = [], {}
    for stored, checked in runs:
        if not checked.valid or checked.report is None:
            problems[stored.id] = " ".join(checked.problems) or "Its report can't be computed."
            continue
        judges = {role: identities[entry] for role, entry in checked.identities.items() if entry in identities}
        shown.append(
            BoardRun(
                id=stored.id,
                report=checked.report,
                entry=judges.get(PROXY),
                judges=judges,
                folder=stored.folder,
                recomputed=tuple(checked.recomputed),
                added=stored.record.added,
                added_by=stored.record.added_by,
            )
        )
    return tuple(shown), problems


def validated_figures(runs: Iterable[BoardRun]) -> dict[str, ValidatedFigures]:
    """Return what validation says of each entry that has a run with a gold judge, by the entry's id.

    Args:
        runs: The board's runs.
    """
    by_entry: dict[str, dict[str, list[BoardRun]]] = {}
    for run in runs:
        if run.entry is not None and run.report.peaks:
            by_entry.setdefault(run.entry, {}).setdefault(run.budget, []).append(run)
    figures = {}
    for entry, budgets in by_entry.items():
        # Seeds of one budget are averaged; budgets are not mixed. The latest of those with most runs counts.
        chosen = max(budgets.values(), key=lambda group: (len(group), max(run.added for run in group)))
        peaks = [run.report.peaks[0] for run in chosen]
        gain, kl, drop = np.mean([(peak.gain, peak.peak_kl, peak.drop) for peak in peaks], axis=0).tolist()
        figures[entry] = ValidatedFigures(gain, kl, drop, len(chosen))
    return figures
