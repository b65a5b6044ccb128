"""`tia2 people demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tia2.people.demo_models import ModelsDemo

EXAMPLES = """\
Examples:

  tia2 people demo

  tia2 people demo --out runs/small --prompts 3 --images 8
"""


def demo(
    out: Annotated[Path, typer.Option(help="Folder for all that it makes.")] = Path("runs/people-demo"),
    prompts: Annotated[int, typer.Option(min=2, help="Prompts per subset.")] = 6,
    images: Annotated[int, typer.Option(min=2, help="Images per prompt.")] = 20,
    votes: Annotated[int, typer.Option(min=2, help="Votes per image.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all of it.")] = 0,
    device: Annotated[str, typer.Option(help="Where to run: auto, cpu, cuda, cuda:1, mps.")] = "auto",
) -> None:
    """Go from prompts to a benchmark with simulated people, where the truth is known.

    Samples images of the miniature world, lets seven people vote (a spammer and a contrarian among them), builds a
    benchmark, and says whether it ranks four reward models as the embedded one does. Then the people compare two
    generators of which the better one is known. Takes a few minutes.
    """
    from tia2 import console

    with console.warnings_as_lines(), console.progress() as bars:
        from tia2.devices import pick_device
        from tia2.people.demo import run_demo

        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        outcome = run_demo(
            out,
            prompts=prompts,
            images=images,
            votes=votes,
            seed=seed,
            device=str(pick_device(device)),
            progress=show,
        )
    raters = console.table(
        "rater", "votes", "correlation", "known answers", right=("votes", "correlation", "known answers")
    )
    for rater in outcome.state.raters:
        apart = " (stands apart, left out)" if rater.apart else ""
        raters.add_row(f"{rater.name}{apart}", f"{rater.votes:,}", f"{rater.agreement:.2f}", _share(rater.gold))
    console.stdout.print(raters)
    items = outcome.built.benchmark.items
    console.stdout.print(
        f"\n{outcome.built.folder}: {len(items):,} images of {items['prompt_id'].nunique()} prompts, "
        f"{items['label'].mean():.0%} aligned\n",
        markup=False,
    )
    figures = console.table("reward", "AUROC here", "AUROC on mini", right=("AUROC here", "AUROC on mini"))
    for row in outcome.rows:
        figures.add_row(
            row.name,
            f"{row.figure:.3f} [{row.low:.3f}, {row.high:.3f}]".replace("[", "\\["),
            f"{row.embedded:.3f} [{row.embedded_low:.3f}, {row.embedded_high:.3f}]".replace("[", "\\["),
        )
    console.stdout.print(figures)
    if outcome.contradictions:
        for first, second in outcome.contradictions:
            console.stdout.print(f"The two benchmarks contradict each other: is {first} or {second} better?")
    else:
        console.stdout.print("Both benchmarks rank the rewards alike, within their intervals.")
    _print_models(outcome.models)


def _print_models(models: ModelsDemo) -> None:
    from tia2 import console
    from tia2.people.verdict.words import percent, sentence

    truth = models.truth
    console.stdout.print("\n" + sentence(models.alignment, "alignment"), markup=False, highlight=False)
    console.stdout.print(
        f"The exact judge prefers {models.alignment.rate.first} on {percent(truth.rate)} of the {truth.pairs:,} "
        f"pairs: people and judge {'agree' if models.agree else 'disagree'} on which is better.",
        markup=False,
        highlight=False,
    )
    console.stderr.print("Saved ", console.plain(models.page), sep="", soft_wrap=True)


def _share(value: float) -> str:
    return "–" if value != value else f"{value:.0%}"
