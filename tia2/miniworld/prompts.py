"""The 60 prompts of the `mini` benchmark: 20 per subset, spread over numbers, relations, sizes, colours, shapes."""

from __future__ import annotations

from tia2.miniworld.grammar import COLOURS, RELATIONS, SHAPES, SIZES, Group, Specification

PROMPTS_PER_SUBSET = 20

_COLOURS = tuple(COLOURS)


def benchmark_prompts() -> dict[str, list[str]]:
    """Return the prompts of the `mini` benchmark by subset.

    Returns:
        `comprehensive` (four single objects, four sizes, six relations, six pairs with a number), `counting` (one to
        six objects) and `composition` (two objects, colours bound): 20 prompts each, all different.

    Example:
        >>> {subset: len(set(prompts)) for subset, prompts in benchmark_prompts().items()}
        {'comprehensive': 20, 'counting': 20, 'composition': 20}
    """
    return {"comprehensive": _comprehensive(), "counting": _counting(), "composition": _composition()}


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _shape(index: int) -> str:
    return SHAPES[index % len(SHAPES)]


def _comprehensive() -> list[str]:
    singles = [Specification((Group(1, _colour(i), _shape(i + 2)),)) for i in range(4)]
    sizes = [Specification((Group(1, _colour(i + 2), _shape(i + i // 4), SIZES[i % 2]),)) for i in range(4)]
    relations = [
        Specification(
            (Group(1, _colour(i), _shape(i)), Group(1, _colour(i + 2 + i % 3), _shape(i + 1 + i // 4))),
            RELATIONS[i % 4],
        )
        for i in range(6)
    ]
    numbers = [
        Specification(
            (Group(1 + i % 2, _colour(i), _shape(i + 3)), Group(2 - i % 2, _colour(i + 1 + i % 4), _shape(i)))
        )
        for i in range(6)
    ]
    return [str(spec) for spec in singles + sizes + relations + numbers]


def _counting() -> list[str]:
    numbers = [1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 6, 6, 6]
    return [str(Specification((Group(n, _colour(i + i // 6), _shape(i + i // 4)),))) for i, n in enumerate(numbers)]


def _composition() -> list[str]:
    pairs = [
        (Group(1, _colour(i), _shape(i)), Group(1, _colour(i + 1 + i % 5), _shape(i + 1 + i // 6)))
        for i in range(PROMPTS_PER_SUBSET)
    ]
    return [str(Specification(pair)) for pair in pairs]
