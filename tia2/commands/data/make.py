"""`tia2 data make`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tia2.commands.options import Config, Split
from tia2.errors import UsageError

if TYPE_CHECKING:
    from tia2.benchmark import Benchmark

COLUMNS, PAIRS = "Columns", "Pairs, one per row"
_SCALE = re.compile(r"\s*(-?[0-9.]+)\s*(?:-|to|:|\.\.)\s*(-?[0-9.]+)\s*")
_BINS = 10
_BAR = 40


def make(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A CSV, TSV, JSON Lines, JSON or Parquet file, a WebDataset archive, a folder, a URL, or a Hub id.",
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder for the benchmark.")],
    prompt: Annotated[str | None, typer.Option(metavar="COLUMN", help="The prompts.", rich_help_panel=COLUMNS)] = None,
    image: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The images: files or bytes.", rich_help_panel=COLUMNS)
    ] = None,
    rating: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Ratings; once per rater, or a column of lists.", rich_help_panel=COLUMNS),
    ] = None,
    vote: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Votes, 1, 0 or -1 (unsure); once per annotator, or a column of lists.",
            rich_help_panel=COLUMNS,
        ),
    ] = None,
    score: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Mean judgements.", rich_help_panel=COLUMNS)
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Labels, where no rule makes them.", rich_help_panel=COLUMNS),
    ] = None,
    rater: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Raters' ids, with one row per rating.", rich_help_panel=COLUMNS),
    ] = None,
    item: Annotated[str | None, typer.Option(metavar="COLUMN", help="Item ids.", rich_help_panel=COLUMNS)] = None,
    prompt_id: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Prompt ids.", rich_help_panel=COLUMNS)
    ] = None,
    subset: Annotated[str | None, typer.Option(metavar="COLUMN", help="Subsets.", rich_help_panel=COLUMNS)] = None,
    contrastive: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Lists of contrastive prompts.", rich_help_panel=COLUMNS)
    ] = None,
    captions_of: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="The image that several captions are of: group by it.", rich_help_panel=COLUMNS
        ),
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="The two items of a pair, ids or files; twice.", rich_help_panel=PAIRS),
    ] = None,
    preference: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Preferences, a, b, tie or the better item's id; once per vote, or a column of lists.",
            rich_help_panel=PAIRS,
        ),
    ] = None,
    pair_image: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="The two images of a pair; twice.", rich_help_panel=PAIRS),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Public layout: pick-a-pic, imagerewarddb, hpdv2, evalmuse or richhf. Default: by the columns.",
        ),
    ] = None,
    scale: Annotated[str | None, typer.Option(metavar="LOW-HIGH", help="The scale of ratings, as in 1-5.")] = None,
    aligned_from: Annotated[float | None, typer.Option(help="Mean rating from which on an item is aligned.")] = None,
    aligned_above: Annotated[
        float | None, typer.Option(help="Mean rating above which it is. Default: the scale's middle.")
    ] = None,
    drop_invalid: Annotated[
        bool, typer.Option("--drop-invalid", help="Take judgements off the scale for gaps, and count them.")
    ] = False,
    images: Annotated[
        Path | None, typer.Option(help="Folder that image files are relative to. Default: the table's.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The benchmark's name. Default: that of DIR.")] = None,
    split: Split = None,
    config: Config = None,
) -> None:
    """Make a benchmark of judgements that you have, with its card.

    Ids are derived where no column has them. What isn't on the scale, listed twice or missing is refused by row.
    Shows how the judgements are distributed, and puts a sheet of images beside the card.
    """
    from tia2 import console
    from tia2.commands.data.quiet import quiet_datasets

    with quiet_datasets(), console.warnings_as_lines(), console.stderr.status("Making …"):
        from tia2.benchmark import export
        from tia2.benchmark import make as make_benchmark
        from tia2.benchmark.making.preview import contact_sheet

        benchmark = make_benchmark(
            source,
            prompt=prompt,
            image=image,
            ratings=rating or (),
            votes=vote or (),
            human_score=score,
            label=label,
            rater=rater,
            item=item,
            prompt_id=prompt_id,
            subset=subset,
            contrastive=contrastive,
            captions_of=captions_of,
            pair=pair or (),
            preferences=preference or (),
            pair_images=pair_image or (),
            layout=layout,
            scale=_scale(scale, aligned_from, aligned_above),
            invalid="drop" if drop_invalid else "refuse",
            split=split,
            config=config,
            images_dir=images,
            name=name or folder.resolve().name,
        )
        written = export(benchmark, folder, allow_missing=True)
        sheet = contact_sheet(benchmark, written / "preview.png")
    _print_preview(benchmark, written, sheet)


def _scale(text: str | None, aligned_from: float | None, aligned_above: float | None) -> dict[str, Any] | None:
    """Return the fields of a scale that the options state."""
    if text is None:
        if aligned_from is not None or aligned_above is not None:
            raise UsageError("--aligned-from and --aligned-above are on a scale: add --scale, as in --scale 1-5.")
        return None
    match = _SCALE.fullmatch(text)
    try:
        low, high = (float(number) for number in match.groups()) if match else (None, None)
    except ValueError:
        low = None
    if low is None:
        raise UsageError(f"--scale {text!r} is not of the form LOW-HIGH, for example 1-5.")
    rule = {"aligned_from": aligned_from, "aligned_above": aligned_above}
    return {"low": low, "high": high, **{key: number for key, number in rule.items() if number is not None}}


def _print_preview(benchmark: Benchmark, written: Path, sheet: Path | None) -> None:
    from tia2 import console

    prompts = benchmark.items["prompt_id"].nunique()
    console.stdout.print(console.plain(f"{written}: {len(benchmark):,} items of {prompts:,} prompts"), soft_wrap=True)
    for note in benchmark.notes:
        console.stdout.print(console.plain(note), soft_wrap=True)
    if benchmark.scale is not None:
        console.stdout.print(
            f"aligned: {benchmark.scale.rule}; {benchmark.items['label'].mean():.1%} are", markup=False
        )
    for line in histogram(benchmark):
        console.stdout.print(console.plain(line), soft_wrap=True)
    if sheet is not None:
        console.stdout.print(console.plain(f"Some of the images: {sheet}"), soft_wrap=True)
    console.stderr.print(
        "\nNext: ",
        console.plain(f"{console.program()} score --benchmark {written} --reward …")
        if benchmark.has_images
        else console.plain(f"{console.program()} import-scores {written} scores.csv --name …"),
        sep="",
        soft_wrap=True,
    )


def histogram(benchmark: Benchmark) -> list[str]:
    """Return a bar for each of ten ranges of human scores, and how many items are in it.

    Args:
        benchmark: The benchmark.
    """
    import numpy as np

    scores = benchmark.items["human_score"].to_numpy(np.float64)
    low, high = (0.0, 1.0) if scores.min() >= 0 and scores.max() <= 1 else (scores.min(), scores.max())
    counts, edges = np.histogram(scores, bins=_BINS, range=(low, high))
    lines = ["human score   items"]
    for count, start, end in zip(counts, edges[:-1], edges[1:], strict=True):
        bar = "#" * int(np.ceil(_BAR * count / max(counts.max(), 1)))
        lines.append(f"{start:5.2f}–{end:<5.2f} {count:8,}  {bar}".rstrip())
    return lines
