"""`tia2 quickstart`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

NOTE = (
    "AUROC of the human label against the reward, within each prompt, averaged over prompts: 0.5 is chance, 1 perfect. "
    "Pooled: over all images of a subset at once, which needs rewards that can be compared between prompts. "
    "The votes of this benchmark are simulated."
)

WROTE = """\
Wrote {folder}
  forest.png           the table as a picture
  contact_sheet.png    what the best reward model ranks first and last
  summary.csv          every metric of every reward model
  results, scores      one file, one folder of rewards for each

Next
  {tia2} evaluate {quoted}/scores/* --metric ap10
  {tia2} rewards show mini-vivid
  {tia2} score --reward FILE.py:NAME --out runs/mine     # NAME: a function in
  {tia2} evaluate runs/mine            # FILE.py, (images, texts) -> rewards
"""


@app.command(epilog="Examples: tia2 quickstart   |   tia2 quickstart --out runs/first --json")
def quickstart(
    out: Annotated[Path, typer.Option(help="The folder for scores, results and pictures.")] = Path("runs/quickstart"),
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Score again, whatever the folder holds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Rank four small reward models on the built-in benchmark.

    Scores 3,000 small images with each, asks how well the rewards agree with (simulated) people, and draws a figure
    and a contact sheet. Takes about a minute; interrupted, it resumes where it stopped.
    """
    from tia2 import console

    with console.stderr.status("Loading …"):
        from tia2.commands.ranking import LEGEND, ranking
        from tia2.quickstart import REWARDS, run

    with console.progress() as bar:
        tasks = {name: bar.add_task(f"Scoring {name:<16}", total=None) for name in REWARDS}

        def show(name: str, done: int, total: int) -> None:
            bar.update(tasks[name], completed=done, total=total)

        outcome = run(out, seed=seed, overwrite=overwrite, progress=show)

    if as_json:
        console.print_json(
            {
                "summary": json.loads(outcome.summary.to_json(orient="records", double_precision=15)),
                "files": {name: str(path) for name, path in outcome.files.items()},
            }
        )
        return
    console.stdout.print(ranking(outcome.summary, "auroc", outcome.groups))
    console.stdout.print(f"\n[dim]{NOTE} {LEGEND}[/dim]\n")
    console.stdout.print(
        WROTE.format(folder=out, quoted=shlex.quote(str(out)), tia2=console.program()), markup=False, soft_wrap=True
    )
