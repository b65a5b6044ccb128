"""Optimise against a board's top entries, and put the runs on the board."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tia2.errors import LeaderboardError, UsageError

from ._options import DEFAULT_STORE, account_name

if TYPE_CHECKING:
    from rich.table import Table

    from ..data.board import Board
    from ..validation.choosing import ChosenEntry
    from ..validation.running import ValidationOutcome

app = typer.Typer()

OUT = Path("runs/validate")
EXAMPLES = """\
Examples:

  tia2 finetune validate --top 3

  tia2 finetune validate --top 1 --set ddpo.epochs=2 --set evaluation.every=1

  tia2 finetune validate --entry mini-strong --entry mini-vivid --seed 1

  tia2 finetune validate --board runs/ours --preset my_run.yaml --out runs/v
"""


@app.command(epilog=EXAMPLES)
def validate(
    top: Annotated[int, typer.Option(min=1, help="Number of entries, the best first.")] = 3,
    entry: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Validate this entry instead; can be repeated.")
    ] = None,
    board: Annotated[Path, typer.Option(metavar="STORE", help="The leaderboard's folder.")] = Path(DEFAULT_STORE),
    benchmark: Annotated[str | None, typer.Option(help="One of its benchmarks. Default: the fullest.")] = None,
    metric: Annotated[str, typer.Option(help="Metric that the entries are ranked by.")] = "auroc",
    preset: Annotated[str, typer.Option(help="Preset of all runs, or a YAML file of settings.")] = "mini-ddpo",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Replace a setting; can be repeated.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every run, in place of the preset's.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the runs, one folder per entry in it.")] = OUT,
    device: Annotated[str, typer.Option(help="Where to run: auto, cpu, cuda, cuda:1, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Optimise against a board's top entries, and put the runs on the board.

    Each entry is run with one budget, the same prompts and the same seeds; the
    other entries score its images. An entry whose reward models can't be loaded
    here is passed over. What was interrupted resumes with the same command.
    """
    from tia2 import console

    if any(replaced.startswith(("reward.proxy", "reward.plus")) for replaced in overrides or ()):
        raise UsageError("--set reward: every run's proxy is an entry of the board; choose it with --entry.")
    with console.warnings_as_lines():
        with console.stderr.status("Loading …"):
            from tia2.devices import pick_device

            from ..finetuned.finetuning import load_settings
            from ..validation.choosing import choose
            from ..validation.running import validate_entries

            settings = load_settings(preset, [*(overrides or ()), *([] if seed is None else [f"seed={seed}"])])
            loaded = _board(board, benchmark)
            choice = choose(loaded, top, metric, entry or ())
        for name, reason in choice.skipped.items():
            console.stderr.print(console.plain(f"Passed over {name}: {reason}"), soft_wrap=True)
        with _training(len(choice.entries)) as (begin, report):
            outcomes = list(
                validate_entries(
                    loaded,
                    choice.entries,
                    settings,
                    out,
                    device=str(pick_device(device)),
                    keep_watched=any(replaced.startswith("reward.watch") for replaced in overrides or ()),
                    added_by=account_name(),
                    begin=begin,
                    report=report,
                )
            )
    if as_json:
        console.print_json({"runs": [_facts(outcome) for outcome in outcomes], "skipped": choice.skipped})
    else:
        _print(outcomes, board)
    failed = [outcome for outcome in outcomes if outcome.problem]
    if failed:
        raise LeaderboardError(
            " ".join(f"{outcome.entry.name}: {outcome.problem}" for outcome in failed)
            + " What was done is kept; the same command continues."
        )


def _board(folder: Path, benchmark: str | None) -> Board:
    from ..data.board import Board
    from ..data.embedded import embedded_store
    from ..data.hub import open_store
    from .leaderboard import fullest

    # A mistyped folder must not become a new store, on which hours of training would follow.
    store = embedded_store(folder) if folder == Path(DEFAULT_STORE) else open_store(folder)
    return Board.load(store, benchmark or fullest(store, models_only=True))


@contextmanager
def _training(entries: int) -> Iterator[tuple[Any, Any]]:
    """Show the entry, its epoch, what is done in it, and the time left."""
    from tia2 import console

    with console.progress() as bars:
        overall = bars.add_task("entries", total=entries)
        inner = bars.add_task("", total=None)
        began: dict[str, float] = {}
        started = 0

        def begin(chosen: ChosenEntry) -> None:
            nonlocal started
            bars.update(overall, completed=started, description=chosen.entry.name)
            started += 1

        def report(epochs: int, epoch: int, what: str, done: int, total: int) -> None:
            now = time.monotonic()
            if done <= 1 or what not in began:
                began[what] = now
            rate = f", {done / (now - began[what]):.1f} images/s" if what == "sampling" and now > began[what] else ""
            bars.update(inner, completed=done, total=total, description=f"epoch {epoch} of {epochs}: {what}{rate}")

        yield begin, report


def _facts(outcome: ValidationOutcome) -> dict[str, Any]:
    report = outcome.report
    peak = report.peaks[0] if report is not None and report.peaks else None
    return {
        "entry": outcome.entry.id,
        "name": outcome.entry.name,
        "run": outcome.run or None,
        "folder": None if outcome.folder is None else str(outcome.folder),
        "verdict": None if report is None else report.verdict,
        "gold_gained_at_peak": None if peak is None else _number(peak.gain),
        "kl_of_peak": None if peak is None else _number(peak.peak_kl),
        "drop": None if peak is None else _number(peak.drop),
        "problem": outcome.problem or None,
    }


def _number(value: float) -> float | None:
    return value if value == value else None


def _print(outcomes: list[ValidationOutcome], board: Path) -> None:
    from tia2 import console

    shown = [outcome for outcome in outcomes if outcome.report is not None and not outcome.problem]
    for outcome in shown:
        if outcome.report is not None:
            console.stdout.print(f"- {outcome.report.verdict}", markup=False)
    if shown:
        console.stdout.print()
        console.stdout.print(_table(shown))
        where = "" if board == Path(DEFAULT_STORE) else f" --store {shlex.quote(str(board))}"
        show = f"On the board, Fine-tuning tab: {console.program()} leaderboard{where}"
        console.stderr.print(console.plain(show), soft_wrap=True)


def _table(outcomes: list[ValidationOutcome]) -> Table:
    from tia2 import console

    columns = ("gold gained", "KL of the peak", "drop")
    table = console.table("entry", *columns, "verdict", right=columns)
    for outcome in outcomes:
        facts = _facts(outcome)
        numbers = [facts["gold_gained_at_peak"], facts["kl_of_peak"], facts["drop"]]
        cells = ["–" if value is None else f"{value:+.3f}" for value in numbers]
        if numbers[1] is not None:
            cells[1] = f"{numbers[1]:.1f}"
        report = outcome.report
        table.add_row(outcome.entry.name, *cells, report.peaks[0].verdict if report and report.peaks else "–")
    return table
