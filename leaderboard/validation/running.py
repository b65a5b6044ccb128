"""The runs of a validation, one after another; each is in the store as soon as it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tia2.errors import Tia2Error

from ..data.board import Board, BoardEntry
from ..finetuned.finetuning import RunReport, RunSettings, run_class, write_run_report
from ..finetuned.recheck import rechecked
from .choosing import ChosenEntry, present_run, run_settings


class RunProgress(Protocol):
    """Called while a run trains: number of its epochs, epoch, what is done, how much of it, how much there is."""

    def __call__(self, epochs: int, epoch: int, what: str, done: int, total: int) -> None:
        """Show it."""
        ...


@dataclass(frozen=True)
class ValidationOutcome:
    """What became of one entry.

    Attributes:
        entry: The entry.
        run: Id of its run in the store; empty where there is none.
        folder: Folder of the run; None where it was on the board already.
        report: The report that the board shows; None where there is none.
        problem: Why the run failed or can't be shown; empty if it can.
    """

    entry: BoardEntry
    run: str
    folder: Path | None
    report: RunReport | None
    problem: str = ""


def validate_entries(
    board: Board,
    chosen: Sequence[ChosenEntry],
    base: RunSettings,
    out: Path,
    *,
    device: str = "cpu",
    keep_watched: bool = False,
    added_by: str = "",
    begin: Callable[[ChosenEntry], None] | None = None,
    report: RunProgress | None = None,
) -> Iterator[ValidationOutcome]:
    """Optimise against entries with one budget, the same prompts and the same seeds, and add the runs to the store.

    An interrupted validation resumes: runs that are on the board are passed over, one that was cut short continues
    from its last checkpoint.

    Args:
        board: The board.
        chosen: The entries.
        base: Settings that all runs share.
        out: Folder of the runs, one folder per entry in it.
        device: Where the diffusion model runs.
        keep_watched: Whether the rewards that `base` watches are watched beside the other entries.
        added_by: Who validates.
        begin: Called with each entry before its run.
        report: Called while a run trains.

    Yields:
        What became of each entry, in their order. One that can't be trained against stops no other.
    """
    for candidate in chosen:
        if begin is not None:
            begin(candidate)
        settings = run_settings(base, candidate, chosen, keep_watched)
        present = present_run(board, candidate, settings)
        if present is not None:
            yield ValidationOutcome(candidate.entry, present.id, None, present.report)
            continue
        folder = out / candidate.entry.id
        try:
            yield _train(board, candidate.entry, settings, folder, device, added_by, report)
        except Tia2Error as error:
            yield ValidationOutcome(candidate.entry, "", folder, None, str(error))


def _train(
    board: Board,
    entry: BoardEntry,
    settings: RunSettings,
    folder: Path,
    device: str,
    added_by: str,
    report: RunProgress | None,
) -> ValidationOutcome:
    run = run_class()(folder, settings, device)
    epochs = run.trainer.epochs
    if report is not None:
        run.report_to(lambda epoch, what, done, total: report(epochs, epoch, what, done, total))
    kept = run.go()
    write_run_report(kept)
    store = board.index.store
    stored = store.add_run(folder, added_by)
    checked = rechecked(stored, board.index.folder)
    return ValidationOutcome(entry, stored.id, folder, checked.report, " ".join(checked.problems))
