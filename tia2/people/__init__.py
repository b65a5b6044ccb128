"""People: ask them about images, keep their votes, and say what these are worth."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tia2.people.building.build import build as build
    from tia2.people.building.dawid_skene import dawid_skene as dawid_skene
    from tia2.people.comparing.bradley_terry import bradley_terry as bradley_terry
    from tia2.people.comparing.clustered import clustered_mean as clustered_mean
    from tia2.people.comparing.pair_votes import PairVotes as PairVotes
    from tia2.people.comparing.planning import plan_for as plan_for
    from tia2.people.comparing.planning import prompts_needed as prompts_needed
    from tia2.people.comparing.sequence import confidence_sequence as confidence_sequence
    from tia2.people.comparing.win_rates import win_rates as win_rates
    from tia2.people.conduct import RejectionRules as RejectionRules
    from tia2.people.contrasts.simulated import let_read as let_read
    from tia2.people.making.recipes import recipe_prompts as recipe_prompts
    from tia2.people.making.sampling import sample_prompts as sample_prompts
    from tia2.people.pairing.create import create_pairs as create_pairs
    from tia2.people.quality import state_of as state_of
    from tia2.people.simulated.annotators import PEOPLE as PEOPLE
    from tia2.people.simulated.annotators import SimulatedRater as SimulatedRater
    from tia2.people.simulated.voting import let_vote as let_vote
    from tia2.people.store.items import NewItem as NewItem
    from tia2.people.store.question import StudyQuestion as StudyQuestion
    from tia2.people.store.settings import Adaptive as Adaptive
    from tia2.people.store.settings import StudySettings as StudySettings
    from tia2.people.store.study import Study as Study
    from tia2.people.verdict.decide import verdict_on as verdict_on
    from tia2.people.verdict.study_pairs import study_pairs as study_pairs
    from tia2.people.verdict.writing import write_verdict as write_verdict

_LAZY = {
    "Adaptive": "store.settings",
    "NewItem": "store.items",
    "PEOPLE": "simulated.annotators",
    "PairVotes": "comparing.pair_votes",
    "RejectionRules": "conduct",
    "SimulatedRater": "simulated.annotators",
    "Study": "store.study",
    "StudyQuestion": "store.question",
    "StudySettings": "store.settings",
    "bradley_terry": "comparing.bradley_terry",
    "build": "building.build",
    "clustered_mean": "comparing.clustered",
    "confidence_sequence": "comparing.sequence",
    "create_pairs": "pairing.create",
    "dawid_skene": "building.dawid_skene",
    "let_read": "contrasts.simulated",
    "let_vote": "simulated.voting",
    "plan_for": "comparing.planning",
    "prompts_needed": "comparing.planning",
    "recipe_prompts": "making.recipes",
    "sample_prompts": "making.sampling",
    "state_of": "quality",
    "study_pairs": "verdict.study_pairs",
    "verdict_on": "verdict.decide",
    "win_rates": "comparing.win_rates",
    "write_verdict": "verdict.writing",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"tia2.people.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'tia2.people' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
