"""`tia2 data agreement`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tia2.commands.options import Config, Split

if TYPE_CHECKING:
    from tia2.evaluation.result import Agreement


def agreement(
    benchmark: Annotated[str, typer.Argument(metavar="BENCHMARK", help="A config, folder or Parquet file.")],
    metric: Annotated[str, typer.Option(help="The metric of one annotator and of the noise ceiling.")] = "auroc",
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    split: Split = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how well people agree: Krippendorff's alpha, one annotator, the noise ceiling, each two raters.

    No score table is needed. Each two raters are compared where the benchmark says who they are.
    """
    from tia2 import console
    from tia2.commands.data.quiet import quiet_datasets
    from tia2.errors import BenchmarkError

    with quiet_datasets(), console.warnings_as_lines(), console.stderr.status("Measuring …"):
        from tia2.benchmark import load
        from tia2.evaluation.bootstrap import RESAMPLES
        from tia2.evaluation.metrics.pair_metrics import PAIR_METRICS, metric_among, metric_named
        from tia2.evaluation.people.raters import rater_correlations
        from tia2.evaluation.people.reference_rows import people

        metric_named(metric)
        loaded = load(benchmark, split=split, config=config)
        metric = metric_among(metric, PAIR_METRICS) if "preferences" in loaded.items else metric
        figures = people(loaded.items, seed, RESAMPLES, loaded.scale)
        named = loaded.scale is not None and loaded.scale.raters is not None and "ratings" in loaded.items
        pairs = rater_correlations(loaded.items["ratings"].tolist(), loaded.scale) if named and loaded.scale else []
    if figures is None and not pairs:
        raise BenchmarkError(f"{loaded.name} has no item with two votes or ratings, so nothing says how people agree.")
    if as_json:
        console.print_json(
            {
                "people": {subset: part.model_dump(mode="json") for subset, part in (figures or {}).items()},
                "raters": [pair._asdict() for pair in pairs],
            }
        )
        return
    title = metric_named(metric).title
    columns = ("alpha, interval", "alpha, ordinal", f"one annotator, {title}", f"noise ceiling, {title}")
    table = console.table("subset", *columns)
    for subset, part in (figures or {}).items():
        alphas = [_alpha(part.agreement), _alpha(part.ordinal)]
        table.add_row(
            console.plain(subset),
            *alphas,
            *(str(figures_of.get(metric, "—")) for figures_of in (part.annotator, part.ceiling)),
        )
    console.stdout.print(table)
    if pairs:
        numbers = ("items", "Spearman", "Kendall", "difference")
        listing = console.table("rater", "rater", *numbers, right=numbers)
        for pair in pairs:
            listing.add_row(
                console.plain(pair.first),
                console.plain(pair.second),
                f"{pair.items:,}",
                f"{pair.spearman:.3f}",
                f"{pair.kendall:.3f}",
                f"{pair.difference:+.2f}",
            )
        console.stdout.print(listing)


def _alpha(alpha: Agreement | None) -> str:
    return "—" if alpha is None else f"{alpha.alpha:.3f} ({alpha.low:.3f} to {alpha.high:.3f})"
