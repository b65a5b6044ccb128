"""`tia2 quickstart`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

NEXT = """\
[bold]Next[/bold]
  tia2 evaluate {scores}/*  --metric ap10    other metrics of the same scores
  tia2 rewards list                          what is known of each reward model
  tia2 score --reward my_reward.py:MyReward --out runs/mine
                                             your own reward model
"""


@app.command(epilog="Examples: tia2 quickstart   |   tia2 quickstart --out runs/first --json")
def quickstart(
    out: Annotated[Path, typer.Option(help="The folder for scores, results and pictures.")] = Path("runs/quickstart"),
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Rank four small reward models on the built-in benchmark.

    Scores 3,000 small images with each, asks how well the rewards agree with (simulated) people, and draws a figure
    and a contact sheet. Takes about a minute; broken off, it goes on where it stopped.
    """
    from tia2 import console

    with console.stderr.status("Loading …"):
        from tia2.commands.ranking import ranking
        from tia2.quickstart import REWARDS, run

    with console.progress() as bar:
        tasks = {name: bar.add_task(f"Scoring {name:<16}", total=None) for name in REWARDS}

        def show(name: str, done: int, total: int) -> None:
            bar.update(tasks[name], completed=done, total=total)

        outcome = run(out, seed=seed, progress=show)

    if as_json:
        console.print_json(
            {
                "summary": json.loads(outcome.summary.to_json(orient="records", double_precision=15)),
                "files": {name: str(path) for name, path in outcome.files.items()},
            }
        )
        return
    say = console.stdout.print
    say(ranking(outcome.summary, "auroc"))
    say(
        "\n[dim]AUROC of the human label against the reward: 0.5 is chance, 1 is perfect. mean: within each prompt,"
        "\naveraged over prompts. pooled: over all images of a subset at once. Where intervals overlap, the"
        "\norder is not settled. The votes of this benchmark are simulated.[/dim]\n"
    )
    say(f"[bold]Wrote[/bold] {out}/: {', '.join(path.name for path in outcome.files.values())}\n")
    say(NEXT.format(scores=outcome.files["scores"]))
