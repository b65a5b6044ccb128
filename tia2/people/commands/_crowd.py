"""`tia2 people crowd-out` and `crowd-in`: studies of pairs on crowd platforms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

OUT_EXAMPLES = """\
Examples:

  tia2 people crowd-out runs/verdict tasks.csv --address https://images.example.org/study
"""
IN_EXAMPLES = """\
Examples:

  tia2 people crowd-in runs/verdict Batch_results.csv --review reviewed.csv

  tia2 people crowd-in runs/verdict prolific.csv --platform prolific
"""
_PLATFORM = typer.Option(metavar="NAME", help="mturk or prolific.")


def crowd_out(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a study of pairs.")],
    tasks: Annotated[Path, typer.Argument(metavar="CSV", help="File to write: one row per task.")],
    address: Annotated[str, typer.Option(help="Address at which STUDY/images is served.")],
    per_task: Annotated[int, typer.Option(help="Pairs per task, apart from the one with a known answer.")] = 10,
) -> None:
    """Write a study's pairs as tasks of a crowd platform, a row each: columns pair_1, prompt_1, left_1, right_1, ….

    The page that shows a task asks for alignment_1, fidelity_1, …, each left, tie or right.
    """
    from tia2 import console
    from tia2.errors import StudyError
    from tia2.files import write_atomically
    from tia2.people.conduct import RejectionRules
    from tia2.people.crowd.answers import csv_text
    from tia2.people.crowd.tasks import crowd_tasks
    from tia2.people.store.study import Study

    opened = Study(study)
    try:
        rows = crowd_tasks(opened, address, per_task)
        raters = opened.settings.votes_per_item
    finally:
        opened.close()
    write_atomically(tasks, csv_text(rows).encode(), StudyError)
    console.stdout.print(f"{len(rows):,} {'task' if len(rows) == 1 else 'tasks'}; ask {raters} people for each.")
    rules = ", or ".join(RejectionRules().sentences())
    console.stdout.print(f"Tell them before they begin that work isn't paid when {rules}.", markup=False)


def crowd_in(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of the study.")],
    results: Annotated[Path, typer.Argument(metavar="CSV", help="The platform's file of results.")],
    platform: Annotated[str, _PLATFORM] = "mturk",
    review: Annotated[
        Path | None, typer.Option(help="File to write: the results with Approve and Reject filled in.")
    ] = None,
    min_checks: Annotated[float, typer.Option(help="Share of known answers that must be right.")] = 0.7,
    min_seconds: Annotated[float, typer.Option(help="Least median time per pair.")] = 1.0,
) -> None:
    """Take the votes of a crowd into a study, and say who is paid, by rules that are alike for all.

    Votes of all are kept; `tia2 people verdict --reject` leaves out those that the rules name. Taking the same file
    again changes nothing.
    """
    from tia2 import console
    from tia2.errors import StudyError
    from tia2.files import write_atomically
    from tia2.people.conduct import RejectionRules
    from tia2.people.crowd.answers import crowd_conducts, csv_text, keep_results, read_results, reviewed_rows
    from tia2.people.crowd.platforms import platform_of
    from tia2.people.store.study import Study

    rules = RejectionRules(checks=min_checks, seconds=min_seconds)
    opened = Study(study)
    try:
        answers = read_results(opened, results, platform_of(platform))
        keep_results(opened, answers)
        everybody = crowd_conducts(opened, answers)
    finally:
        opened.close()
    notes = f"{answers.ignored} submissions don't count by their status, {answers.blank} pairs are blank."
    console.stdout.print(f"{len(answers.votes):,} votes of {len(everybody)} people; {notes}")
    for conduct in everybody:
        if reason := rules.reason(conduct):
            console.stdout.print(f"Not paid: {conduct.rater} {reason}.", markup=False)
    if review is not None:
        rows = reviewed_rows(answers, everybody, rules)
        write_atomically(review, csv_text(rows).encode(), StudyError)
        console.stderr.print("Saved ", console.plain(review), sep="", soft_wrap=True)
