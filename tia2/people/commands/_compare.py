"""`tia2 people compare`: a blind study of two models or more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tia2.people.pairing.create import Judge

EXAMPLES = """\
Examples:

  tia2 people compare runs/mini-ddpo@base runs/mini-ddpo --out runs/verdict

  tia2 people compare base=samples/a tuned=samples/b --strip 4 --raters 5 --out runs/verdict

  tia2 people compare a b c --pairs 300 --judge mini-strong --out runs/tournament
"""


def compare(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...", help="Folders of images, fine-tuning runs, or RUN@CHECKPOINT; NAME=FOLDER names one."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the new study.")],
    pairs: Annotated[int | None, typer.Option(help="Number of pairs. Default: one for each prompt and seed.")] = None,
    strip: Annotated[int, typer.Option(help="Images of each model that are shown at once.")] = 1,
    raters: Annotated[int, typer.Option(help="Votes per pair, each of another rater.")] = 3,
    aspects: Annotated[str, typer.Option(help="Questions to ask apart, with commas.")] = "alignment,fidelity",
    checks: Annotated[int, typer.Option(help="Pairs with a known answer, which check raters.")] = 4,
    judge: Annotated[
        list[str] | None, typer.Option(metavar="REWARD", help="Reward model to compare with people; repeatable.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name that raters see.")] = "Which image is better?",
    seed: Annotated[int, typer.Option(help="Seed of orders and sides.")] = 0,
) -> None:
    """Make a blind study that compares models on the same prompts and seeds, for `tia2 people vote`.

    Raters see prompts and pixels: no names, seeds or files. Sides are balanced; every two models meet equally often.
    """
    from tia2 import console

    with console.warnings_as_lines(), console.stderr.status("Reading images …"):
        from tia2.people.pairing.create import create_pairs
        from tia2.people.pairing.sources import model_images
        from tia2.people.store.settings import settings_of

        settings = settings_of(
            name=name,
            question={"kind": "pair", "aspects": tuple(aspect.strip() for aspect in aspects.split(","))},
            votes_per_item=raters,
            gold_share=0.1 if checks else 0,
            seed=seed,
        )
        listed = [model_images(spec) for spec in models]
        judges = _judges(judge or [])
        result = create_pairs(out, settings, listed, pairs=pairs, strip=strip, checks=checks, judges=judges)
    left = f" {result.left_out:,} images that not all models have are left out." if result.left_out else ""
    alike = f" {result.alike:,} pairs show the same image twice." if result.alike else ""
    console.stdout.print(
        f"{result.pairs:,} pairs of {', '.join(result.models)} on {result.prompts:,} prompts, and {result.checks} "
        f"with a known answer.{left}{alike}",
        markup=False,
    )
    console.stderr.print("Next: tia2 people vote ", console.plain(str(out)), sep="", soft_wrap=True)


def _judges(names: Sequence[str]) -> dict[str, Judge]:
    from tia2.decoding import read_rgb
    from tia2.rewards import RewardModel, load_reward

    def judge_of(reward: RewardModel) -> Judge:
        def score(contents: Sequence[bytes], prompts: Sequence[str]) -> Sequence[float]:
            rewards = reward.score([read_rgb(content) for content in contents], prompts)
            return [float(value) for value in rewards]

        return score

    return {reward.name: judge_of(reward) for reward in map(load_reward, names)}
