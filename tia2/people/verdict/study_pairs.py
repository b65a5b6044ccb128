"""A study of pairs as the statistics take it: votes, scores of judges, and how raters worked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tia2.errors import StudyError
from tia2.people.comparing.pair_votes import COLUMNS, PairVotes
from tia2.people.conduct import NO_RULES, RaterConduct, RejectionRules, conducts, side_of
from tia2.people.store.items import StudyItem

if TYPE_CHECKING:
    from tia2.people.store.study import Study


@dataclass(frozen=True)
class StudyPairs:
    """What a study of pairs holds.

    Attributes:
        name: Name of the study.
        votes: Votes that count.
        items: Items by key, those that are asked about.
        raters: Conduct of each rater.
        rejected: Raters whose votes don't count, with the reason.
        left_out: Times of the votes of these raters, by item.
        votes_per_item: Votes that a pair is to have.
        images: Folder of the images.
    """

    name: str
    votes: PairVotes
    items: dict[str, StudyItem]
    raters: tuple[RaterConduct, ...]
    rejected: dict[str, str]
    left_out: dict[str, list[float]]
    votes_per_item: int
    images: Path

    def judges(self) -> list[str]:
        """Return the judges that scored images of the study, sorted."""
        return sorted({name for item in self.items.values() for name in item.facts.get("scores", {})})

    def differences(self, judge: str, first: str, second: str) -> dict[str, float]:
        """Return a judge's score of the first model's image less that of the second's, by item.

        Args:
            judge: Name of the judge.
            first: Name of a model.
            second: Name of another one.
        """
        gaps = {}
        for key, item in self.items.items():
            scores = item.facts.get("scores", {}).get(judge)
            if scores is not None and {item.facts["a"], item.facts["b"]} == {first, second}:
                gap = float(scores[0]) - float(scores[1])
                gaps[key] = gap if item.facts["a"] == first else -gap
        return gaps


def study_pairs(study: Study, rules: RejectionRules = NO_RULES) -> StudyPairs:
    """Return what a study of pairs holds.

    Votes on pairs with a known answer, and second votes of a rater on a pair, don't count; they say how a rater worked.

    Args:
        study: The study.
        rules: Rules by which votes are left out.

    Raises:
        StudyError: The study asks something else, or doesn't say which models its pairs are of.
    """
    import pandas as pd

    from tia2.people.crowd.answers import kept_votes

    settings = study.settings
    if settings.question.kind != "pair":
        raise StudyError(
            f"{study.folder} asks about {settings.question.kind!r}, not about pairs; `tia2 people compare` makes a "
            "study of pairs."
        )
    items = {item.key: item for item in study.items()}
    asked = {key: item for key, item in items.items() if item.gold is None}
    if not all({"a", "b", "prompt_id"} <= set(item.facts) for item in asked.values()):
        raise StudyError(
            f"{study.folder} doesn't say which models its pairs are of: make it with `tia2 people compare`."
        )
    frame = study.votes()
    crowd = kept_votes(study.folder)
    if crowd is not None:
        frame = pd.concat([frame, crowd[list(frame.columns)]], ignore_index=True) if len(frame) else crowd
    aspects = settings.question.aspects
    answers = {key: item.gold for key, item in items.items() if item.gold is not None}
    raters = tuple(conducts(frame, aspects, answers))
    rejected = {conduct.rater: reason for conduct in raters if (reason := rules.reason(conduct))}
    first = frame[frame["slot"] == "item"]
    kept = ~first["rater"].isin(list(rejected))
    counted = first[kept]
    rows = []
    for row in counted.to_dict("records"):
        item = asked[row["item"]]
        a, b = item.facts["a"], item.facts["b"]
        left, right = (b, a) if row["swapped"] else (a, b)
        for aspect in aspects:
            side = side_of(row[aspect], row["swapped"])
            rows.append((item.facts["prompt_id"], item.key, left, right, row["rater"], aspect, side, row["at"]))
    return StudyPairs(
        name=settings.name,
        votes=PairVotes(pd.DataFrame(rows, columns=list(COLUMNS))),
        items=asked,
        raters=raters,
        rejected=rejected,
        left_out={str(item): times.tolist() for item, times in first[~kept].groupby("item")["at"]},
        votes_per_item=settings.votes_per_item,
        images=study.folder / "images",
    )
