"""`tia2 people plan`: how many pairs it takes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tia2.people.comparing.clustered import Components

EXAMPLES = """\
Examples:

  tia2 people plan --pairs 20

  tia2 people plan --half-width 7

  tia2 people plan --half-width 7 --raters 5 --prompt-sd 20 --rater-sd 3 --vote-sd 35

  tia2 people plan --half-width 7 --raters 3 --pilot runs/pilot
"""


def plan(
    pairs: Annotated[int | None, typer.Option(help="Number of pairs, one per prompt; says how narrow it gets.")] = None,
    half_width: Annotated[
        float | None, typer.Option(help="Half-width of the interval, in points; says how many pairs it takes.")
    ] = None,
    raters: Annotated[int, typer.Option(help="Number of raters, each of whom votes on every pair.")] = 1,
    rate: Annotated[
        float | None, typer.Option("--win-rate", help="True win rate in percent; says how likely a verdict is.")
    ] = None,
    prompt_sd: Annotated[float | None, typer.Option(help="Standard deviation between prompts, in points.")] = None,
    rater_sd: Annotated[float | None, typer.Option(help="Standard deviation between raters, in points.")] = None,
    vote_sd: Annotated[float | None, typer.Option(help="Standard deviation of a vote otherwise, in points.")] = None,
    pilot: Annotated[
        Path | None, typer.Option(metavar="STUDY", help="A study whose votes say how far votes spread.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulations.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how many pairs a verdict takes, before anyone is asked.

    Without a pilot or standard deviations, votes spread as far as they can: half of the prompts all for one model, half
    all for the other. That is what one vote per pair comes to, and no study needs more pairs.
    """
    from tia2 import console
    from tia2.errors import UsageError

    if (pairs is None) == (half_width is None):
        raise UsageError("Give either --pairs or --half-width: the other one is what is asked for.")
    with console.warnings_as_lines(), console.stderr.status("Planning …"):
        from tia2.people.comparing.planning import chance_of_verdict, plan_for, prompts_needed, prompts_until_stop

        components = _components(prompt_sd, rater_sd, vote_sd, pilot)
        planned = (
            plan_for(pairs, raters, components, seed)
            if pairs is not None
            else prompts_needed((half_width or 0) / 100, raters, components, seed)
        )
        content: dict[str, Any] = asdict(planned)
        if rate is not None:
            content["chance_of_verdict"] = chance_of_verdict(rate / 100, planned, seed)
            content["prompts_until_stop"] = prompts_until_stop(rate / 100, raters, components, seed)
    if as_json:
        ends = content.get("prompts_until_stop", ())
        console.print_json({**content, "prompts_until_stop": [None if end == float("inf") else end for end in ends]})
        return
    votes = planned.prompts * planned.raters
    console.stdout.print(
        f"{planned.prompts:,} pairs with {planned.raters} vote{'s' * (planned.raters > 1)} each ({votes:,} votes) give "
        f"±{100 * planned.half_width:.0f} points (±{100 * planned.half_width_normal:.0f} if the spread were known)."
    )
    if rate is not None:
        ends = content["prompts_until_stop"]
        first, median, last = ("over 1,500" if end == float("inf") else f"{end:,.0f}" for end in ends)
        console.stdout.print(
            f"With a true win rate of {rate:g} %, {content['chance_of_verdict']:.0%} of such studies settle it. "
            f"Stopping early, half of the studies settle it after {median} pairs, "
            f"the middle half between {first} and {last}."
        )


def _components(
    prompt_sd: float | None, rater_sd: float | None, vote_sd: float | None, pilot: Path | None
) -> Components:
    from tia2.errors import UsageError
    from tia2.people.comparing.clustered import Components
    from tia2.people.comparing.planning import WORST

    given = [sd is not None for sd in (prompt_sd, rater_sd, vote_sd)]
    if pilot is not None and any(given):
        raise UsageError("Give either a --pilot or standard deviations.")
    if pilot is not None:
        return _of_pilot(pilot)
    if not any(given):
        return WORST
    prompts, raters, votes = ((sd or 0.0) / 100 for sd in (prompt_sd, rater_sd, vote_sd))
    return Components(prompts**2, raters**2, votes**2)


def _of_pilot(folder: Path) -> Components:
    from tia2.errors import ResultError
    from tia2.people.comparing.clustered import Components
    from tia2.people.comparing.win_rates import win_rates
    from tia2.people.store.study import Study
    from tia2.people.verdict.study_pairs import study_pairs

    study = Study(folder)
    try:
        pairs = study_pairs(study)
    finally:
        study.close()
    parts = [
        rate.rate.components for aspect in pairs.votes.aspects for rate in win_rates(pairs.votes.of_aspect(aspect))
    ]
    parts = [part for part in parts if part.votes == part.votes]
    if not parts:
        raise ResultError(f"{folder} has votes on fewer than two prompts: they don't say how far votes spread.")
    # The aspect and the models that spread furthest: the plan then holds for the others, too.
    widest = max(parts, key=lambda part: part.prompts + part.raters + part.votes)
    return Components(max(widest.prompts, 0.0), widest.raters, widest.votes)
