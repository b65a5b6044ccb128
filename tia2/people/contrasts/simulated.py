"""Simulated readers: they compare two texts by what these say, and err in ways that are known."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np

from tia2.prompts.rules.meaning import meaning

if TYPE_CHECKING:
    from tia2.people.store.study import Study


def let_read(study: Study, names: tuple[str, ...], error: float = 0.1, seed: int = 0) -> int:
    """Let readers answer everything that a study of contrastive prompts asks.

    Two texts differ when their words say something else; one that differs describes a failure.

    Args:
        study: The study.
        names: Names of the readers, who become its raters.
        error: Chance of the opposite answer, for each question.
        seed: Seed of the errors.

    Returns:
        Number of votes.
    """
    votes = 0
    for number, name in enumerate(names):
        rater, rng = study.add_rater(name), np.random.default_rng([seed, number])
        while waiting := study.queue(rater).assignments:
            (given,) = waiting
            differ = meaning(given.prompt) != meaning(given.texts[0])
            answers = {aspect: "yes" if differ != (rng.random() < error) else "no" for aspect in given.aspects}
            votes += study.vote(rater, given.id, answers, secrets.token_hex(16), 5.0)
    return votes
