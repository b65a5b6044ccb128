"""The verdict on a study of pairs: who is preferred, how surely, and whether one can stop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tia2.errors import ResultError
from tia2.evaluation.result import Agreement
from tia2.people.comparing.bradley_terry import Strengths, bradley_terry
from tia2.people.comparing.clustered import ClusteredMean
from tia2.people.comparing.disputes import DisputedPair, disputed_pairs
from tia2.people.comparing.judges import JudgedContest, judged_contest, people_agree
from tia2.people.comparing.pair_votes import Contest, PairVotes
from tia2.people.comparing.people_alpha import contest_alpha
from tia2.people.comparing.sequence import Sequence95, sequence_of
from tia2.people.comparing.win_rates import WinRate, contests_of, win_rates
from tia2.people.verdict.study_pairs import StudyPairs

FEWEST_MODELS = 3
"""Models from which on strengths say more than the one win rate does."""


@dataclass(frozen=True)
class PairOutcome:
    """What people say of two models on one aspect.

    Attributes:
        rate: Win rate of the first with its intervals, for a study whose size was planned.
        sequence: Win rate over time, for a study that stops when it is decided.
        alpha: Krippendorff's alpha of the votes.
        people: Agreement of a vote with most of the others on its pair.
        judges: Agreement of judges with people.
        disputed: Pairs with votes for both sides.
    """

    rate: WinRate
    sequence: Sequence95
    alpha: Agreement
    people: ClusteredMean | None
    judges: tuple[JudgedContest, ...]
    disputed: tuple[DisputedPair, ...]


@dataclass(frozen=True)
class AspectOutcome:
    """What people say of models on one aspect.

    Attributes:
        aspect: Name of the aspect.
        pairs: Outcome for each two models.
        strengths: Strengths of three models or more; None for two.
    """

    aspect: str
    pairs: tuple[PairOutcome, ...]
    strengths: Strengths | None


@dataclass(frozen=True)
class StudyVerdict:
    """The verdict on a study of pairs.

    Attributes:
        study: The study's votes and items.
        aspects: Outcome for each aspect.
    """

    study: StudyPairs
    aspects: tuple[AspectOutcome, ...]


def verdict_on(study: StudyPairs, *, seed: int = 0, resamples: int = 500) -> StudyVerdict:
    """Return the verdict on a study of pairs.

    Args:
        study: The study.
        seed: Seed of the resamples.
        resamples: Number of resamples of the prompts, for strengths and alpha.

    Raises:
        ResultError: Nobody has voted yet.
    """
    if not len(study.votes):
        raise ResultError(f"{study.name}: nobody has voted yet" + (", or all are rejected." if study.rejected else "."))
    return StudyVerdict(study, tuple(_aspect(study, name, seed, resamples) for name in study.votes.aspects))


def _aspect(study: StudyPairs, aspect: str, seed: int, resamples: int) -> AspectOutcome:
    votes = study.votes.of_aspect(aspect)
    pairs = tuple(
        _pair(study, votes.between(rate.first, rate.second), rate, seed, resamples) for rate in win_rates(votes)
    )
    return AspectOutcome(aspect, pairs, _strengths(votes, seed, resamples))


def _strengths(votes: PairVotes, seed: int, resamples: int) -> Strengths | None:
    if len(votes.models) < FEWEST_MODELS:
        return None
    try:
        return bradley_terry(votes, seed=seed, resamples=resamples)
    except ResultError:
        # All votes are ties so far, or not all models were compared: win rates say what there is.
        return None


def _pair(study: StudyPairs, contest: Contest, rate: WinRate, seed: int, resamples: int) -> PairOutcome:
    judged = []
    for judge in study.judges():
        differences = study.differences(judge, contest.first, contest.second)
        if any(item in differences for item in contest.items):
            judged.append(judged_contest(contest, judge, differences))
    return PairOutcome(
        rate=rate,
        sequence=_sequence(study, contest),
        alpha=contest_alpha(contest, seed=seed, resamples=resamples),
        people=people_agree(contest),
        judges=tuple(judged),
        disputed=tuple(disputed_pairs(contest)),
    )


@dataclass(frozen=True)
class StopAdvice:
    """Whether a study can stop.

    Attributes:
        stop: Whether it can.
        reason: A sentence that says why.
    """

    stop: bool
    reason: str


def stop_advice(verdict: StudyVerdict, half_width: float | None = None) -> StopAdvice:
    """Return whether a study can stop, at any time, without being wrong more often than 5 % of the time.

    It can when for every two models and every aspect the confidence sequence leaves out one half, or is as narrow as
    was wished. Several sequences are each at 5 %.

    Args:
        verdict: The verdict so far.
        half_width: Half-width at which a win rate is known well enough, in shares; None to go by verdicts alone.
    """
    return _advice(
        (
            (f"{pair.rate.first} and {pair.rate.second} on {aspect.aspect}", pair.sequence)
            for aspect in verdict.aspects
            for pair in aspect.pairs
        ),
        half_width,
    )


def advice_so_far(study: StudyPairs) -> StopAdvice:
    """Return whether a study can stop, as `stop_advice` does, without the rest of a verdict.

    Args:
        study: The study.

    Raises:
        ResultError: Nobody has voted yet.
    """
    if not len(study.votes):
        raise ResultError(f"{study.name}: nobody has voted yet.")
    contests = (
        (f"{contest.first} and {contest.second} on {aspect}", _sequence(study, contest))
        for aspect in study.votes.aspects
        for contest in contests_of(study.votes.of_aspect(aspect))
    )
    return _advice(contests, None)


def _sequence(study: StudyPairs, contest: Contest) -> Sequence95:
    return sequence_of(contest, study.votes_per_item, left_out=study.left_out)


def _advice(sequences: Iterable[tuple[str, Sequence95]], half_width: float | None) -> StopAdvice:
    """Return advice from the sequences of what is compared."""
    unsettled = [
        compared
        for compared, sequence in sequences
        if sequence.decided_at() is None and (half_width is None or sequence.narrow_at(half_width) is None)
    ]
    if unsettled:
        further = len(unsettled) - 1
        more = f"; nor {'is' if further == 1 else 'are'} {further} more" if further else ""
        return StopAdvice(False, f"If you meant to stop early, go on asking: {unsettled[0]} isn't settled{more}.")
    return StopAdvice(True, "You can stop: every comparison is settled, at whatever time one looks.")
