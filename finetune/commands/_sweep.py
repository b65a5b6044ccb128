"""`tia2 finetune sweep`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from tia2.errors import FinetuneError

EXAMPLES = """\
Examples:

  tia2 finetune sweep runs/mini-ddpo

  tia2 finetune sweep runs/mini-ddpo --epoch peak --scales 0.5,1.5,2
"""


def sweep(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")],
    scales: Annotated[
        str, typer.Option(metavar="NUMBERS", help="Strengths: 0 is the base model, 1 the trained one.")
    ] = "0,0.25,0.5,0.75,1,1.25",
    epoch: Annotated[str, typer.Option(metavar="N|peak|last", help="Checkpoint whose weights are scaled.")] = "last",
    device: Annotated[str, typer.Option(help="Where to run: auto, cpu, cuda, cuda:1, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the sweep as JSON.")] = False,
) -> None:
    """Evaluate a finished run's weights at other strengths, the cheapest way back from over-optimisation.

    An adapter is scaled; where all weights were trained, they are interpolated with the base model's. Prompts, seeds
    and judges are the run's own, and the report gets a panel of sweep against checkpoints. Interrupted, it resumes.
    """
    from tia2 import console

    with console.warnings_as_lines():
        from tia2.devices import pick_device

        from ..report.frontier import ScaleSweep
        from ..report.writing import write_report
        from ..runner.state import RunFolder
        from ..sampling.checkpoints import epoch_of
        from ..sampling.sweep import sweep_scales

        run = RunFolder(folder)
        number = epoch_of(run, epoch)
        if number == 0:
            raise FinetuneError("Epoch 0 is the base model, which has nothing to scale.")
        with _showing() as report:
            sweep_scales(run, number, _numbers(scales), str(pick_device(device)), report)
        with console.stderr.status("Measuring …"):
            outcome, files = write_report(run)
        kept: ScaleSweep | None = next((sweep for sweep in outcome.sweeps if sweep.epoch == number), None)
    if kept is None:
        console.stdout.print("Scales 0 and 1 are the run's own evaluations: name others to sweep.")
        return
    if as_json:
        console.stdout.file.write(kept.model_dump_json(indent=2) + "\n")
        return
    table = console.table("scale", "KL", "proxy", "gold", right=["scale", "KL", "proxy", "gold"])
    for position, scale in enumerate(kept.scales):
        gold = f"{kept.gold[position]:.3f}" if kept.gold else "–"
        table.add_row(f"{scale:g}", f"{kept.kl[position]:.1f}", f"{kept.proxy[position]:.3f}", gold)
    console.stdout.print(table)
    if not math.isnan(kept.best_scale):
        low, high = kept.over_checkpoints_interval
        console.stdout.print(
            f"\nGold chooses scale {kept.best_scale:g} on validation images; on test images it is {kept.best_gold:.3f} "
            f"there, {kept.over_checkpoints:+.3f} ({low:+.3f} to {high:+.3f}) against the best checkpoint.",
            markup=False,
        )
    console.stderr.print("Saved ", console.plain(files[0]), sep="", soft_wrap=True)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise FinetuneError(f"--scales takes numbers with commas between, such as 0,0.5,1, got {text!r}.") from None


@contextmanager
def _showing() -> Iterator[Callable[[float, str, int, int], None]]:
    """Show the scale, what is done at it, and how much of that."""
    from tia2 import console

    with console.progress() as bars:
        task = bars.add_task("loading", total=None)

        def report(scale: float, what: str, done: int, total: int) -> None:
            bars.update(task, completed=done, total=total, description=f"scale {scale:g}: {what}")

        yield report
