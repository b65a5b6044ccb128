"""`tia2 people new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
Examples:

  tia2 people new runs/study runs/samples --rater Ann --rater Bob --rater Cem

  tia2 people new runs/study runs/samples --question rating --votes 5

  tia2 people new runs/study images.csv --gold known.csv --most 7
"""


def new(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="A new folder for the study.")],
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A folder of samples, or a table of image, prompt.")],
    question: Annotated[
        str, typer.Option(metavar="KIND", help="aligned (yes, no, unsure), rating (1 to 5), elements (each part).")
    ] = "aligned",
    votes: Annotated[int, typer.Option(min=1, help="People per image.")] = 3,
    most: Annotated[
        int | None, typer.Option(help="Up to so many where they differ, in place of a fixed number.")
    ] = None,
    gold: Annotated[Path | None, typer.Option(help="Table of images with known answers, to check raters.")] = None,
    gold_share: Annotated[float, typer.Option(min=0, max=0.5, help="Share of these in what a rater sees.")] = 0.05,
    repeats: Annotated[float, typer.Option(min=0, max=0.5, help="Share that a rater sees a second time.")] = 0.05,
    each: Annotated[int | None, typer.Option(min=1, help="Images that one rater gets at most.")] = None,
    break_every: Annotated[int, typer.Option(min=0, help="Votes until the page proposes a break; 0: never.")] = 50,
    rater: Annotated[list[str] | None, typer.Option(metavar="NAME", help="A rater; can be repeated.")] = None,
    name: Annotated[str | None, typer.Option(help="Name that raters see. Default: the folder's.")] = None,
    guide: Annotated[Path | None, typer.Option(help="Text file that raters read before they begin.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the orders.")] = 0,
) -> None:
    """Make a study: what is asked about which images, and of whom.

    Images are copied without their metadata. Nothing that a rater gets holds a file's name, seed or model.
    """
    from tia2 import console
    from tia2.errors import StudyError, unknown_name
    from tia2.people.sources import items_of
    from tia2.people.store.settings import Adaptive, settings_of
    from tia2.people.store.study import Study

    kinds = ("aligned", "rating", "elements")
    if question not in kinds:
        raise unknown_name("question", question, kinds)
    try:
        text = guide.read_text(encoding="utf-8") if guide else ""
    except (OSError, ValueError) as error:
        raise StudyError(f"{guide} can't be read: {error}.") from None
    settings = settings_of(
        name=name or study.resolve().name,
        question={"kind": question},
        votes_per_item=votes,
        adaptive=None if most is None else Adaptive(most=most),
        gold_share=gold_share if gold else 0.0,
        repeat_share=repeats,
        items_per_rater=each,
        break_every=break_every,
        seed=seed,
        guide=text,
    )
    items = items_of(source, settings.question)
    checks = [] if gold is None else items_of(gold, settings.question, gold=True)
    created = Study.create(study, settings, [*items, *checks])
    for person in rater or ():
        created.add_rater(person)
    created.close()
    more = f", and {len(checks):,} with known answers" if checks else ""
    console.stdout.print(console.plain(f"{study}: {len(items):,} images{more}"), soft_wrap=True)
    console.stderr.print("\nNext: ", console.plain(f"{console.program()} people vote {study}"), sep="", soft_wrap=True)
