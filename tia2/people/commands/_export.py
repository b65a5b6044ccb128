"""`tia2 people export` and `tia2 people backup`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXPORT_EXAMPLES = """\
Examples:

  tia2 people export runs/study votes.csv

  tia2 people export runs/study votes.parquet --names --undone
"""
BACKUP_EXAMPLES = """\
Example:

  tia2 people backup runs/study votes-friday.sqlite
"""
StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="The study's folder.")]


def export(
    study: StudyFolder,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv, .parquet or .jsonl file to write.")],
    names: Annotated[bool, typer.Option("--names", help="Raters' names, in place of numbers.")] = False,
    undone: Annotated[bool, typer.Option("--undone", help="Votes that were taken back, too.")] = False,
) -> None:
    """Write all votes with their times, one row each; people may vote meanwhile.

    The file can be made into a benchmark in other ways: tia2 data make.
    """
    from tia2 import console
    from tia2.errors import StudyError
    from tia2.files import replacing
    from tia2.people.building.build import pseudonyms
    from tia2.people.store.study import Study

    if out.suffix not in (".csv", ".parquet", ".jsonl"):
        raise StudyError(f"Expected a .csv, .parquet or .jsonl file to write to, got {out}.")
    opened = Study(study)
    frame = opened.votes(everything=undone)
    if not names:
        frame["rater"] = frame["rater"].map(pseudonyms(opened))
    prompts = {item.key: item.prompt for item in opened.items()}
    frame.insert(1, "prompt", frame["item"].map(prompts))
    opened.close()
    with replacing(out, StudyError) as unfinished:
        if out.suffix == ".csv":
            frame.to_csv(unfinished, index=False)
        elif out.suffix == ".parquet":
            frame.to_parquet(unfinished, index=False)
        else:
            frame.to_json(unfinished, orient="records", lines=True, force_ascii=False)
    console.stdout.print(console.plain(f"{out}: {len(frame):,} votes"), soft_wrap=True)


def backup(
    study: StudyFolder,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
) -> None:
    """Copy all votes as they are at one moment, while people vote on.

    The copy takes the place of STUDY/votes.sqlite when that is lost; keep STUDY/secret too, or no link works.
    """
    from tia2 import console
    from tia2.people.store.study import Study

    opened = Study(study)
    opened.backup(out)
    opened.close()
    console.stdout.print(console.plain(f"{out}: a copy of the votes of {study}"), soft_wrap=True)
