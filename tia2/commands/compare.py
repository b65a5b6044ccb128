"""`tia2 compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tia2.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from tia2.evaluation import Comparison, Result

app = typer.Typer()

EXAMPLES = """\
Examples:

  tia2 compare runs/mini/mini-strong runs/mini/mini-web

  tia2 compare a.json b.json --metric spearman --figure difference.pdf

  tia2 compare runs/quickstart/scores/*
"""

SHOWN = 5
"""How many prompts of largest disagreement are shown."""


@app.command(epilog=EXAMPLES)
def compare(
    entries: Annotated[
        list[str], typer.Argument(metavar="A B...", help="Score tables, or results that `tia2 evaluate --out` saved.")
    ],
    calibration: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Calibration of score tables, by name; raw rewards if not given."),
    ] = None,
    metric: Annotated[str, typer.Option(help="The metric to compare by.")] = "auroc",
    pooled: Annotated[
        bool,
        typer.Option("--pooled", help="Compare two tables over all items at once, as for one image per prompt."),
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap, for score tables.")] = 0,
    figure: Annotated[
        Path | None,
        typer.Option(help="Draw the differences of two entries, prompt by prompt, as PNG, PDF, SVG or HTML."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Say whether one reward agrees with people better than another.

    Two entries: a verdict, the differences with intervals, and the prompts where they disagree most. Three or more:
    which of them can be told apart, corrected for the number of comparisons.
    """
    from tia2 import console

    if len(entries) < 2:
        raise UsageError(f"Expected at least two score tables or results, got {len(entries)}.")
    if figure is not None and len(entries) > 2:
        raise UsageError(f"--figure draws the differences of two entries, got {len(entries)}.")
    if pooled:
        _pooled(entries, calibration, metric, seed, as_json)
        return
    with console.warnings_as_lines(), console.stderr.status("Comparing …"):
        from tia2.evaluation import compare as compare_two
        from tia2.evaluation import separate
        from tia2.evaluation.metrics.pair_metrics import metric_among

        if figure is not None:
            _check(figure)
        results = [_result(path, calibration, seed) for path in entries]
        if len(results) > 2:
            groups = separate(results, metric)
        else:
            comparison = compare_two(results[0], results[1], metric)
    if len(results) > 2:
        metric = metric_among(metric, results[0].overall.metrics)
        if as_json:
            console.print_json(groups.to_dict("records"))
            return
        console.stdout.print(_groups(groups, metric))
        console.stderr.print("\nEntries that share a letter are not separable at 5 %.", markup=False)
        return
    if as_json:
        console.print_json(comparison.model_dump(mode="json") | {"verdict": comparison.verdict})
    else:
        _print(comparison)
    # Last, so that a disk that is full by now costs the figure alone.
    if figure is not None:
        from tia2.figures import save_figure
        from tia2.figures.comparison import comparison_figure

        save_figure(comparison_figure(comparison), figure)
        console.stderr.print("Saved ", console.plain(figure), sep="")


def _pooled(entries: list[str], calibration: str | None, metric: str, seed: int, as_json: bool) -> None:
    """Compare two score tables over all items at once."""
    from tia2 import console

    if len(entries) != 2 or any(path.lower().endswith(".json") for path in entries):
        raise UsageError("--pooled compares two score tables; saved results don't hold the values of single items.")
    with console.warnings_as_lines(), console.stderr.status("Comparing …"):
        from tia2.calibration import calibrate, calibration_of
        from tia2.evaluation import compare_pooled
        from tia2.evaluation.evaluate import load_table

        chosen = calibration_of(calibration or "raw")
        first, second = (calibrate([load_table(path)], chosen) for path in entries)
        comparison = compare_pooled(first, second, metric, seed=seed)
    if as_json:
        console.print_json(comparison.model_dump(mode="json") | {"verdict": comparison.verdict})
        return
    from tia2.evaluation.comparing.verdict import signed

    console.stdout.print(comparison.verdict, "\n", markup=False)
    console.stdout.print("A: ", console.plain(comparison.a), ", B: ", console.plain(comparison.b), sep="")
    numbers = ("prompts", "items", "A pooled", "B pooled", "A - B", "95 % interval")
    table = console.table("subset", *numbers, right=numbers)
    for row in comparison.differences:
        ends = "—" if row.low != row.low else f"{signed(row.low)} to {signed(row.high)}"
        figures = (f"{row.prompts:,}", f"{row.items:,}", f"{row.a:.3f}", f"{row.b:.3f}", signed(row.difference), ends)
        table.add_row(console.plain(row.subset), *figures)
    console.stdout.print(table)


def _check(figure: Path) -> None:
    from tia2.figures.writing import check_suffix
    from tia2.files import check_writable

    check_suffix(figure)
    check_writable(figure)


def _print(comparison: Comparison) -> None:
    from tia2 import console
    from tia2.evaluation.comparing.verdict import METHODS

    console.stdout.print(comparison.verdict, "\n", markup=False)
    # The sentence names the better one first, whatever the order they were given in.
    console.stdout.print("A: ", console.plain(comparison.a), ", B: ", console.plain(comparison.b), sep="")
    console.stdout.print(_differences(comparison))
    console.stdout.print()
    console.stdout.print(_disagreements(comparison))
    console.stderr.print(f"\n{METHODS}", markup=False)


def _result(path: str, name: str | None, seed: int) -> Result:
    from tia2.calibration import calibration_of
    from tia2.evaluation import Result, evaluate

    if path.lower().endswith(".json"):
        return Result.load(path)
    return evaluate(path, None if name is None else calibration_of(name), seed=seed)


def _differences(comparison: Comparison) -> Table:
    from tia2 import console
    from tia2.evaluation.comparing.verdict import p_text, signed

    numbers = ("A", "B", "A - B", "95 % interval", "p", "corrected", "A wins")
    table = console.table("subset", *numbers, right=numbers)
    for row in comparison.differences:
        table.add_row(
            console.plain(row.subset),
            f"{row.a:.3f}",
            f"{row.b:.3f}",
            signed(row.difference),
            f"{signed(row.low)} to {signed(row.high)}",
            p_text(row.p),
            p_text(row.adjusted),
            f"{row.wins} of {row.prompts}",
        )
    return table


def _disagreements(comparison: Comparison) -> Table:
    from tia2 import console
    from tia2.evaluation.comparing.verdict import signed

    numbers = ("A", "B", "A - B")
    table = console.table("most different on", *numbers, right=numbers)
    for prompt in comparison.prompts[:SHOWN]:
        values = [f"{float(prompt[key]):.3f}" for key in ("a", "b")]
        table.add_row(console.plain(prompt["prompt"]), *values, signed(float(prompt["difference"])))
    return table


def _groups(groups: pd.DataFrame, metric: str) -> Table:
    from tia2 import console
    from tia2.evaluation.metrics.pair_metrics import metric_named

    numbers = ("#", metric_named(metric).title, "rank")
    table = console.table("subset", numbers[0], "entry", *numbers[1:], "group", right=numbers)
    shown: str | None = None
    rows: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in groups.to_dict("records")]
    for row in rows:
        subset = str(row["subset"])
        if shown not in (None, subset):
            table.add_section()
        low, high = row["rank_low"], row["rank_high"]
        table.add_row(
            console.plain(subset if subset != shown else ""),
            str(row["rank"]),
            console.plain(row["entry"]),
            f"{row['mean']:.3f}",
            f"{low}–{high}" if low != high else str(low),
            console.plain(row["group"]),
        )
        shown = subset
    return table
