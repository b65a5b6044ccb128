"""Figures of a verdict: win rates, strengths, and what one would have seen at each look."""

from __future__ import annotations

from tia2.figures import Curve, Curves, FigureSpec, Forest, ForestMark, ForestRow, ReferenceLine, Series
from tia2.people.verdict.decide import PairOutcome, StudyVerdict

_COIN = "no preference"


def win_rate_figure(verdict: StudyVerdict) -> FigureSpec:
    """Return win rates with intervals over prompts and raters, beside what judges prefer.

    Args:
        verdict: The verdict.
    """
    rows, marks = [], []
    for aspect in verdict.aspects:
        for outcome in aspect.pairs:
            rate = outcome.rate
            key = f"{aspect.aspect} {rate.first} {rate.second}"
            label = f"{rate.first} against {rate.second}"
            rows.append(ForestRow(key, f"{aspect.aspect}: {label}"))
            share = rate.rate
            hover = f"{label}\nties {rate.ties.mean:.0%}, {share.votes} votes"
            text = f"{share.mean:.0%}"
            marks.append(ForestMark(key, Series("people"), share.mean, share.low, share.high, text, hover))
            marks += [
                ForestMark(
                    key,
                    Series(judged.name, symbol="diamond", hollow=True),
                    judged.rate.mean,
                    judged.rate.low,
                    judged.rate.high,
                    hover=f"{judged.name}\nprefers {rate.first} on {judged.rate.mean:.0%} of {judged.pairs} pairs",
                )
                for judged in outcome.judges
            ]
    panel = Forest(
        "win rates",
        "share of votes for the first, ties half",
        marks,
        rows,
        [ReferenceLine(_COIN, 0.5)],
        limits=(-0.02, 1.02),
    )
    note = (
        "Bars are 95 % intervals over prompts and raters, for one look at the end. Those of judges are over prompts; "
        "a judge's mark says how often it prefers the first model's image."
    )
    return FigureSpec("How often people prefer the first of two models", [panel], note)


def strengths_figure(verdict: StudyVerdict) -> FigureSpec | None:
    """Return the models' strengths; None with two models, whose win rate says it all.

    Args:
        verdict: The verdict.
    """
    fitted = [(aspect.aspect, aspect.strengths) for aspect in verdict.aspects if aspect.strengths is not None]
    if not fitted:
        return None
    order = sorted(fitted[0][1].models, key=lambda model: -fitted[0][1].strengths[fitted[0][1].models.index(model)])
    marks = [
        ForestMark(model, Series(aspect), float(strength), float(low), float(high))
        for aspect, strengths in fitted
        for model, strength, low, high in zip(
            strengths.models, strengths.strengths, strengths.low, strengths.high, strict=True
        )
    ]
    pulled = [aspect for aspect, strengths in fitted if not strengths.bounded]
    note = "Davidson's model with ties; 95 % intervals over prompts. A difference of 1 stands for odds of 2.7 to 1."
    if pulled:
        note += f" On {', '.join(pulled)} a model always won: its strength has no bound, and is pulled to the mean."
    panel = Forest("strengths", "log odds, mean 0", marks, [ForestRow(model) for model in order])
    return FigureSpec("Strengths of the models", [panel], note)


def looking_figure(verdict: StudyVerdict) -> FigureSpec | None:
    """Return confidence sequences over prompts; None before a prompt has all its votes.

    Args:
        verdict: The verdict.
    """
    panels = []
    for aspect in verdict.aspects:
        curves = [_curve(outcome) for outcome in aspect.pairs if len(outcome.sequence.means)]
        if curves:
            panels.append(
                Curves(aspect.aspect, "prompts with all their votes", "win rate so far", curves, levels={_COIN: 0.5})
            )
    if not panels:
        return None
    note = (
        "Bands hold at all times at once: whoever stops when one half is outside is wrong in 5 % of the studies at "
        "most. They hold for the raters that were asked."
    )
    return FigureSpec("What one would have seen at each look", panels, note)


def _curve(outcome: PairOutcome) -> Curve:
    sequence, rate = outcome.sequence, outcome.rate
    x = [float(number) for number in range(1, len(sequence.means) + 1)]
    name = f"{rate.first} against {rate.second}"
    return Curve(name, x, sequence.means.tolist(), sequence.low.tolist(), sequence.high.tolist(), thin=len(x) > 60)
