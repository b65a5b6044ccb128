"""`tia2 finetune study`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

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
) -> None:
    """Do the same run with many entries and seeds, one after the other, and keep every run's scores.

    It takes hours. Interrupted, the same command continues where it stopped. Several may work on one folder, each with
    conditions or seeds of its own.
    """
    from tia2 import console

    with console.warnings_as_lines():
        from tia2.devices import pick_device

        from ..study.plan import load_plan
        from ..study.running import StudyFolder, do_pool, do_run, missing_runs

        loaded = load_plan(plan)
        folder = StudyFolder(out or Path("runs") / loaded.name)
        runs = missing_runs(loaded, folder, only or (), seed or ())
        seeds = seed or list(loaded.seeds)
        chosen = str(pick_device(device))
        with _progress(len(runs)) as (report, advance):
            for number in seeds:
                do_pool(loaded, folder, number, chosen, report)
            for run in runs:
                scores = do_run(loaded, folder, run, chosen, report)
                advance()
                seconds = f", {scores.seconds:.0f} s of processor time" if scores.seconds == scores.seconds else ""
                console.stderr.print(f"{run.name} is done{seconds}.", markup=False)
    console.stderr.print("The results are in ", console.plain(folder.results), sep="", soft_wrap=True)


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
