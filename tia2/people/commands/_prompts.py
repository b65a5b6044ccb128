"""`tia2 people prompts`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

EXAMPLES = """\
Examples:

  tia2 people prompts prompts.json

  tia2 people prompts prompts.json --world mini --most 6

  tia2 people prompts prompts.json --objects objects.txt --recipe counting --number 1 --number 3

  tia2 people prompts prompts.json --file my.txt
"""
SHOWN = 10


def prompts(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The .json file to write.")],
    recipe: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="comprehensive, counting, composition; all by default; can be repeated."),
    ] = None,
    world: Annotated[str, typer.Option(help="world, or mini: what the miniature world can draw.")] = "world",
    objects: Annotated[Path | None, typer.Option(help="Text file with an object per line, such as: red car.")] = None,
    number: Annotated[
        list[int] | None, typer.Option(help="A number to count to; can be repeated. Default: 1-6.")
    ] = None,
    template: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Template of comprehensive prompts, as: {a} near {b}.")
    ] = None,
    lead: Annotated[str | None, typer.Option(help="Beginning of prompts of counting and composition.")] = None,
    file: Annotated[list[Path] | None, typer.Option(help="A file of prompts to add; can be repeated.")] = None,
    most: Annotated[int | None, typer.Option(min=1, help="Prompts per recipe to draw at most.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what is drawn.")] = 0,
) -> None:
    """Write prompts by TIA2's recipe, or those of your files, with contrastive prompts by rule.

    Prompts that say the same, and contrastive prompts that are prompts of the set themselves, are named. With --file
    and no --recipe, the files' prompts are all.
    """
    from tia2 import console
    from tia2.errors import StudyError, unknown_name
    from tia2.files import write_atomically
    from tia2.people.making.recipes import (
        COMPREHENSIVE,
        LEAD,
        MINI_OBJECTS,
        OBJECTS,
        RecipePrompt,
        doubts,
        recipe_prompts,
    )
    from tia2.prompts.prompt_files import read_prompts
    from tia2.prompts.rules.contrastive import contrastive_prompts

    if out.suffix != ".json":
        raise StudyError(f"Expected a .json file to write to, got {out}.")
    if world not in COMPREHENSIVE:
        raise unknown_name("world", world, COMPREHENSIVE)
    nouns: tuple[str, ...] = MINI_OBJECTS if world == "mini" else OBJECTS
    if objects is not None:
        nouns = tuple(read_prompts(objects))
    listed: list[RecipePrompt] = []
    for kind in recipe or ([] if file else ["comprehensive", "counting", "composition"]):
        listed += recipe_prompts(
            kind,
            nouns,
            numbers=number or ((1, 2, 3, 4, 5) if world == "mini" else (1, 2, 3, 4, 5, 6)),
            lead=("" if world == "mini" else LEAD) if lead is None else lead,
            templates=template or COMPREHENSIVE[world],
            most=most,
            seed=seed,
        )
    for path in file or ():
        subset = "".join(letter if letter.isalnum() else "-" for letter in path.stem)
        listed += [RecipePrompt(text, subset, tuple(contrastive_prompts(text))) for text in read_prompts(path)]
    counts: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    for prompt in listed:
        position = counts[prompt.subset] = counts.get(prompt.subset, -1) + 1
        contrastive = list(prompt.contrastive_prompts)
        rows.append({"prompt": prompt.prompt, "subset": prompt.subset, "prompt_id": f"{prompt.subset}/{position}",
                     "contrastive_prompts": contrastive})  # fmt: skip
    import json

    write_atomically(out, (json.dumps(rows, indent=1, ensure_ascii=False) + "\n").encode(), StudyError)
    parts = ", ".join(f"{subset} {count + 1:,}" for subset, count in counts.items())
    console.stdout.print(console.plain(f"{out}: {len(rows):,} prompts ({parts})"), soft_wrap=True)
    doubtful = doubts(listed)
    for doubt in doubtful[:SHOWN]:
        console.stdout.print(console.plain(f"{doubt.kind}: {doubt.prompt!r} and {doubt.other!r}"), soft_wrap=True)
    if len(doubtful) > SHOWN:
        console.stdout.print(f"… and {len(doubtful) - SHOWN:,} more")
    without = sum(not prompt.contrastive_prompts for prompt in listed)
    if without:
        console.stderr.print(
            f"{without:,} prompts have no contrastive prompts by rule: see tia2 prompts contrast --llm."
        )
