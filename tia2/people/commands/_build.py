"""`tia2 people build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
Examples:

  tia2 people build runs/study runs/ours

  tia2 people build runs/study runs/ours --without Dora --no-contrastive
"""


def build(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The study's folder.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder for the benchmark.")],
    name: Annotated[str | None, typer.Option(help="The benchmark's name. Default: that of DIR.")] = None,
    without: Annotated[list[str] | None, typer.Option(metavar="NAME", help="A rater to leave out.")] = None,
    contrastive: Annotated[
        bool, typer.Option("--contrastive/--no-contrastive", help="Whether prompts get contrastive prompts, by rule.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a benchmark of a study's votes, with a card, as load_dataset knows it.

    The card says who was asked and how they agree; raters have numbers for names.
    """
    from tia2 import console

    with console.warnings_as_lines():
        from tia2.people.building.build import build as build_benchmark
        from tia2.people.store.study import Study

        opened = Study(study)
        built = build_benchmark(opened, folder, name=name, contrastive=contrastive, without=tuple(without or ()))
        opened.close()
    items = built.benchmark.items
    if as_json:
        console.print_json(
            {
                "folder": str(built.folder),
                "items": len(items),
                "prompts": int(items["prompt_id"].nunique()),
                "aligned": float(items["label"].mean()),
                "changed_by_rater_model": built.changed,
                "notes": built.benchmark.notes,
            }
        )
        return
    prompts = items["prompt_id"].nunique()
    console.stdout.print(console.plain(f"{built.folder}: {len(items):,} items of {prompts:,} prompts"), soft_wrap=True)
    for note in built.benchmark.notes:
        if not note.startswith("|"):
            console.stdout.print(note, markup=False)
    following = f"{console.program()} score --benchmark {folder} --reward …"
    console.stderr.print("\nNext: ", console.plain(following), sep="", soft_wrap=True)
