"""`tia2 import-scores` and `tia2 export-scores`: rewards that other programs computed, or will use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tia2.commands.options import Config, Split

import_app = typer.Typer()
export_app = typer.Typer()


@import_app.command(
    epilog="Examples:\n\n  tia2 import-scores ours scores.csv --name MyReward\n\n"
    "  tia2 import-scores counting scores.parquet --name MyReward --card card.json --by 'B. Author, eval.py'\n\n"
    "The file has the columns item_id and reward, one row per item; or item_id, text and reward, one row for each "
    "item and text of TextNorm: its prompt and every contrastive prompt. Of pairs: item_a, item_b, reward_a and "
    "reward_b, or the columns that --pair and --reward name."
)
def import_scores(
    benchmark: Annotated[str, typer.Argument(metavar="BENCHMARK", help="A config, folder or Parquet file.")],
    scores: Annotated[Path, typer.Argument(metavar="FILE", help="Rewards as .csv, .tsv, .jsonl, .json or .parquet.")],
    name: Annotated[str, typer.Option(help="Name of the reward model in tables and figures.")],
    card: Annotated[
        Path | None, typer.Option(help="JSON file with facts about it: formula, range, licence, training_data, …")
    ] = None,
    by: Annotated[str, typer.Option(metavar="TEXT", help="Person or program that computed the rewards.")] = "unknown",
    pair: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="The two items of a pair, of a file with a row per pair; twice."),
    ] = None,
    reward: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Rewards of the two items of a pair; twice. Default: reward_a, reward_b."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="PATH|URL", help="Folder for the score table, or a URL. Default: runs/BENCHMARK/NAME."),
    ] = None,
    split: Split = None,
    config: Config = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out items without a reward; results are then partial.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another table in the folder.")] = False,
) -> None:
    """Make a score table of rewards that were computed elsewhere: no images, no model, no PyTorch.

    The table says that it was imported, and that no image was seen.
    """
    from tia2 import console
    from tia2.commands.options import run_folder

    with console.warnings_as_lines(), console.stderr.status("Importing …"):
        from tia2.benchmark import load
        from tia2.scoring import import_scores as import_table

        loaded = load(benchmark, split=split, config=config)
        folder = run_folder(out, loaded.name, name)
        table = import_table(
            loaded,
            scores,
            name=name,
            card=card,
            computed_by=by,
            pair=pair or (),
            rewards=reward or (),
            out=folder,
            allow_missing=allow_missing,
            overwrite=overwrite,
        )
    rewarded = len(table) - len(table.skipped)
    console.stdout.print(
        console.plain(f"{folder}: rewards of {rewarded:,} of {len(table):,} items, imported as {table.name}"),
        soft_wrap=True,
    )
    console.stderr.print(
        "\nNext: ", console.plain(console.program()), " evaluate ", console.plain(str(folder)), sep="", soft_wrap=True
    )


@export_app.command(
    epilog="Examples:\n\n  tia2 export-scores runs/quickstart/scores/mini-strong rewards.csv\n\n"
    "  tia2 export-scores runs/mini/mini-strong rewards.parquet --raw"
)
def export_scores(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A score table: its folder or URL.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file: .csv, .jsonl or .parquet.")],
    raw: Annotated[
        bool, typer.Option("--raw", help="One row per item, with the reward of its own prompt alone.")
    ] = False,
) -> None:
    """Write a score table's rewards as a plain file, which `tia2 import-scores` reads back exactly."""
    from tia2 import console

    with console.warnings_as_lines(), console.stderr.status("Writing …"):
        from tia2.scoring import ScoreTable
        from tia2.scoring import export_scores as export_table

        loaded = ScoreTable.load(table)
        written = export_table(loaded, file, texts=False if raw else None)
    console.stdout.print(console.plain(f"{written}: the rewards of {loaded.name}"), soft_wrap=True)
