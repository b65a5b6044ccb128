"""Simulated people at work: they take what waits, look at it, and vote, through what a page does for anybody."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from tia2.people.simulated.annotators import SimulatedRater
from tia2.people.store.items import RaterQueue, StudyRater
from tia2.people.store.question import StudyQuestion
from tia2.people.store.study import Study
from tia2.progress import Progress, silent


class VotingDesk(Protocol):
    """What a rater sees of a study: a page, or the store behind it."""

    question: StudyQuestion

    def queue(self, ahead: int) -> RaterQueue:
        """Return what waits."""

    def picture(self, assignment: str, number: int) -> bytes:
        """Return an image file as it is shown."""

    def vote(self, assignment: str, answer: object, vote_id: str, seconds: float) -> bool:
        """Give a vote."""


class StudyDesk:
    """A desk at the store itself.

    Args:
        study: The study.
        rater: The rater who sits there.
    """

    def __init__(self, study: Study, rater: StudyRater) -> None:
        self._study, self._rater = study, rater
        self.question = study.settings.question

    def queue(self, ahead: int) -> RaterQueue:
        """Return what waits."""
        return self._study.queue(self._rater, ahead)

    def picture(self, assignment: str, number: int) -> bytes:
        """Return an image file as it is shown."""
        return self._study.picture(self._rater, assignment, number).read_bytes()

    def vote(self, assignment: str, answer: object, vote_id: str, seconds: float) -> bool:
        """Give a vote."""
        return self._study.vote(self._rater, assignment, answer, vote_id, seconds)


def vote_some(desk: VotingDesk, person: SimulatedRater, rng: np.random.Generator, votes: int, ahead: int = 5) -> int:
    """Let a person vote on what waits.

    Args:
        desk: Where the person sits.
        person: The person.
        rng: Source of all randomness.
        votes: Votes to give at most.
        ahead: Items to take at a time.

    Returns:
        Votes that were given; fewer than asked when nothing waits any more.
    """
    given = 0
    while given < votes:
        queue = desk.queue(min(ahead, votes - given))
        if not queue.assignments:
            break
        for number, assignment in enumerate(queue.assignments):
            images = [desk.picture(assignment.id, image) for image in range(assignment.images)]
            before = queue.done + number
            answer = person.answers(desk.question, assignment.prompt, assignment.aspects, images, before, rng)
            seconds = float(person.seconds * np.exp(0.4 * rng.normal()))
            desk.vote(assignment.id, answer, secrets.token_hex(16), seconds)
            given += 1
    return given


def let_vote(
    study: Study,
    people: Sequence[SimulatedRater],
    seed: int = 0,
    *,
    turn: int = 5,
    desk: Callable[[Study, StudyRater], VotingDesk] = StudyDesk,
    progress: Progress = silent,
) -> int:
    """Let people vote in turns until nothing waits for any of them.

    Args:
        study: The study.
        people: The people, who become its raters.
        seed: Seed of what they answer.
        turn: Votes per turn.
        desk: Makes the desk of a rater.
        progress: Called after every turn with "votes", the votes given, and those wanted in all.

    Returns:
        Votes that were given.
    """
    desks = [desk(study, study.add_rater(person.name)) for person in people]
    rngs = [np.random.default_rng([seed, number]) for number in range(len(people))]
    active, total = list(range(len(people))), 0
    while active:
        for number in list(active):
            given = vote_some(desks[number], people[number], rngs[number], turn)
            total += given
            if given < turn:
                active.remove(number)
        wanted = int(study.file.rows("SELECT sum(wanted) FROM items")[0][0])
        progress("votes", min(total, wanted), wanted)
    return total
