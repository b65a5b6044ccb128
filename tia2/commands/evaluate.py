"""`tia2 evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tia2.errors import ResultError, unknown_name

if TYPE_CHECKING:
    from tia2.evaluation import Result

app = typer.Typer()

EXAMPLES = """\
Examples:

  tia2 evaluate runs/quickstart/scores/*

  tia2 evaluate runs/mine --metric spearman --out mine.json

  tia2 evaluate --reward mini-strong --benchmark mini --json
"""


@app.command(epilog=EXAMPLES)
def evaluate(
    tables: Annotated[
        list[Path] | None, typer.Argument(metavar="TABLE...", help="Score tables: folders that `tia2 score` wrote.")
    ] = None,
    reward: Annotated[
        list[str] | None, typer.Option(help="Score with this reward first, keeping nothing; can be repeated.")
    ] = None,
    benchmark: Annotated[str, typer.Option(help="The benchmark for --reward.")] = "mini",
    metric: Annotated[str, typer.Option(help="The metric to show and to rank by.")] = "auroc",
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Save results: FILE.json for one entry, a folder for several.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as a JSON list.")] = False,
) -> None:
    """Say how well rewards agree with people, with intervals.

    Reads score tables, so it needs no model, no images and no GPU.

    Shows, for each subset, the mean over prompts with its 95 % interval, the same over all items pooled, how many
    items are tied, and how many prompts and items stand behind it. Prompts whose labels are all equal have no contrast
    and are left out.
    """
    from tia2 import console

    if not tables and not reward:
        raise ResultError("Expected at least one score table, or --reward; got neither. See: tia2 evaluate --help")
    if out is not None and out.suffix == ".json" and len(tables or []) + len(reward or []) > 1:
        raise ResultError(f"Expected a folder for the results of several entries, got the file {str(out)!r}.")
    with console.warnings_as_lines(), console.stderr.status("Evaluating …"):
        from tia2.evaluation import METRICS

        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)
        results = _results(tables or [], reward or [], benchmark, seed)
    if out is not None:
        _save(results, out)
    if as_json:
        console.print_json([json.loads(result.model_dump_json()) for result in results])
        return

    from tia2.commands.ranking import coverage, ranking
    from tia2.evaluation import summarise

    summary = summarise(results)
    console.stdout.print("Benchmark ", console.plain(results[0].benchmark.name), "\n", sep="")
    console.stdout.print(ranking(summary, metric))
    console.stdout.print()
    console.stdout.print(coverage(summary))
    if out is not None:
        console.stderr.print("Saved ", console.plain(out), sep="")


def _results(tables: list[Path], rewards: list[str], benchmark: str, seed: int) -> list[Result]:
    from tia2.evaluation import evaluate as evaluate_entry

    results = [evaluate_entry(table, seed=seed) for table in tables]
    if rewards:
        from tia2.benchmark import load

        items = load(benchmark)
        results += [evaluate_entry(reward, items, seed=seed) for reward in rewards]
    return results


def _save(results: list[Result], out: Path) -> None:
    names = [result.entry.name for result in results]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ResultError(f"Several entries are named {', '.join(sorted(twice))}: save their results one at a time.")
    for result in results:
        result.save(out if out.suffix == ".json" else out / f"{result.entry.name.replace('/', '-')}.json")
