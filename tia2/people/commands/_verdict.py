"""`tia2 people verdict`: what the votes of a study of pairs say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tia2.people.verdict.decide import StudyVerdict

EXAMPLES = """\
Examples:

  tia2 people verdict runs/verdict

  tia2 people verdict runs/verdict --half-width 7 --reject --out runs/verdict-report

  tia2 people verdict runs/verdict --json
"""


def verdict(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a study of pairs.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the page and its figures; none if not given.")] = None,
    half_width: Annotated[
        float | None, typer.Option(help="Half-width in points at which a win rate is known well enough to stop.")
    ] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Leave out raters by the rules of rejection.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the resamples.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which model people prefer, how surely, whether judges agree, and whether one can stop asking."""
    from tia2 import console

    width = None if half_width is None else half_width / 100
    with console.warnings_as_lines(), console.stderr.status("Counting …"):
        from tia2.people.conduct import NO_RULES, RejectionRules
        from tia2.people.store.study import Study
        from tia2.people.verdict.decide import verdict_on
        from tia2.people.verdict.study_pairs import study_pairs
        from tia2.people.verdict.words import as_json as content_of

        opened = Study(study)
        try:
            pairs = study_pairs(opened, RejectionRules() if reject else NO_RULES)
        finally:
            opened.close()
        result = verdict_on(pairs, seed=seed)
        files: list[Path] = []
        if out is not None:
            from tia2.people.verdict.writing import write_verdict

            files = write_verdict(result, out, width)
    if as_json:
        console.print_json(content_of(result, width))
    else:
        _print(result, width, RejectionRules().sentences() if reject else [])
    for path in files:
        console.stderr.print("Saved ", console.plain(path), sep="", soft_wrap=True)


def _print(result: StudyVerdict, width: float | None, rules: list[str]) -> None:
    from tia2 import console
    from tia2.people.verdict.decide import stop_advice
    from tia2.people.verdict.words import judge_sentences, looking, percent, sentence

    for aspect in result.aspects:
        for outcome in aspect.pairs:
            lines = [sentence(outcome, aspect.aspect), looking(outcome), *judge_sentences(outcome)]
            position = outcome.rate.position
            if position is not None and position.p_value(0.0) < 0.05:
                lines.append(f"Raters favour a side: being on the left adds {percent(position)}.")
            if outcome.alpha.alpha == outcome.alpha.alpha:
                lines.append(f"Krippendorff's alpha {outcome.alpha.alpha:.2f}; {len(outcome.disputed)} in dispute.")
            for number, line in enumerate(lines):
                console.stdout.print(("  " if number else "") + line, markup=False, highlight=False)
        if aspect.strengths is not None:
            strengths = aspect.strengths
            table = console.table("model", "strength", "low", "high", title=f"{aspect.aspect}: strengths")
            for number in sorted(range(len(strengths.models)), key=lambda number: -strengths.strengths[number]):
                ends = (strengths.strengths[number], strengths.low[number], strengths.high[number])
                table.add_row(console.plain(strengths.models[number]), *(f"{end:+.2f}" for end in ends))
            console.stdout.print(table)
            if not strengths.bounded:
                console.stdout.print("A model, or a group, always won: its strength has no bound and is pulled.")
    for conduct in result.study.raters:
        if reason := result.study.rejected.get(conduct.rater):
            console.stdout.print(f"Left out: {conduct.rater} {reason}.", markup=False)
    if rules:
        console.stderr.print(f"A rater is left out when {', or '.join(rules)}.", markup=False)
    console.stdout.print(stop_advice(result, width).reason, markup=False)
