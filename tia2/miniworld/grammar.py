"""The language of the miniature world: prompts over coloured shapes, and how to edit one into its contrastive prompts.

A prompt names one or two groups of objects ("two red circles", "a red circle and a blue square"), optionally with a
size ("a large red circle") or a relation ("a red circle left of a blue square"). It means exactly those objects and no
others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tia2.errors import BenchmarkError

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (222, 38, 38),
    "yellow": (240, 196, 20),
    "green": (36, 160, 58),
    "cyan": (30, 190, 205),
    "blue": (38, 70, 220),
    "purple": (158, 44, 196),
}
SHAPES = ("circle", "square", "triangle", "cross")
SIZES = ("small", "large")
RELATIONS = ("left of", "right of", "above", "below")
NUMBERS = ("a", "two", "three", "four", "five", "six", "seven", "eight")
"""The number words, from one to eight; the benchmark stops at six so that contrastive prompts can go beyond."""

OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


@dataclass(frozen=True)
class Group:
    """Some equal objects: how many, which colour, which shape, and which size where the prompt says one."""

    count: int
    colour: str
    shape: str
    size: str | None = None

    def __str__(self) -> str:
        words = [NUMBERS[self.count - 1], self.size, self.colour, plural(self.shape, self.count)]
        return " ".join(word for word in words if word)


@dataclass(frozen=True)
class Specification:
    """What a prompt asks for: one or two groups, and how the first lies relative to the second.

    Example:
        >>> str(parse("two red circles and a blue square"))
        'two red circles and a blue square'
    """

    groups: tuple[Group, ...]
    relation: str | None = None

    def __str__(self) -> str:
        return f" {self.relation or 'and'} ".join(str(group) for group in self.groups)

    @property
    def count(self) -> int:
        """The number of objects in all."""
        return sum(group.count for group in self.groups)


def plural(shape: str, count: int) -> str:
    """Return the shape's name for `count` of them."""
    if count == 1:
        return shape
    return "crosses" if shape == "cross" else f"{shape}s"


_SINGULAR = {plural(shape, count): shape for shape in SHAPES for count in (1, 2)}
_GROUP = (
    rf"({'|'.join(NUMBERS)}) (?:({'|'.join(SIZES)}) )?({'|'.join(COLOURS)}) "
    rf"({'|'.join(sorted(_SINGULAR, key=len, reverse=True))})"
)
_PROMPT = re.compile(rf"{_GROUP}(?: (and|{'|'.join(RELATIONS)}) {_GROUP})?")


def parse(prompt: str) -> Specification:
    """Return what a prompt of the miniature world asks for.

    Args:
        prompt: A prompt such as "a large red circle", "three blue crosses" or "a red circle above a green square".

    Returns:
        The specification; `str()` of it gives the prompt back.

    Raises:
        BenchmarkError: When the prompt isn't in the grammar.

    Example:
        >>> parse("three blue crosses").groups
        (Group(count=3, colour='blue', shape='cross', size=None),)
    """
    match = _PROMPT.fullmatch(" ".join(prompt.lower().split()).rstrip("."))
    if match is None:
        raise BenchmarkError(
            f"Expected a prompt of the miniature world such as 'two red circles' or 'a red circle left of a blue "
            f"square' (colours {', '.join(COLOURS)}; shapes {', '.join(SHAPES)}), got {prompt!r}."
        )
    fields = match.groups()
    groups = [_group(fields[:4])]
    if fields[4] is not None:
        groups.append(_group(fields[5:]))
    return Specification(tuple(groups), fields[4] if fields[4] in RELATIONS else None)


def _group(fields: tuple[str | None, ...]) -> Group:
    number, size, colour, shape = fields
    if (
        number is None or colour is None or shape is None
    ):  # the pattern makes them mandatory; this tells the type checker
        raise BenchmarkError(f"Expected a number, a colour and a shape, got {fields!r}.")
    return Group(NUMBERS.index(number) + 1, colour, _SINGULAR[shape], size)


def contrastive_prompts(prompt: str) -> list[str]:
    """Return the prompts that TextNorm compares a prompt with, by rule.

    Counting prompts get the other numbers up to two away (and never more than eight); composition prompts get swapped
    colours, a changed colour or shape, an object more or less, and a group missing; relations get the other relations,
    and swapped colours; single objects get other colours, shapes, the other size, and two of them. None of them is
    true of an image that the prompt describes.

    Args:
        prompt: A prompt of the miniature world.

    Returns:
        Between 2 and 14 prompts, without duplicates and without the prompt itself.

    Raises:
        BenchmarkError: When the prompt isn't in the grammar.

    Example:
        >>> contrastive_prompts("three red circles")
        ['a red circle', 'two red circles', 'four red circles', 'five red circles']
    """
    spec = parse(prompt)
    edits = _pair_edits(spec) if len(spec.groups) == 2 else _group_edits(spec.groups[0])
    original = str(spec)
    return list(dict.fromkeys(text for text in map(str, edits) if text != original))


def _group_edits(group: Group) -> list[Specification]:
    if group.count > 1:
        near = [n for n in range(group.count - 2, group.count + 3) if 1 <= n <= len(NUMBERS)]
        return [Specification((replace(group, count=n),)) for n in near]
    edits = [replace(group, size=size) for size in SIZES] if group.size else []
    edits += [replace(group, colour=colour) for colour in COLOURS]
    edits += [replace(group, shape=shape) for shape in SHAPES]
    edits += [replace(group, count=2, size=None)]
    if not group.size:
        edits += [replace(group, count=3)]
    return [Specification((edit,)) for edit in edits]


def _pair_edits(spec: Specification) -> list[Specification]:
    first, second = spec.groups
    relation = spec.relation
    pairs = [(replace(first, colour=second.colour), replace(second, colour=first.colour))]
    pairs += [(replace(first, colour=other), second) for other in _others(COLOURS, first.colour, second.colour)[:2]]
    pairs += [(first, replace(second, colour=other)) for other in _others(COLOURS, second.colour, first.colour)[:2]]
    pairs += [(replace(first, shape=other), second) for other in _others(SHAPES, first.shape, second.shape)[:1]]
    pairs += [(first, replace(second, shape=other)) for other in _others(SHAPES, second.shape, first.shape)[:1]]
    edits = [Specification(pair, relation) for pair in pairs]
    if relation is None:
        edits += [Specification((group, second)) for group in _one_more_or_less(first)]
        edits += [Specification((first, group)) for group in _one_more_or_less(second)]
        # Colours swapped on equal shapes name the same two objects again.
        edits = [edit for edit in edits if set(edit.groups) != set(spec.groups)]
    else:
        edits += [Specification(spec.groups, other) for other in RELATIONS]
        # Swapping the objects of a relation and turning it round says the same thing.
        edits = [edit for edit in edits if not (edit.groups == (second, first) and edit.relation == OPPOSITE[relation])]
    return [*edits, Specification((first,)), Specification((second,))]


def _one_more_or_less(group: Group) -> list[Group]:
    return [replace(group, count=n) for n in (group.count - 1, group.count + 1) if 1 <= n <= len(NUMBERS)]


def _others(names: dict[str, tuple[int, int, int]] | tuple[str, ...], *used: str) -> list[str]:
    """Return the unused names, starting after the first used one so that no name is favoured."""
    ring = list(names)
    start = ring.index(used[0])
    return [name for name in ring[start:] + ring[:start] if name not in used]
