"""`tia2 finetune report`, of one run or of several."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from ..report.records import Report
    from ..runner.state import RunFolder

EXAMPLES = """\
Examples:

  tia2 finetune report runs/mini-ddpo

  tia2 finetune report runs/mini-ddpo --json

  tia2 finetune report runs/vivid runs/web runs/countblind --fill --out runs/joint
"""
JOINT = Path("runs") / "joint"


def report(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folder of a run; several are compared.")],
    out: Annotated[Path | None, typer.Option(help=f"Folder of a joint report. Default: {JOINT}.")] = None,
    fill: Annotated[
        bool, typer.Option("--fill", help="Score kept images by the judges that only other runs had.")
    ] = False,
    device: Annotated[str, typer.Option(help="Where reward models run with --fill: auto, cpu, cuda, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Write the over-optimisation report of a run, finished or not: a page, pictures and its numbers.

    Several runs are compared instead: who gains under which judge, and gold at equal distance. They must have evaluated
    the same prompts at the same seeds.
    """
    from tia2 import console
    from tia2.errors import FinetuneError

    with console.warnings_as_lines():
        from ..runner.state import RunFolder

        runs = [RunFolder(folder) for folder in folders]
        with console.stderr.status("Measuring …"):
            if len(runs) > 1:
                _joint(runs, out or JOINT, fill, device, as_json)
            elif out is not None or fill:
                raise FinetuneError("--out and --fill belong to several runs: the report of one lies in its folder.")
            else:
                show_report(runs[0], as_json)


def show_report(folder: RunFolder, as_json: bool) -> None:
    """Write a run's report and print its verdict and curves, or all of it as JSON.

    Args:
        folder: The run's folder.
        as_json: Whether to print JSON.
    """
    from tia2 import console

    from ..report.writing import write_report

    outcome, files = write_report(folder)
    if as_json:
        console.print_json(json.loads(outcome.model_dump_json()))
        return
    console.stdout.print(outcome.verdict, markup=False)
    console.stdout.print()
    console.stdout.print(_curve_table(outcome))
    for path in files:
        console.stderr.print("Saved ", console.plain(path), sep="", soft_wrap=True)


def _joint(folders: list[RunFolder], out: Path, fill: bool, device: str, as_json: bool) -> None:
    from tia2 import console
    from tia2.devices import pick_device

    from ..report.filling import KeptImageScorer
    from ..report.joint_writing import write_joint_report

    scorer = KeptImageScorer(folders, str(pick_device(device))) if fill else None
    outcome, files = write_joint_report(folders, out, scorer)
    if as_json:
        console.print_json(json.loads(outcome.model_dump_json()))
        return
    heads = ["peak", "KL", "gain", "fall"]
    table = console.table("run", "verdict", *heads, right=heads)
    for run in outcome.runs:
        test = run.test
        numbers = (str(test.peak_epoch), f"{test.peak_kl:.1f}", f"{test.gain:+.3f}", f"{test.drop:+.3f}")
        table.add_row(console.plain(run.name), test.verdict, *numbers)
    console.stdout.print(table)
    if len(outcome.gains) < len(outcome.runs) * len(outcome.judges):
        console.stderr.print("The matrix has empty cells, since not all runs had all judges: --fill computes them.")
    for path in files:
        console.stderr.print("Saved ", console.plain(path), sep="", soft_wrap=True)


def _curve_table(outcome: Report) -> Table:
    from tia2 import console

    shown = [line for line in outcome.curves if line.split == "train" and line.role in ("proxy", "gold")]
    heads = [f"{line.role}: {line.name}" for line in shown]
    table = console.table("epoch", "KL", *heads, right=["epoch", "KL", *heads])
    stride = max(1, len(outcome.epochs) // 12)
    positions = sorted({*range(0, len(outcome.epochs), stride), len(outcome.epochs) - 1})
    for position in positions:
        table.add_row(
            str(outcome.epochs[position]),
            f"{outcome.kl[position]:.1f}",
            *(f"{line.mean[position]:.3f}" for line in shown),
        )
    return table
