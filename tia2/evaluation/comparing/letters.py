"""Groups of entries that can't be told apart, as letters behind the rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from string import ascii_lowercase


def tie_groups(entries: int, separable: Iterable[tuple[int, int]]) -> list[str]:
    """Return the letters of each entry: two entries share one exactly when they are not separable.

    Args:
        entries: Number of entries, in order from the best.
        separable: Pairs of positions that are significantly different.

    Returns:
        Letters, "a" for the first group; groups past "z" are written "aa", "ab", …, and names are then parted by
        spaces.

    Source: Piepho 2004, An Algorithm for a Letter-Based Representation of All-Pairwise Comparisons,
    https://doi.org/10.1198/1061860043515 (insert and absorb).

    Example:
        >>> tie_groups(3, [(0, 2)])
        ['a', 'ab', 'b']
    """
    groups = [frozenset(range(entries))]
    for first, second in separable:
        split = []
        for group in groups:
            split += [group - {first}, group - {second}] if {first, second} <= group else [group]
        distinct = list(dict.fromkeys(group for group in split if group))
        groups = [group for group in distinct if not any(group < other for other in distinct)]
    groups.sort(key=lambda group: (min(group), sorted(group)))
    names = [group_name(number) for number in range(len(groups))]
    return [
        joined([name for name, group in zip(names, groups, strict=True) if entry in group], len(names))
        for entry in range(entries)
    ]


def joined(names: Sequence[str], groups: int) -> str:
    """Return the names of one entry's groups as one text, parted where "ab" could mean two things.

    Args:
        names: Names of the entry's groups.
        groups: Number of groups in all.

    Example:
        >>> joined(["a", "b"], 2), joined(["a", "ab"], 28)
        ('ab', 'a ab')
    """
    return (" " if groups > len(ascii_lowercase) else "").join(names)


def group_name(number: int) -> str:
    """Return the name of a group by its number, from 0.

    Example:
        >>> [group_name(number) for number in (0, 25, 26, 27)]
        ['a', 'z', 'aa', 'ab']
    """
    letters = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, len(ascii_lowercase))
        letters = ascii_lowercase[digit] + letters
    return letters
