"""Krippendorff's alpha of votes on pairs."""

from __future__ import annotations

import numpy as np

from tia2.evaluation.people.agreement import alpha_part, combine_agreement
from tia2.evaluation.result import Agreement
from tia2.people.comparing.pair_votes import Contest


def contest_alpha(contest: Contest, *, seed: int = 0, resamples: int = 1000) -> Agreement:
    """Return Krippendorff's alpha of votes on pairs of two models, with its interval over prompts.

    A win is worth 1, a tie 0.5 and a loss 0, with squared differences; a pair with one vote counts in nothing.

    Args:
        contest: Votes on pairs of two models.
        seed: Seed of the resamples.
        resamples: Number of resamples of the prompts.

    Returns:
        Alpha; NaN where all votes are alike or no pair has two.
    """
    rows: dict[str, list[int]] = {}
    for row, item in enumerate(contest.items):
        rows.setdefault(item, []).append(row)
    of_prompt: dict[str, list[list[int]]] = {}
    for members in rows.values():
        of_prompt.setdefault(contest.prompt_ids[members[0]], []).append(members)
    shape = (len(of_prompt), max(map(len, of_prompt.values())), max(map(len, rows.values())))
    worths = np.full(shape, np.nan)
    for number, items in enumerate(of_prompt.values()):
        for column, members in enumerate(items):
            worths[number, column, : len(members)] = contest.worths[members]
    return combine_agreement([alpha_part("pairs", worths, seed, resamples)])
