"""Do two things belong to one benchmark, and if not, in what do their benchmarks differ?"""

from __future__ import annotations

from typing import Protocol


class Fingerprinted(Protocol):
    """Anything that says which benchmark it belongs to."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over ids, prompts and contrastive prompts."""
        ...

    @property
    def votes_fingerprint(self) -> str:
        """SHA-256 over ids, votes, ratings, human scores and labels; before 0.2 over ids and human scores."""
        ...

    @property
    def scores_fingerprint(self) -> str | None:
        """SHA-256 over ids and human scores; None before 0.2."""
        ...


def difference(a: Fingerprinted, b: Fingerprinted) -> str | None:
    """Return in what two benchmarks differ, None where nothing is known to differ.

    What was written before 0.2 has a fingerprint of human scores only, and is compared by it.

    Args:
        a: Anything with a benchmark's fingerprints.
        b: Another one.

    Example:
        >>> from types import SimpleNamespace
        >>> a = SimpleNamespace(fingerprint="f", votes_fingerprint="v", scores_fingerprint="s")
        >>> difference(a, SimpleNamespace(fingerprint="f", votes_fingerprint="w", scores_fingerprint="s"))
        'votes or labels, though human scores are the same'
        >>> difference(a, SimpleNamespace(fingerprint="f", votes_fingerprint="s", scores_fingerprint=None)) is None
        True
    """
    if a.fingerprint != b.fingerprint:
        return "items, prompts or contrastive prompts"
    if a.votes_fingerprint == b.votes_fingerprint:
        return None
    if (a.scores_fingerprint or a.votes_fingerprint) != (b.scores_fingerprint or b.votes_fingerprint):
        return "human scores"
    is_old = a.scores_fingerprint is None or b.scores_fingerprint is None
    return None if is_old else "votes or labels, though human scores are the same"
