"""`tia2 finetune run` and `resume`."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tia2.errors import FinetuneError, Tia2Error

from ._report import show_report

if TYPE_CHECKING:
    from ..settings.run import RunSettings
    from ..training.processes import Processes

RUN_EXAMPLES = """\
Examples:

  tia2 finetune run mini-ddpo

  tia2 finetune run mini-ddpo --set reward.proxy=mini-vivid --out runs/vivid

  tia2 finetune run my_run.yaml --set optimiser.lr=1e-4 --seed 1
"""
RESUME_EXAMPLES = """\
Examples:

  tia2 finetune resume runs/mini-ddpo

  tia2 finetune resume runs/mini-ddpo --set sampler.batch=8
"""

Device = Annotated[str, typer.Option(help="Where to run: auto, cpu, cuda, cuda:1, mps.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


def run(
    preset: Annotated[str, typer.Argument(metavar="PRESET", help="A preset, or a YAML file of settings.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the run. Default: runs/NAME.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Replace a setting; can be repeated.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the run, in place of the preset's.")] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Fine-tune a diffusion model against a reward, and report when it over-optimises.

    Progress is kept: an interrupted run resumes where it stopped with `tia2 finetune resume`.
    """
    from tia2 import console

    with console.warnings_as_lines():
        from ..settings.run import load_settings

        settings = load_settings(preset, [*(overrides or ()), *([] if seed is None else [f"seed={seed}"])])
        _train(out or Path("runs") / settings.name, settings, device, as_json)


def resume(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Replace a setting that changes no result, such as sampler.batch; can be repeated.",
        ),
    ] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Continue a run from its last checkpoint, to the very images that it would have given uninterrupted."""
    from tia2 import console

    with console.warnings_as_lines():
        from ..runner.state import RunFolder
        from ..settings.adjusting import adjusted

        _train(folder, adjusted(RunFolder(folder).settings(), overrides or ()), device, as_json)


def _train(folder: Path, settings: RunSettings, device: str, as_json: bool) -> None:
    from tia2 import console

    with console.stderr.status("Loading …"):
        from ..policy.resolve import resolve
        from ..runner.run import Run
        from ..training.processes import Processes

        notice = resolve(settings.model.name).notice
        processes = Processes.joined(device)
        if not processes.main:
            _assist(folder, settings, processes)
            return
        if notice:
            console.stderr.print(notice, markup=False)
        run = Run(folder, settings, processes=processes)
    with _progress(run.trainer.epochs) as tell, _resumable(folder):
        run.report_to(tell)
        kept = run.go()
    processes.leave()
    if reason := run.stopped():
        console.stderr.print(f"Stopped early: {reason}.", markup=False)
    with console.stderr.status("Measuring …"):
        show_report(kept, as_json)


def _assist(folder: Path, settings: RunSettings, processes: Processes) -> None:
    """Do this process's share of a run in silence: the first process speaks for all."""
    from ..runner.run import Run

    try:
        Run(folder, settings, processes=processes).go()
    except Tia2Error:
        raise typer.Exit(1) from None
    processes.leave()


@contextmanager
def _resumable(folder: Path) -> Iterator[None]:
    """Say how to continue when a run has to stop."""
    try:
        yield
    except KeyboardInterrupt:
        # The command line says that it was interrupted, as for every command.
        typer.echo(f"\n{_advice(folder)}", err=True)
        raise
    except Tia2Error as error:
        raise FinetuneError(f"{error} {_advice(folder, getattr(error, 'remedy', ''))}") from None


def _advice(folder: Path, remedy: str = "") -> str:
    from ..runner.state import RunFolder

    kept = RunFolder(folder).checkpoint.is_file()
    state = "The last checkpoint is kept; continue with" if kept else "There is no checkpoint yet; begin again with"
    command = ["tia2", "finetune", "resume", str(folder), *(["--set", remedy] if remedy else [])]
    return f"{state}: {shlex.join(command)}"


@contextmanager
def _progress(epochs: int) -> Iterator[Callable[[int, str, int, int], None]]:
    """Show the epoch, what is done in it, images per second, and the time left."""
    from tia2 import console

    with console.progress() as bars:
        overall = bars.add_task("epochs", total=epochs)
        inner = bars.add_task("", total=None)
        began: dict[str, float] = {}

        def tell(epoch: int, what: str, done: int, total: int) -> None:
            now = time.monotonic()
            if done <= 1 or what not in began:
                began[what] = now
            rate = f", {done / (now - began[what]):.1f} images/s" if what == "sampling" and now > began[what] else ""
            bars.update(overall, completed=max(epoch - 1, 0), description=f"epoch {epoch} of {epochs}")
            bars.update(inner, completed=done, total=total, description=f"{what}{rate}")

        yield tell
