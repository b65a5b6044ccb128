"""A verdict in sentences and as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from tia2.people.comparing.clustered import ClusteredMean
from tia2.people.verdict.decide import AspectOutcome, PairOutcome, StudyVerdict, stop_advice

SHOWN_DISPUTES = 24


def percent(mean: ClusteredMean) -> str:
    """Return a share with its interval, in percent.

    Args:
        mean: The share.
    """
    if not math.isfinite(mean.low):
        return f"{mean.mean:.0%}"
    return f"{mean.mean:.0%} ({100 * mean.low:.0f} to {mean.high:.0%})"


def sentence(outcome: PairOutcome, aspect: str) -> str:
    """Return what people say of two models on one aspect.

    Args:
        outcome: The outcome.
        aspect: Name of the aspect.
    """
    rate = outcome.rate
    first, second, share = rate.first, rate.second, rate.rate
    votes = f"{share.votes:,} votes of {share.raters} raters on {share.prompts} prompts"
    if not math.isfinite(share.low):
        return f"{aspect}: {first} against {second} isn't settled: an interval needs two prompts ({votes})."
    if share.low <= 0.5 <= share.high:
        return (
            f"{aspect}: neither {first} nor {second} is preferred for certain: {first} wins {percent(share)}, "
            f"ties {rate.ties.mean:.0%} ({votes})."
        )
    if share.mean < 0.5:
        first, second = second, first
        wins = f"{1 - share.mean:.0%} ({100 * (1 - share.high):.0f} to {1 - share.low:.0%})"
    else:
        wins = percent(share)
    return f"{aspect}: {first} is preferred to {second}: it wins {wins}, ties {rate.ties.mean:.0%} ({votes})."


def looking(outcome: PairOutcome) -> str:
    """Return what the confidence sequence says, for a study that may stop early.

    Args:
        outcome: The outcome.
    """
    sequence = outcome.sequence
    if not len(sequence.means):
        return "No prompt has all its votes yet."
    decided = sequence.decided_at()
    ends = f"{100 * sequence.low[-1]:.0f} to {sequence.high[-1]:.0%}"
    if decided is None:
        return f"Looked at after each of {len(sequence.means)} prompts it isn't settled ({ends})."
    return f"Looked at after each prompt it was settled after {decided} of {len(sequence.means)} ({ends} at the end)."


def judge_sentences(outcome: PairOutcome) -> list[str]:
    """Return how far each judge agrees with people.

    Args:
        outcome: The outcome.
    """
    sentences = []
    for judged in outcome.judges:
        agreement = "no votes for a side" if judged.agreement is None else percent(judged.agreement)
        people = "" if judged.people is None else f"; a person agrees with the others on {judged.people.mean:.0%}"
        sentences.append(
            f"On {judged.rate.mean:.0%} of {judged.pairs} pairs {judged.name} prefers {outcome.rate.first}; it agrees "
            f"with {agreement} of the votes{people}."
        )
    return sentences


def as_json(verdict: StudyVerdict, half_width: float | None = None) -> dict[str, Any]:
    """Return a verdict as JSON can hold it; what isn't a number is null.

    Args:
        verdict: The verdict.
        half_width: Half-width at which a win rate is known well enough.
    """
    study = verdict.study
    advice = stop_advice(verdict, half_width)
    content = {
        "study": study.name,
        "votes": len(study.votes),
        "pairs": len(study.items),
        "models": study.votes.models,
        "stop": asdict(advice),
        "raters": [{**asdict(conduct), "rejected": study.rejected.get(conduct.rater)} for conduct in study.raters],
        "aspects": [_aspect_json(aspect) for aspect in verdict.aspects],
    }
    plain: dict[str, Any] = plain_numbers(content)
    return plain


def _aspect_json(aspect: AspectOutcome) -> dict[str, Any]:
    pairs = []
    for outcome in aspect.pairs:
        decided = outcome.sequence.decided_at()
        pairs.append(
            {
                "verdict": sentence(outcome, aspect.aspect),
                **asdict(outcome.rate),
                "alpha": outcome.alpha.model_dump(),
                "people_agree": None if outcome.people is None else asdict(outcome.people),
                "judges": [asdict(judged) for judged in outcome.judges],
                "sequence": {**asdict(outcome.sequence), "decided_after": decided},
                "disputed": [asdict(pair) for pair in outcome.disputed],
            }
        )
    strengths = None if aspect.strengths is None else asdict(aspect.strengths)
    return {"aspect": aspect.aspect, "pairs": pairs, "strengths": strengths}


def plain_numbers(value: Any) -> Any:
    """Return what JSON can hold: lists for arrays and tuples, null for what is no number.

    Args:
        value: Anything made of dictionaries, lists, tuples, arrays, texts and numbers.
    """
    if isinstance(value, dict):
        return {key: plain_numbers(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_numbers(part) for part in value]
    if hasattr(value, "tolist"):
        return plain_numbers(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
