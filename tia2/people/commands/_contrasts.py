"""`tia2 people contrasts`: contrastive prompts judged by people."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tia2.people.contrasts.judged import ContrastEffect, JudgedContrasts

EXAMPLES = """\
Examples:

  tia2 people contrasts runs/contrasts --of runs/quickstart/scores/mini-strong --count 100

  tia2 people contrasts runs/contrasts

  tia2 people contrasts runs/contrasts runs/quickstart/scores/mini-strong runs/quickstart/scores/mini-web
"""


def contrasts(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of the study; a new one with --of.")],
    tables: Annotated[
        list[Path] | None, typer.Argument(metavar="[TABLE]...", help="Score tables with the same contrastive prompts.")
    ] = None,
    of: Annotated[
        Path | None,
        typer.Option("--of", metavar="TABLE", help="Score table whose contrastive prompts are asked about."),
    ] = None,
    count: Annotated[int | None, typer.Option(help="Number of contrastive prompts to ask about. Default: all.")] = None,
    raters: Annotated[int, typer.Option(help="Votes per contrastive prompt.")] = 3,
    checks: Annotated[int, typer.Option(help="Prompts shown beside themselves, which check raters.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the choice, of orders and of the bootstrap.")] = 0,
    temperature: Annotated[
        float | None, typer.Option(help="Temperature of TextNorm. Default: the one of each model's card.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask people whether contrastive prompts say something else and describe a failure, and say what they answered.

    With --of a study is made. Without, the votes are summed up: which contrastive prompts are paraphrases, how often
    reward models give them high scores, and what TextNorm gains when they are left out.
    """
    from tia2 import console
    from tia2.errors import UsageError

    if of is not None:
        if tables:
            raise UsageError("--of makes a study; score tables are for one that has votes.")
        _make(study, of, count, raters, checks, seed)
        return
    with console.warnings_as_lines(), console.stderr.status("Counting …"):
        from tia2.calibration import TextNorm
        from tia2.evaluation.evaluate import load_table
        from tia2.people.contrasts.judged import contrast_effects, judged_contrasts
        from tia2.people.store.study import Study

        opened = Study(study)
        try:
            judged = judged_contrasts(opened)
        finally:
            opened.close()
        loaded = [load_table(path) for path in tables or []]
        textnorm = None if temperature is None else TextNorm(temperature=temperature)
        effects = contrast_effects(judged, loaded, textnorm=textnorm, seed=seed) if loaded else []
    if as_json:
        console.print_json(_json(judged, effects))
    else:
        _print(judged, effects)


def _make(study: Path, of: Path, count: int | None, raters: int, checks: int, seed: int) -> None:
    from tia2 import console
    from tia2.evaluation.evaluate import load_table
    from tia2.people.contrasts.asking import contrast_items
    from tia2.people.store.settings import settings_of
    from tia2.people.store.study import Study

    items = load_table(of).items
    listed = {prompt: list(texts[1:]) for prompt, texts in zip(items["prompt"], items["texts"], strict=True)}
    asked = contrast_items(listed, count, checks, seed)
    settings = settings_of(
        name="Do these texts say the same?",
        question={"kind": "contrast"},
        votes_per_item=raters,
        gold_share=0.1 if checks else 0,
        seed=seed,
    )
    Study.create(study, settings, asked).close()
    number = sum(item.gold is None for item in asked)
    console.stdout.print(f"{number:,} contrastive prompts of {len({item.prompt for item in asked}):,} prompts.")
    console.stderr.print("Next: tia2 people vote ", console.plain(str(study)), sep="", soft_wrap=True)


def _json(judged: JudgedContrasts, effects: list[ContrastEffect]) -> dict[str, Any]:
    from tia2.people.verdict.words import plain_numbers

    content = {
        "contrastive_prompts": judged.frame.to_dict("records"),
        "paraphrases": asdict(judged.paraphrases),
        "alpha": judged.alpha,
        "unasked": judged.unasked,
        "rewards": [{**asdict(effect), "gain": effect.gain._asdict()} for effect in effects],
    }
    plain: dict[str, Any] = plain_numbers(content)
    return plain


def _print(judged: JudgedContrasts, effects: list[ContrastEffect]) -> None:
    from tia2 import console
    from tia2.people.verdict.words import percent

    frame = judged.frame
    paraphrases = frame[frame["paraphrase"]]
    console.stdout.print(
        f"Of {len(frame):,} contrastive prompts, {len(paraphrases):,} are paraphrases to most people, and "
        f"{int(frame['no_failure'].sum()):,} describe no failure. {percent(judged.paraphrases)} of the votes see no "
        f"difference; alpha {judged.alpha['different']:.2f} and {judged.alpha['failure']:.2f}."
    )
    if len(paraphrases):
        table = console.table("prompt", "paraphrase", "different", "votes")
        for row in paraphrases.sort_values("different").head(15).to_dict("records"):
            texts = (console.plain(row["prompt"]), console.plain(row["contrastive_prompt"]))
            table.add_row(*texts, f"{row['different']:.2f}", str(row["votes"]))
        console.stdout.print(table)
    if effects:
        table = console.table("reward", "paraphrase scores high", "others do", "TextNorm", "without", "gain")
        for effect in effects:
            gain = f"{effect.gain.mean:+.4f} ({effect.gain.low:+.4f} to {effect.gain.high:+.4f})"
            shares = ("–" if share != share else f"{share:.0%}" for share in (effect.high, effect.high_others))
            figures = (f"{figure:.3f}" for figure in (effect.with_all, effect.without))
            table.add_row(console.plain(effect.name), *shares, *figures, gain)
        console.stdout.print(table)
