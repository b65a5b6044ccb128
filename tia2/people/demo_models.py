"""Two generators compared by simulated people, where the exact judge knows the better one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tia2.people.conduct import RejectionRules
from tia2.people.making.sampling import SampleSettings, sample_prompts
from tia2.people.pairing.create import create_pairs
from tia2.people.pairing.sources import ModelImages, model_images
from tia2.people.simulated.annotators import SimulatedRater, judged
from tia2.people.simulated.voting import let_vote
from tia2.people.store.settings import settings_of
from tia2.people.store.study import Study
from tia2.people.verdict.decide import PairOutcome, StudyVerdict, verdict_on
from tia2.people.verdict.study_pairs import study_pairs
from tia2.people.verdict.writing import write_verdict
from tia2.progress import Progress, silent

if TYPE_CHECKING:
    from tia2.people.comparing.judges import JudgedContest

EXACT = "exact judge"
HALFWAY = "mini-halfway"
"""The miniature generator at half of its training, the worse of the two."""


class ModelsDemo(NamedTuple):
    """Two generators that simulated people compared.

    Attributes:
        verdict: The verdict of the people who weren't left out.
        page: Page with its figures.
    """

    verdict: StudyVerdict
    page: Path

    @property
    def alignment(self) -> PairOutcome:
        """What people say of alignment."""
        return self.verdict.aspects[0].pairs[0]

    @property
    def truth(self) -> JudgedContest:
        """What the exact judge says of the same pairs."""
        return next(judge for judge in self.alignment.judges if judge.name == EXACT)

    @property
    def agree(self) -> bool:
        """Whether people prefer the generator that the exact judge prefers."""
        return (self.alignment.rate.rate.mean > 0.5) == (self.truth.rate.mean > 0.5)


def compare_generators(
    folder: Path,
    prompts: Sequence[dict[str, Any]],
    people: Sequence[SimulatedRater],
    *,
    settings: SampleSettings,
    images: int = 4,
    votes: int = 3,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> ModelsDemo:
    """Let simulated people compare the miniature generator with itself at half of its training.

    Args:
        folder: Folder of the demo, whose samples are those of the trained generator.
        prompts: Prompts of these samples.
        people: The people.
        settings: Steps and guidance of these samples.
        images: Images per prompt to compare, at most those that were sampled.
        votes: Votes per pair.
        seed: Seed of the samples, orders and votes.
        device: Device to sample on.
        progress: Called with what is being made, how much of it is done, and how much there is.

    Raises:
        Tia2Error: A step can't be done.
    """
    worse = folder / "samples-halfway"
    sample_prompts(
        prompts, worse, model=HALFWAY, images=images, seed=seed, settings=settings, device=device, progress=progress
    )
    models = [model_images(f"mini={folder / 'samples'}"), model_images(f"{HALFWAY}={worse}")]
    study = _study(folder / "comparison", models, votes, seed)
    let_vote(study, people, seed, progress=lambda _, done, total: progress("votes on pairs", done, total))
    pairs = study_pairs(study, RejectionRules())
    study.close()
    verdict = verdict_on(pairs, seed=seed)
    page, *_ = write_verdict(verdict, folder / "verdict")
    return ModelsDemo(verdict, page)


def _study(folder: Path, models: Sequence[ModelImages], votes: int, seed: int) -> Study:
    if not (folder / "study.json").is_file():
        question = {"kind": "pair", "aspects": ("alignment", "fidelity")}
        settings = settings_of(
            name="Which image is better?", question=question, votes_per_item=votes, gold_share=0.1, seed=seed
        )
        create_pairs(folder, settings, models, checks=4, judges={EXACT: _exact})
    return Study(folder, durable=False)


def _exact(contents: Sequence[bytes], prompts: Sequence[str]) -> list[float]:
    """Return the exact judge's scores of images."""
    return [judged(content, prompt).score for content, prompt in zip(contents, prompts, strict=True)]
