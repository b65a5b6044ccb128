"""`tia2 finetune study`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from ..study.results import StudyResults

EXAMPLES = """\
Examples:

  tia2 finetune study miniature

  tia2 finetune study miniature --only countblind-raw --only countblind-textnorm --seed 0
"""


def study(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="A plan that comes with tia2, or a YAML file.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the study. Default: runs/NAME.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="CONDITION", help="Do this condition; can be repeated.")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Do this seed; can be repeated.")] = None,
    device: Annotated[str, typer.Option(help="Where to run: auto, cpu, cuda, cuda:1, mps.")] = "auto",
    summary_only: Annotated[
        bool, typer.Option("--summary-only", help="Do no run; summarise those that are done.")
    ] = False,
) -> None:
    """Do the same run with many entries and seeds, one after the other, and show what they say together.

    It takes hours. Interrupted, the same command continues where it stopped. Several may work on one folder, each with
    conditions or seeds of its own.
    """
    from tia2 import console

    with console.warnings_as_lines():
        from tia2.devices import pick_device

        from ..study.plan import load_plan
        from ..study.results import StudyResults
        from ..study.running import StudyFolder, do_pool, do_run, missing_runs
        from ..study.writing import write_study

        loaded = load_plan(plan)
        folder = StudyFolder(out or Path("runs") / loaded.name)
        runs = [] if summary_only else missing_runs(loaded, folder, only or (), seed or ())
        seeds = [] if summary_only else seed or list(loaded.seeds)
        chosen = str(pick_device(device))
        with _progress(len(runs)) as (report, advance):
            for number in seeds:
                do_pool(loaded, folder, number, chosen, report)
            for run in runs:
                scores = do_run(loaded, folder, run, chosen, report)
                advance()
                seconds = f", {scores.seconds:.0f} s of processor time" if scores.seconds == scores.seconds else ""
                console.stderr.print(f"{run.name} is done{seconds}.", markup=False)
        with console.stderr.status("Summarising …"):
            results = StudyResults.load(loaded, folder)
            files = write_study(results, folder.path)
    console.stdout.print(_table(results))
    for path in files:
        console.stderr.print("Saved ", console.plain(path), sep="", soft_wrap=True)


def _table(results: StudyResults) -> Table:
    """Return each condition's outcome in 80 columns."""
    from tia2 import console

    heads = ["seeds", "proxy", "gold", "change", "drop after peak", "peak at", "over-optimised"]
    table = console.table("condition", *heads, right=heads[:-1])
    for name, outcome in results.outcomes.items():
        low, high = outcome.drop.interval
        table.add_row(
            name,
            str(len(outcome.seeds)),
            f"{outcome.proxy_gain.mean:+.3f}",
            f"{outcome.base.mean:.2f}→{outcome.end.mean:.2f}",
            f"{outcome.change.mean:+.3f}",
            f"{outcome.drop.mean:+.3f} ({low:+.2f}, {high:+.2f})" if low == low else f"{outcome.drop.mean:+.3f}",
            f"{outcome.peak_kl.mean:.1f} nats",
            f"{outcome.verdicts.count('over-optimised')} of {len(outcome.verdicts)}",
        )
    return table


@contextmanager
def _progress(runs: int) -> Iterator[tuple[Callable[[str, str, int, int], None], Callable[[], None]]]:
    """Show the run, what is done in it, and the time left."""
    from tia2 import console

    with console.progress() as bars:
        overall = bars.add_task("runs", total=runs)
        inner = bars.add_task("", total=None)

        def report(name: str, what: str, done: int, total: int) -> None:
            bars.update(inner, completed=done, total=total, description=f"{name}, {what}")

        yield report, lambda: bars.advance(overall)
