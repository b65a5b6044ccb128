"""From prompts to a benchmark and a verdict with simulated people, held against answers that are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tia2.people.building.build import BuiltBenchmark, build
from tia2.people.demo_models import ModelsDemo, compare_generators
from tia2.people.making.recipes import COMPREHENSIVE, MINI_OBJECTS, RecipePrompt, recipe_prompts
from tia2.people.making.sampling import SampleSettings, sample_prompts
from tia2.people.mapped import EMBEDDED
from tia2.people.quality import StudyState, state_of
from tia2.people.simulated.annotators import CONTRARIAN, PEOPLE, SPAMMER, SimulatedRater, judged
from tia2.people.simulated.voting import let_vote
from tia2.people.sources import items_of
from tia2.people.store.items import NewItem
from tia2.people.store.settings import settings_of
from tia2.people.store.study import Study
from tia2.progress import Progress, silent

if TYPE_CHECKING:
    from tia2.evaluation import Result

REWARDS = ("mini-strong", "mini-web", "mini-countblind", "mini-vivid")
DEMO = SampleSettings(guidance=1.5, batch=50)
"""Guidance as for `mini`: easy prompts fail now and then, too."""
GOLD_EVERY = 10
"""Every so many images, one has a known answer in a second copy, with which raters are checked."""

COMPARED = 6
"""Images per prompt of which each is compared with that of another generator."""


class RewardRow(NamedTuple):
    """A reward model on the benchmark that was made, and on the embedded one.

    Attributes:
        name: Name of the reward model.
        figure: Mean AUROC on the benchmark that was made.
        low: Lower end of its interval.
        high: Upper end of its interval.
        embedded: Mean AUROC on `mini`.
        embedded_low: Lower end of its interval.
        embedded_high: Upper end of its interval.
    """

    name: str
    figure: float
    low: float
    high: float
    embedded: float
    embedded_low: float
    embedded_high: float


class PeopleDemo(NamedTuple):
    """What the demo made.

    Attributes:
        folder: Folder of all that it made.
        state: State of the study at its end.
        built: The benchmark.
        rows: The rewards, best first.
        contradictions: Pairs of rewards that the two benchmarks put in clearly opposite orders.
        models: Two generators that the same people compared.
    """

    folder: Path
    state: StudyState
    built: BuiltBenchmark
    rows: list[RewardRow]
    contradictions: list[tuple[str, str]]
    models: ModelsDemo


def run_demo(
    folder: Path,
    *,
    prompts: int = 6,
    images: int = 20,
    votes: int = 5,
    seed: int = 0,
    device: str = "cpu",
    rewards: Sequence[str] = REWARDS,
    people: Sequence[SimulatedRater] = (*PEOPLE, SPAMMER, CONTRARIAN),
    progress: Progress = silent,
) -> PeopleDemo:
    """Make a benchmark with simulated people, evaluate rewards on it, and let the people compare two generators.

    Args:
        folder: Where to; what is there already isn't made again.
        prompts: Prompts per subset.
        images: Images per prompt.
        votes: Votes per image.
        seed: Seed of all of it.
        device: Device to run on.
        rewards: Names of reward models of the miniature world.
        people: The people.
        progress: Called with what is being made, how much of it is done, and how much there is.

    Returns:
        What was made.

    Raises:
        Tia2Error: A step can't be done.
    """
    listed = [
        {**prompt._asdict(), "contrastive_prompts": list(prompt.contrastive_prompts)}
        for prompt in mini_prompts(prompts, seed)
    ]
    sample_prompts(
        listed, folder / "samples", images=images, seed=seed, settings=DEMO, device=device, progress=progress
    )
    study = _study(folder, votes, seed)
    let_vote(study, people, seed, progress=lambda _, done, total: progress("votes", done, total))
    state = state_of(study)
    apart = tuple(rater.name for rater in state.raters if rater.apart)
    built = build(study, folder / "benchmark", name="ours", without=apart)
    study.close()
    rows = _evaluated(folder, rewards, seed, progress)
    models = compare_generators(
        folder,
        listed,
        people,
        settings=DEMO,
        images=min(images, COMPARED),
        seed=seed,
        device=device,
        progress=progress,
    )
    return PeopleDemo(folder, state, built, rows, contradictions(rows), models)


def mini_prompts(most: int, seed: int = 0) -> list[RecipePrompt]:
    """Return prompts of the miniature world, so many per subset, by TIA2's recipe."""
    return [
        prompt
        for kind in ("comprehensive", "counting", "composition")
        for prompt in recipe_prompts(
            kind, MINI_OBJECTS, numbers=(1, 2, 3, 4, 5), lead="", templates=COMPREHENSIVE["mini"], most=most, seed=seed
        )
    ]


def contradictions(rows: Sequence[RewardRow]) -> list[tuple[str, str]]:
    """Return pairs of rewards whose intervals are apart on both benchmarks, in opposite orders.

    Args:
        rows: The rewards.

    Example:
        >>> contradictions([RewardRow("a", 0.9, 0.8, 1, 0.9, 0.8, 1), RewardRow("b", 0.6, 0.5, 0.7, 0.6, 0.5, 0.7)])
        []
    """
    return [
        (first.name, second.name)
        for first in rows
        for second in rows
        if first.low > second.high and first.embedded_high < second.embedded_low
    ]


def _study(folder: Path, votes: int, seed: int) -> Study:
    path = folder / "study"
    if (path / "study.json").is_file():
        return Study(path, durable=False)
    settings = settings_of(name="Miniature world", votes_per_item=votes, seed=seed)
    items = items_of(folder / "samples", settings.question)
    return Study.create(path, settings, [*items, *_gold(items)], durable=False)


def _gold(items: Sequence[NewItem]) -> list[NewItem]:
    """Return some images with the answer of the exact judge, as an owner would look at some himself."""
    checks = []
    for item in items[::GOLD_EVERY]:
        seen = judged(item.images[0].read_bytes(), item.prompt)
        if not seen.unsure:
            answer: dict[str, str | int] = {"alignment": "yes" if seen.accepted else "no"}
            checks.append(NewItem(f"gold {item.key}", item.prompt, item.images, facts=item.facts, gold=answer))
    return checks


def _evaluated(folder: Path, rewards: Sequence[str], seed: int, progress: Progress) -> list[RewardRow]:
    from tia2.evaluation import evaluate
    from tia2.scoring import ScoreTable, score

    rows = []
    for name in rewards:
        table = score(name, str(folder / "benchmark"), folder / "scores" / name, progress=progress)
        ours, embedded = (_auroc(evaluate(scored, seed=seed)) for scored in (table, ScoreTable.load(EMBEDDED / name)))
        rows.append(RewardRow(name, *ours, *embedded))
    return sorted(rows, key=lambda row: -row.figure)


def _auroc(result: Result) -> tuple[float, float, float]:
    estimate = result.overall.metrics["auroc"]
    return estimate.mean, estimate.low, estimate.high
