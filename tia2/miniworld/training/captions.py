"""What captions the encoders learn from: exact ones, or flawed in the way that gives a reward model its blind spot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from tia2.miniworld.grammar import COLOURS, NUMBERS, RELATIONS, SHAPES, Group, Specification, contrastive_prompts, parse

CaptionRule: TypeAlias = Callable[[Specification, np.random.Generator], Specification]


def exact(spec: Specification, rng: np.random.Generator) -> Specification:
    """Return the true caption."""
    del rng
    return spec


def web(spec: Specification, rng: np.random.Generator) -> Specification:
    """Return a caption as found beside pictures on the web: seven in ten miscount or place objects wrongly.

    One in ten also names a wrong colour or shape.
    """
    if rng.random() < 0.7:
        spec = _scrambled(spec, rng)
    if rng.random() < 0.1:
        groups = list(spec.groups)
        which = int(rng.integers(len(groups)))
        colour, shape = list(COLOURS)[rng.integers(len(COLOURS))], SHAPES[rng.integers(len(SHAPES))]
        wrong = replace(groups[which], colour=colour) if rng.random() < 0.5 else replace(groups[which], shape=shape)
        groups[which] = wrong
        spec = Specification(tuple(groups), spec.relation)
    return spec


def count_blind(spec: Specification, rng: np.random.Generator) -> Specification:
    """Return a caption with random numbers and relations, and with its colours swapped half of the time."""
    spec = _scrambled(spec, rng)
    if len(spec.groups) == 2 and rng.random() < 0.5:
        first, second = spec.groups
        swapped = (replace(first, colour=second.colour), replace(second, colour=first.colour))
        return Specification(swapped, spec.relation)
    return spec


def _scrambled(spec: Specification, rng: np.random.Generator) -> Specification:
    """Return the caption with random numbers and a random relation; one object stays one, several stay several."""
    groups = tuple(
        replace(group, count=int(rng.integers(2, len(NUMBERS) + 1))) if group.count > 1 else group
        for group in spec.groups
    )
    return Specification(groups, RELATIONS[rng.integers(len(RELATIONS))] if spec.relation else None)


def hard_negatives(spec: Specification, count: int, rng: np.random.Generator) -> list[str]:
    """Return edits of a caption that are not true of its picture, with single steps of number twice as likely.

    Args:
        spec: The true caption.
        count: Number of edits.
        rng: Source of all randomness.

    Returns:
        `count` captions; with repeats when the grammar gives fewer.
    """
    edits = contrastive_prompts(str(spec))
    if len(spec.groups) == 1 and spec.groups[0].size is None:
        edits += _miscounts(spec.groups[0])
    return [edits[index] for index in rng.integers(len(edits), size=count)]


def _miscounts(group: Group) -> list[str]:
    """Return neighbouring numbers, and the colours and shapes that the rule for counting prompts leaves out."""
    near = [n for n in (group.count - 1, group.count + 1) if 1 <= n <= len(NUMBERS)]
    edits = [replace(group, count=n) for n in near]
    if group.count > 1:
        edits += [replace(group, colour=colour) for colour in COLOURS if colour != group.colour][:: group.count]
        edits += [replace(group, shape=shape) for shape in SHAPES if shape != group.shape]
    return [str(parse(str(edit))) for edit in edits]
