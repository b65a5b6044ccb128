"""`tia2 pairs`: how well rewards agree with preferences between two images."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tia2.evaluation.bootstrap import Interval
    from tia2.evaluation.pairs import Preferences
    from tia2.evaluation.values import Values

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n  tia2 pairs runs/mj-bench/pairs.parquet runs/mj-bench/scores/*\n\n"
    "  tia2 pairs ours.csv runs/ours/a runs/ours/b --calibration textnorm"
)
def pairs(
    preferences: Annotated[
        Path,
        typer.Argument(
            metavar="PAIRS",
            help="A benchmark of pairs, or a file: prompt_id, item_a, item_b, preference (a, b, tie, or a list).",
        ),
    ],
    tables: Annotated[list[str], typer.Argument(metavar="TABLE...", help="Score tables of the items.")],
    calibration: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Calibration of each table, or of all together for an ensemble; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and of the folds.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how well rewards agree with preferences between two images, with intervals over prompts.

    Accuracy without ties, and with ties as a third answer (Deutsch et al. 2023); log-loss; agreement with a vote. With
    several entries: the difference of each from the best, and how far their errors go together.
    """
    from tia2 import console

    with console.warnings_as_lines(), console.stderr.status("Evaluating …"):
        from tia2.evaluation.pairs import compare_pairs, evaluate_pairs
        from tia2.evaluation.pairs.evaluate_pairs import TITLES, check_distinct, errors_correlation

        given = _preferences(preferences)
        entries = _entries(tables, calibration or ["raw"])
        check_distinct(entries)
        results = [evaluate_pairs(given, values, seed=seed) for values in entries]
        order = sorted(range(len(results)), key=lambda number: -results[number].figures["accuracy"].mean)
        best = entries[order[0]]
        gaps = {values.name: compare_pairs(given, values, best, seed=seed)["accuracy"] for values in entries}
        phi = {values.name: errors_correlation(given, values, best) for values in entries}
    if as_json:
        extras = [{"less_the_best": gaps[result.name], "phi_with_best": phi[result.name]} for result in results]
        console.print_json([{**asdict(results[number]), **extras[number]} for number in order])
        return
    first = results[0]
    console.stdout.print(f"{first.pairs:,} pairs of {first.prompts:,} prompts; people tie {first.ties:,}.")
    table = console.table("entry", *(name.replace("_", " ") for name in TITLES), "less the best", "φ with the best")
    for number in order:
        result = results[number]
        figures = [_shown(result.figures[name]) for name in TITLES]
        is_best = number == order[0]
        others = ["—", "—"] if is_best else [_shown(gaps[result.name], "+"), f"{phi[result.name]:.2f}"]
        table.add_row(console.plain(result.name), *figures, *others)
    console.stdout.print(table)
    if first.annotator is not None:
        console.stdout.print(f"One annotator against the others: {_shown(first.annotator)}")
    for name, title in TITLES.items():
        console.stdout.print(f"{name.replace('_', ' ')}: {title}.", markup=False)


def _preferences(path: Path) -> Preferences:
    from tia2.benchmark import load
    from tia2.evaluation.pairs import Preferences

    return Preferences.of_items(load(path).items) if path.is_dir() else Preferences.of(path)


def _entries(tables: list[str], calibrations: list[str]) -> list[Values]:
    from tia2.calibration import calibrate, calibration_of
    from tia2.evaluation.evaluate import load_table

    loaded = [load_table(table) for table in tables]
    entries: list[Values] = []
    for name in calibrations:
        calibration = calibration_of(name)
        groups = [loaded] if calibration.combines else [[table] for table in loaded]
        entries += [calibrate(group, calibration) for group in groups]
    return entries


def _shown(interval: Interval, sign: str = "") -> str:
    return f"{interval.mean:{sign}.3f} ({interval.low:{sign}.3f} to {interval.high:{sign}.3f})"
