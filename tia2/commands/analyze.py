"""`tia2 analyze`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tia2.errors import ResultError, Tia2Error, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from tia2.analysis import Analysis
    from tia2.calibration import Calibration
    from tia2.scoring import ScoreTable

app = typer.Typer(no_args_is_help=True)

OUT = Path("runs/analysis")
ALL = "png,html,csv"

Tables = Annotated[list[str], typer.Argument(metavar="TABLE...", help="Score tables that `tia2 score` wrote.")]
Out = Annotated[Path, typer.Option(help="The folder for the figure and the table.")]
Formats = Annotated[
    str,
    typer.Option(
        "--format",
        help="Files to write, separated by commas: png, pdf, svg (pictures), html (a page), csv (the table).",
    ),
]
Metric = Annotated[str, typer.Option(help="The metric to judge by.")]
Seed = Annotated[int, typer.Option(help="Seed of the bootstrap, and of what else is drawn.")]
Applied = Annotated[
    str | None, typer.Option("--calibration", metavar="NAME", help="Values of this calibration, not the rewards.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")]


@app.callback()
def analyze() -> None:
    """When calibration helps, what goes wrong, and how many prompts it takes to know.

    Every analysis reads score tables alone, and writes a picture, a page to explore and a table (--format).
    """


@app.command(epilog="Examples: tia2 analyze calibration runs/quickstart/scores/*")
def calibration(
    tables: Tables,
    scaling: Annotated[str | None, typer.Option(help="Scaling of TextNorm: temperature or minmax.")] = None,
    calibration: Annotated[
        str, typer.Option(metavar="NAME", help="Compare this calibration of single rewards with raw, not TextNorm.")
    ] = "textnorm",
    metric: Metric = "auroc",
    seed: Seed = 0,
    out: Out = OUT,
    formats: Formats = ALL,
    as_json: AsJson = False,
) -> None:
    """Raw rewards against TextNorm: fixed, cross-validated, and oracle.

    For each reward and, of several, their ensembles; within prompts and pooled, with intervals, and with the optimism
    of the oracle, which chooses settings on the test labels.
    """

    def work(loaded: list[ScoreTable]) -> Analysis:
        from tia2 import analysis
        from tia2.calibration import calibration_of
        from tia2.calibration.flat_settings import FlatSettings

        if scaling is not None and calibration != "textnorm":
            raise UsageError("--scaling belongs to TextNorm: leave it out, or leave out --calibration.")
        of = calibration_of(calibration) if scaling is None else FlatSettings(scaling).calibration()
        return analysis.calibration(loaded, of=of, metric=metric, seed=seed)

    _run(tables, work, out, formats, as_json)


@app.command(
    epilog="Examples:\n\n  tia2 analyze temperature runs/quickstart/scores/*\n\n"
    "  tia2 analyze temperature runs/quickstart/scores/* --sweep penalty"
)
def temperature(
    tables: Tables,
    sweep: Annotated[str, typer.Option(help="temperature, scale (of min-max) or penalty (of ur).")] = "temperature",
    metric: Metric = "auroc",
    seed: Seed = 0,
    out: Out = OUT,
    formats: Formats = ALL,
    as_json: AsJson = False,
) -> None:
    """How the temperature, the min-max scale or the penalty matters."""

    def work(loaded: list[ScoreTable]) -> Analysis:
        from tia2 import analysis

        chosen: Any = sweep
        return analysis.temperature(loaded, sweep=chosen, metric=metric, seed=seed)

    _run(tables, work, out, formats, as_json)


@app.command("prompt-set", epilog="Examples: tia2 analyze prompt-set runs/quickstart/scores/*")
def prompt_set(
    tables: Tables,
    draws: Annotated[int, typer.Option(help="Number of random sets of each size.")] = 16,
    metric: Metric = "auroc",
    seed: Seed = 0,
    out: Out = OUT,
    formats: Formats = ALL,
    as_json: AsJson = False,
) -> None:
    """How many contrastive prompts TextNorm needs, and which.

    Takes some at random, the hardest, or the easiest, by the reward alone.
    """

    def work(loaded: list[ScoreTable]) -> Analysis:
        from tia2 import analysis

        return analysis.prompt_set(loaded, draws=draws, metric=metric, seed=seed)

    _run(tables, work, out, formats, as_json)


@app.command(epilog="Examples: tia2 analyze errors runs/quickstart/scores/*")
def errors(
    tables: Tables,
    textnorm: Annotated[
        bool, typer.Option("--textnorm", help="Errors of the TextNorm values, not the rewards.")
    ] = False,
    calibration: Applied = None,
    seed: Seed = 0,
    out: Out = OUT,
    formats: Formats = ALL,
    as_json: AsJson = False,
) -> None:
    """Whether rewards err on the same images, and what an ensemble gains."""

    def work(loaded: list[ScoreTable]) -> Analysis:
        from tia2 import analysis

        return analysis.errors(loaded, calibration=_calibration(textnorm, calibration), seed=seed)

    _run(tables, work, out, formats, as_json)


@app.command(epilog="Examples: tia2 analyze contrastive runs/quickstart/scores/*")
def contrastive(
    tables: Tables, seed: Seed = 0, out: Out = OUT, formats: Formats = ALL, as_json: AsJson = False
) -> None:
    """Which contrastive prompts out-score the true one, repeat, or harm.

    The CSV file lists every contrastive prompt, the most suspicious first, for people to go through.
    """

    def work(loaded: list[ScoreTable]) -> Analysis:
        from tia2 import analysis

        return analysis.contrastive(loaded, seed=seed)

    _run(tables, work, out, formats, as_json)


@app.command(epilog="Examples: tia2 analyze power runs/quickstart/scores/*")
def power(
    tables: Tables,
    textnorm: Annotated[
        bool, typer.Option("--textnorm", help="Differences of the TextNorm values, not the rewards.")
    ] = False,
    calibration: Applied = None,
    metric: Metric = "auroc",
    seed: Seed = 0,
    out: Out = OUT,
    formats: Formats = ALL,
    as_json: AsJson = False,
) -> None:
    """How many prompts a difference of a given size needs."""

    def work(loaded: list[ScoreTable]) -> Analysis:
        from tia2 import analysis

        return analysis.power(loaded, calibration=_calibration(textnorm, calibration), metric=metric, seed=seed)

    _run(tables, work, out, formats, as_json)


@app.command(
    epilog="Examples:\n\n  tia2 analyze generalization runs/fetv/scores/* runs/tvge/scores/*\n\n"
    "  tia2 analyze generalization runs/a/* runs/b/* --family CLIPScore=cosine --family BLIPScore=cosine"
)
def generalization(
    tables: Tables,
    family: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL=FAMILY",
            help="Take a model as this one, by whatever name a benchmark has it; can be repeated.",
        ),
    ] = None,
    calibration: Applied = None,
    metric: Metric = "auroc",
    pooled: Annotated[
        bool, typer.Option("--pooled", help="Figures over all items at once, not within prompts.")
    ] = False,
    seed: Seed = 0,
    out: Out = OUT,
    formats: Formats = ALL,
    as_json: AsJson = False,
) -> None:
    """Whether benchmarks say the same about the models that they share.

    Differences of models combined over benchmarks, how far ranks agree, and what one benchmark predicts of another.
    """

    def work(loaded: list[ScoreTable]) -> Analysis:
        from tia2 import analysis

        of = _calibration(False, calibration)
        return analysis.generalization(
            loaded, families=_families(family or []), calibration=of, metric=metric, pooled=pooled, seed=seed
        )

    _run(tables, work, out, formats, as_json)


def _families(pairs: list[str]) -> dict[str, str]:
    """Return the family by model of options such as CLIPScore=cosine."""
    families = {}
    for pair in pairs:
        model, sign, name = pair.rpartition("=")
        if not (model and sign and name):
            raise UsageError(f"Expected --family MODEL=FAMILY, got {pair!r}.")
        families[model] = name
    return families


def _calibration(textnorm: bool, name: str | None) -> Calibration | None:
    """Return the calibration to apply before an analysis; None for raw rewards."""
    from tia2.calibration import calibration_of

    if textnorm and name is not None:
        raise UsageError("Expected --textnorm or --calibration, got both.")
    return calibration_of("textnorm") if textnorm else None if name is None else calibration_of(name)


def _run(
    paths: list[str], work: Callable[[list[ScoreTable]], Analysis], out: Path, formats: str, as_json: bool
) -> None:
    from tia2 import console

    if out.is_file():
        raise ResultError(f"Expected a folder for --out, got the file {str(out)!r}.")
    with console.warnings_as_lines(), console.stderr.status("Analysing …"):
        from tia2.evaluation.evaluate import load_table
        from tia2.figures.writing import check_formats
        from tia2.files import check_writable

        suffixes = [suffix.strip() for suffix in formats.split(",") if suffix.strip()]
        check_formats(suffixes)  # before an analysis that may take a minute
        check_writable(out)
        analysis = work([load_table(path) for path in paths])
        files, problem = _saved(analysis, out, suffixes)
    if as_json:
        import json

        rows = json.loads(analysis.table.to_json(orient="records", double_precision=15))
        console.print_json({"findings": analysis.findings, "table": rows, "files": [str(path) for path in files]})
        if problem is not None:
            raise problem
        return
    for sentence in analysis.findings:
        console.stdout.print(f"- {sentence}", markup=False)
    console.stdout.print()
    console.stdout.print(_table(analysis))
    for path in files:
        console.stderr.print("Saved ", console.plain(path), sep="")
    if problem is not None:
        raise problem


def _saved(analysis: Analysis, out: Path, suffixes: list[str]) -> tuple[list[Path], Tia2Error | None]:
    """Save, or return why that failed: to be raised once what took long to compute has been shown."""
    try:
        return analysis.save(out, suffixes), None
    except Tia2Error as error:
        return [], error


def _table(analysis: Analysis) -> Table:
    """Return the rows and columns that fit on a terminal."""
    from pandas.api.types import is_float_dtype, is_numeric_dtype

    from tia2 import console
    from tia2.evaluation.summary import OVERALL

    rows = analysis.table if analysis.top is None else analysis.table.head(analysis.top)
    only_overall = "subset" in rows and "subset" not in analysis.shown and (rows["subset"] == OVERALL).any()
    if only_overall:
        rows = rows[rows["subset"] == OVERALL]
    numbers = [title for column, title in analysis.shown.items() if is_numeric_dtype(rows[column])]
    title = "Overall; every subset is in the CSV file" if only_overall else None
    table = console.table(*analysis.shown.values(), title=title, right=numbers)
    for _, row in rows.iterrows():
        cells = []
        for column in analysis.shown:
            value = row[column]
            signed = column.endswith(("difference", "low", "high", "gain", "removal"))
            if is_float_dtype(rows[column]):
                cells.append(console.plain("" if value != value else f"{value:+.3f}" if signed else f"{value:.3f}"))
            else:
                cells.append(console.plain(value))
        table.add_row(*cells)
    return table
