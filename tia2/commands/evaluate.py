"""`tia2 evaluate`."""

from __future__ import annotations

import json
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tia2.commands.options import Config, Split
from tia2.errors import ResultError, UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from tia2.benchmark import Benchmark
    from tia2.evaluation import Result
    from tia2.scoring import ScoreTable

app = typer.Typer()

EXAMPLES = """\
Examples:

  tia2 evaluate runs/quickstart/scores/*

  tia2 evaluate runs/mine --metric spearman --out mine.json

  tia2 evaluate runs/mine --calibration raw --calibration textnorm --setting cv

  tia2 evaluate runs/field/* --ensemble mean --ensemble ur --setting cv

  tia2 evaluate runs/tia2/clip --published all

  tia2 evaluate runs/quickstart/results/*.json --metric kendall
"""

TEXTNORM = "TextNorm"
ENTRIES = "Entries"


@app.command(epilog=EXAMPLES)
def evaluate(
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TABLE...",
            help="Score tables that `tia2 score` wrote (path or URL), or results that --out saved.",
        ),
    ] = None,
    reward: Annotated[
        list[str] | None, typer.Option(help="Score with this reward first, keeping nothing; can be repeated.")
    ] = None,
    benchmark: Annotated[str, typer.Option(help="The benchmark for --reward.")] = "mini",
    split: Split = None,
    config: Config = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="A local copy of TIA2 for --reward. Without it TIA2_DATA_DIR is asked.")
    ] = None,
    metric: Annotated[str, typer.Option(help="The metric to show and to rank by.")] = "auroc",
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and of the folds.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Save results: FILE.json for one entry, a folder for several.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as a JSON list.")] = False,
    calibration: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="raw, textnorm, or any other that --list-calibrations shows, of each table; settings follow a colon, "
            "as in textnorm:temperature=0.5. Can be repeated.",
            rich_help_panel=ENTRIES,
        ),
    ] = None,
    list_calibrations: Annotated[
        bool,
        typer.Option("--list-calibrations", help="List the calibrations, and stop.", rich_help_panel=ENTRIES),
    ] = False,
    ensemble: Annotated[
        list[str] | None,
        typer.Option(help="mean or ur of the TextNorm values of all tables; can be repeated.", rich_help_panel=ENTRIES),
    ] = None,
    published: Annotated[
        str | None,
        typer.Option(
            metavar="SUBSET",
            help="Add the figures released with the paper: comprehensive, counting, composition or all.",
            rich_help_panel=ENTRIES,
        ),
    ] = None,
    prompts: Annotated[
        str | None,
        typer.Option(
            metavar="metric|label|defined",
            help="Prompts to leave out: those that a metric can't be computed on; or for all metrics those whose "
            "labels are all equal, as released figures do; or those whose values are all equal, too. Default: metric; "
            "with --published label.",
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            help="fixed; cv, by cross-validation over prompts; or oracle, on the test labels. Can be repeated.",
            rich_help_panel=TEXTNORM,
        ),
    ] = None,
    scaling: Annotated[
        str | None, typer.Option(help="temperature or minmax; temperature if not given.", rich_help_panel=TEXTNORM)
    ] = None,
    temperature: Annotated[
        list[float] | None,
        typer.Option(
            help="Temperature, instead of the documented one; once, or once per table.", rich_help_panel=TEXTNORM
        ),
    ] = None,
    scale: Annotated[float | None, typer.Option(help="c of min-max scaling.", rich_help_panel=TEXTNORM)] = None,
    penalty: Annotated[float | None, typer.Option(help="λ of the ensemble ur.", rich_help_panel=TEXTNORM)] = None,
) -> None:
    """Say how well rewards agree with people, with intervals.

    Reads score tables, so it needs no model, no images and no GPU.

    Shows, for each subset, the mean over prompts with its 95 % interval, the same over all items pooled, and how well
    people themselves agree. With several entries, # is the interval of the rank, and entries that share a letter are
    not separable at 5 %. Prompts whose labels are all equal have no contrast and are left out, by rank correlations
    those whose human scores are all equal.
    """
    from tia2 import console

    if list_calibrations:
        _print_calibrations()
        return
    if not tables and not reward and not published:
        raise UsageError("Expected at least one score table, or --reward; got neither. See: tia2 evaluate --help")
    # A reward's own code may change the current folder.
    target = None if out is None else Path.cwd() / out
    with (
        console.warnings_as_lines(),
        console.stderr.status("Evaluating …"),
        console.foreign_output_to_stderr(),
    ):
        from tia2.commands.entries import Recipe
        from tia2.evaluation import Result, summarise
        from tia2.evaluation.metrics.pair_metrics import metric_among, metric_named
        from tia2.files import check_writable

        metric_named(metric)  # refuses an unknown one before anything is computed
        prompts_by = _prompts_by(prompts, published)
        recipe = Recipe(
            calibrations=calibration or ["raw"],
            ensembles=ensemble or [],
            settings=setting,
            scaling=scaling,
            temperatures=temperature,
            scale=scale,
            penalty=penalty,
            seed=seed,
            prompts=prompts_by,
        )
        if target is not None:
            check_writable(target)
        saved = [Result.load(path) for path in tables or [] if _is_saved(path)]
        folders = [path for path in tables or [] if not _is_saved(path)]
        if folders or reward:
            # One file holds one entry, which is known before anything is computed.
            most = 1 - len(saved) if out is not None and out.suffix == ".json" else None
            scored = _tables(folders, reward or [], partial(_benchmark, benchmark, split, config, data_dir))
            results = recipe.results(scored, most) + saved
        else:
            recipe.check_unused()
            results = saved
        if published is not None:
            from tia2.evaluation.published import published as released

            results += released(published, seed=seed)
        if out is not None and out.suffix == ".json" and len(results) > 1:
            raise UsageError(f"Expected a folder for the results of several entries, got the file {str(out)!r}.")
        # Refuses what doesn't belong together, before anything is printed or saved.
        summary = summarise(results)
        metric = metric_among(metric, results[0].overall.metrics)
        _check_measured(results[0], metric)
        _warn_of_undefined(results, metric)
        groups = _groups(results, metric)
    if as_json:
        console.print_json([json.loads(result.model_dump_json()) for result in results])
    else:
        _print(results, summary, metric, groups)
    # Last, so that a disk that is full by now costs the files alone.
    if target is not None:
        _save(results, target)
        console.stderr.print("Saved ", console.plain(out), sep="")


def _print(results: list[Result], summary: pd.DataFrame, metric: str, groups: pd.DataFrame | None) -> None:
    from tia2 import console
    from tia2.commands.ranking import LEGEND, coverage, ranking

    console.stdout.print("Benchmark ", console.plain(results[0].benchmark.name), "\n", sep="")
    console.stdout.print(ranking(summary, metric, groups))
    if groups is not None:
        console.stdout.print(f"\n[dim]{LEGEND}[/dim]")
    console.stdout.print()
    console.stdout.print(coverage(summary, results, metric))


def _print_calibrations() -> None:
    from tia2 import console
    from tia2.calibration import CALIBRATIONS

    plugins = CALIBRATIONS.plugins()
    listing = console.table("name", "from", "what it is")
    for name, calibration in CALIBRATIONS.items():
        listing.add_row(*map(console.plain, (name, plugins[name].source, calibration.definition)))
    console.stdout.print(listing)


def _is_saved(path: str) -> bool:
    return path.lower().endswith(".json")


def _benchmark(name: str, split: str | None, config: str | None, data_dir: Path | None) -> Benchmark:
    from tia2.benchmark import load

    return load(name, data_dir=data_dir, split=split, config=config)


def _tables(tables: list[str], rewards: list[str], benchmark: Callable[[], Benchmark]) -> list[ScoreTable]:
    from tia2.evaluation.evaluate import load_table
    from tia2.scoring import score

    loaded = [load_table(table) for table in tables]
    if rewards:
        items = benchmark()
        loaded += [score(reward, items) for reward in rewards]
    return loaded


def _groups(results: list[Result], metric: str) -> pd.DataFrame | None:
    """Return what can be told apart, or None where results can't be compared prompt by prompt."""
    from tia2.evaluation import separate

    entries = [result for result in results if not result.entry.upper_bound]
    if len(entries) < 2:
        return None
    try:
        return separate(entries, metric)
    except ResultError as error:
        # The table says what each entry reaches, but not why nothing tells them apart.
        warnings.warn(f"Without rank intervals and groups: {error}", stacklevel=2)
        return None


def _prompts_by(given: str | None, published: str | None) -> Literal["metric", "label", "defined"]:
    """Return which prompts are left out; beside released figures those that the released figures leave out."""
    if given is None:
        return "metric" if published is None else "label"
    if given == "metric":
        return "metric"
    if given == "label":
        return "label"
    if given == "defined":
        return "defined"
    raise unknown_name("way to leave out prompts", given, ("metric", "label", "defined"))


def _check_measured(result: Result, metric: str) -> None:
    """Refuse a metric of items where people compared pairs, and one of pairs where they judged items."""
    from tia2.evaluation.metrics.pair_metrics import PAIR_METRICS

    has = result.overall.metrics
    if (metric in PAIR_METRICS) != any(name in PAIR_METRICS for name in has):
        raise UsageError(f"--metric {metric} isn't measured on {result.benchmark.name}; it has {', '.join(has)}.")


def _warn_of_undefined(results: list[Result], metric: str) -> None:
    """Say so where no prompt can be used, rather than show an empty table."""
    import math

    from tia2.evaluation.metrics.pair_metrics import metric_named

    if all(math.isnan(result.overall.metrics[metric].mean) for result in results if metric in result.overall.metrics):
        contrast = metric_named(metric).contrast
        judged = {"labels": "labels", "human_scores": "human scores", "pairs": "preferences"}[contrast]
        usable = [name for name, figure in results[0].overall.metrics.items() if not math.isnan(figure.mean)]
        advice = f" --metric {usable[0]} can." if usable else ""
        if not usable and not math.isnan(results[0].overall.metrics[metric].pooled):
            advice = " Shown is the pooled figure: over all items at once, its interval over resampled prompts."
        warnings.warn(
            f"{metric_named(metric).title} can't be computed: no prompt has {judged} that differ.{advice}", stacklevel=2
        )


def _save(results: list[Result], out: Path) -> None:
    names = [result.entry.name for result in results]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ResultError(f"Several entries are named {', '.join(sorted(twice))}: save their results one at a time.")
    for result in results:
        result.save(out if out.suffix == ".json" else out / f"{result.entry.name.replace('/', '-')}.json")
