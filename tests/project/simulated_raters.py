"""Raters who vote through a study's own interface, as the page does, and see no more than pixels."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from tia2.people.store.study import Study

Eye = Callable[[list[np.ndarray], list[np.ndarray], str], str]
"""What a rater says of the left images, the right ones and an aspect."""


def vote_all(study: Study, raters: dict[str, Eye], most: int | None = None) -> int:
    """Let raters vote in turn until nothing waits for them, or so many votes are there; return how many there are."""
    votes = 0
    joined = {name: study.add_rater(name) for name in raters}
    waiting = True
    while waiting and (most is None or votes < most):
        waiting = False
        for name, eye in raters.items():
            queue = study.queue(joined[name]).assignments
            if not queue or (most is not None and votes >= most):
                continue
            waiting = True
            (given,) = queue
            images = [pixels(study, joined[name], given.id, number) for number in range(given.images)]
            half = len(images) // 2
            answer = {aspect: eye(images[:half], images[half:], aspect) for aspect in given.aspects}
            assert study.vote(joined[name], given.id, answer, f"{name} {votes}", 4.0)
            votes += 1
    return votes


def pixels(study: Study, rater, assignment: str, number: int) -> np.ndarray:
    content = study.picture(rater, assignment, number).read_bytes()
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), np.float64)


def noise_eye(seed: int, error: float = 12.0, tie: float = 3.0) -> Eye:
    """A rater who prefers what is brighter and smoother, with errors."""
    rng = np.random.default_rng(seed)

    def say(left: list[np.ndarray], right: list[np.ndarray], aspect: str) -> str:
        merits = [np.mean([image.mean() - 6 * _roughness(image) for image in side]) for side in (left, right)]
        gap = merits[0] - merits[1] + error * rng.normal()
        return "tie" if abs(gap) < tie else "left" if gap > 0 else "right"

    return say


def _roughness(image: np.ndarray) -> float:
    return float(np.abs(np.diff(image, axis=0)).mean() + np.abs(np.diff(image, axis=1)).mean())


def left_eye(left: list[np.ndarray], right: list[np.ndarray], aspect: str) -> str:
    """A spammer, who presses one key."""
    return "left"
