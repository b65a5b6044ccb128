"""`tia2 finetune best-of-n`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tia2.errors import ResultError, unknown_name

if TYPE_CHECKING:
    from rich.table import Table

    from tia2.calibration import Calibration

    from ..bon.result import BestOfNResult

EXAMPLES = """\
Examples:

  tia2 finetune best-of-n runs/quickstart/scores/*

  tia2 finetune best-of-n runs/mine --calibration raw --calibration textnorm

  tia2 finetune best-of-n runs/a runs/b --calibration mean:of=textnorm

  tia2 finetune best-of-n runs/mine --subset counting --n 1,2,4,8,16 --limit 16

  tia2 finetune best-of-n runs/mine --gold label --out runs/best-of-n
"""

FILE_NAME = "best_of_n"


def best_of_n(
    tables: Annotated[
        list[Path], typer.Argument(metavar="TABLE...", help="Score tables that `tia2 score` wrote, or saved values.")
    ],
    calibration: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="raw, textnorm, or any other that `tia2 evaluate --list-calibrations` shows; can be repeated. "
            "Default: raw.",
        ),
    ] = None,
    gold: Annotated[str, typer.Option(metavar="COLUMN", help="Trusted judgements: human_score or label.")] = (
        "human_score"
    ),
    n: Annotated[
        str | None, typer.Option("--n", metavar="N,N,...", help="Numbers of images to choose from, up to all.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Look for the peak up to this n. Default: a quarter of the images per prompt.")
    ] = None,
    subset: Annotated[str | None, typer.Option(help="Show this subset alone.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the figure (PNG, HTML), its table (CSV) and each entry's curves (JSON)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the curves as a JSON list.")] = False,
) -> None:
    """Show where choosing the best of n images by a reward over-optimises.

    Reads score tables with people's votes: no model, no images, no GPU.

    For each prompt, the best of n of its scored images is chosen by the reward (the proxy), for every set of n, and
    judged by people (the gold). Shown are the mean gold over prompts at some n, the n at which it peaks with all n that
    can't be told from it, and the drop from there to the limit with its 95 % interval.
    """
    from tia2 import console

    if out is not None and out.is_file():
        raise ResultError(f"Expected a folder for --out, got the file {str(out)!r}.")
    numbers = None if n is None else _numbers(n)
    with console.warnings_as_lines(), console.stderr.status("Choosing …"):
        from ..bon.curves import best_of_n_curves
        from ..bon.figure import together

        results = [
            best_of_n_curves(source, chosen, gold=gold, n=numbers, limit=limit, seed=seed)
            for source, chosen in _sources(tables, calibration or ["raw"])
        ]
        together(results)
        if subset is not None and subset not in results[0].parts:
            raise unknown_name("subset", subset, results[0].parts)
        files = [] if out is None else save_all(results, out, subset)
    if as_json:
        console.print_json([json.loads(result.model_dump_json()) for result in results])
        return

    from ..bon.words import verdict

    for result in results:
        part = result.overall if subset is None else result.parts[subset]
        console.stdout.print(f"- {verdict(result.entry.name, part, result.n, result.limit)}", markup=False)
    console.stdout.print()
    console.stdout.print(_table(results, subset))
    for path in files:
        console.stderr.print("Saved ", console.plain(path), sep="")


def save_all(results: Sequence[BestOfNResult], folder: Path, subset: str | None = None) -> list[Path]:
    """Write the figure, its table, and each entry's curves.

    Args:
        results: Curves of one benchmark.
        folder: Folder to write to, made as needed.
        subset: Subset that the figure shows; the mean of all if None.

    Returns:
        The files.

    Raises:
        ResultError: Two entries have one name, or the folder can't be written to.
    """
    from tia2.evaluation.summary import OVERALL
    from tia2.figures import write

    from ..bon.figure import best_of_n_figure, curves_of

    names = [result.entry.name.replace("/", "-") for result in results]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ResultError(f"Several entries are named {', '.join(repeated)}: save them to folders of their own.")
    files = write(best_of_n_figure(results, subset or OVERALL), curves_of(results), folder, FILE_NAME)
    return files + [result.save(folder / f"{name}.json") for name, result in zip(names, results, strict=True)]


def _numbers(text: str) -> list[int]:
    """Return the whole numbers of a text such as "1,2,4"."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise ResultError(f"Expected --n as whole numbers with commas between, such as 1,2,4,8, got {text!r}.")
    return [int(part) for part in parts]


def _sources(paths: list[Path], calibrations: list[str]) -> Iterator[tuple[Path | list[Path], Calibration | None]]:
    """Yield what each entry is made of: saved values as they are, each table alone, or all tables together."""
    from tia2.calibration import calibration_of

    tables = [path for path in paths if not path.is_file()]
    for path in paths:
        if path.is_file():
            yield path, None
    for calibration in map(calibration_of, dict.fromkeys(calibrations)):
        if calibration.combines and tables:
            yield tables, calibration
        elif not calibration.combines:
            yield from ((table, calibration) for table in tables)


def _table(results: Sequence[BestOfNResult], subset: str | None) -> Table:
    """Return gold at some n, peak and drop, in 80 columns."""
    from rich.text import Text

    from tia2 import console

    from ..bon.words import columns_of, drop_of, peak_of

    first = results[0]
    shown = columns_of(first.n, first.limit)
    heads, drop = [f"n={first.n[number]}" for number in shown], f"drop to n={first.limit}"
    table = console.table("entry", *heads, "peak", drop, right=heads)
    for column in table.columns[-2:]:
        column.no_wrap = True
    for name in [subset] if subset is not None else list(first.parts):
        table.add_section()
        table.add_row(f"[bold]{name}[/bold]")
        for result in results:
            part = result.parts[name]
            cells = [f"{part.gold.mean[number]:.3f}" for number in shown]
            # A name is wrapped, not cut: what tells calibrations apart stands at its end.
            table.add_row(Text(result.entry.name), *cells, peak_of(part, result.limit), drop_of(part))
    return table
