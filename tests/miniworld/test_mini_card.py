"""Every figure of the card holds for the file that ships."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from tia2.miniworld.annotators import ANNOTATORS
from tia2.miniworld.assets import BENCHMARK
from tia2.miniworld.build import decode
from tia2.miniworld.judge import judge

if TYPE_CHECKING:
    import pandas as pd

CARD = (Path(__file__).resolve().parents[2] / "data_cards" / "mini.md").read_text(encoding="utf-8")

AGREEMENT_IN_TIA2 = {"comprehensive": 0.662, "counting": 0.759, "composition": 0.674}
"""AUROC of one annotator's vote against the other two, mean over prompts, measured on the released votes."""


def rows(start: str) -> list[list[str]]:
    """The cells of the table whose first heading is given."""
    lines = [line.strip() for line in CARD.splitlines()]
    first = next(i for i, line in enumerate(lines) if line.startswith(f"| {start} |"))
    body = lines[first + 2 :]
    end = next(i for i, line in enumerate([*body, ""]) if not line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body[:end]]


@pytest.fixture(scope="module")
def items() -> pd.DataFrame:
    frame = pq.read_table(BENCHMARK).to_pandas()
    frame["accepted"] = [
        judge(decode(image["bytes"]), prompt).accepted
        for image, prompt in zip(frame["image"], frame["prompt"], strict=True)
    ]
    return frame


def one_against_two(group: pd.DataFrame) -> float:
    votes = np.array(group["votes"].tolist(), float)
    votes[votes == -1] = 0.5
    found = []
    for annotator in range(3):
        label = np.delete(votes, annotator, axis=1).mean(1) > 0.5
        good, bad = votes[label, annotator], votes[~label, annotator]
        if len(good) and len(bad):
            found.append(np.mean(np.sign(good[:, None] - bad) / 2 + 0.5))
    return float(np.mean(found)) if found else np.nan


def test_figures(items: pd.DataFrame) -> None:
    printed = {row[0]: row[1:] for row in rows("subset")}
    assert list(printed) == ["comprehensive", "counting", "composition", "all"]
    for subset, cells in printed.items():
        group = items if subset == "all" else items[items["subset"] == subset]
        votes = np.array(group["votes"].tolist())
        sets = group.groupby("prompt")["contrastive_prompts"].first().map(len)
        agreement = group.groupby("prompt")[["votes"]].apply(one_against_two).mean()
        assert cells == [
            str(group["prompt"].nunique()),
            f"{len(group):,}",
            f"{sets.min()}–{sets.max()}",
            f"{100 * group['accepted'].mean():.1f} %",
            f"{100 * group['label'].mean():.1f} %",
            f"{100 * (votes.max(1) == votes.min(1)).mean():.1f} %",
            str((votes == -1).any(1).sum()),
            f"{agreement:.2f}",
        ]


def test_simulated_people_agree_about_as_well_as_the_real_ones(items: pd.DataFrame) -> None:
    per_prompt = items.groupby(["subset", "prompt"])[["votes"]].apply(one_against_two)
    for subset, agreement in per_prompt.groupby("subset").mean().items():
        assert agreement == pytest.approx(AGREEMENT_IN_TIA2[str(subset)], abs=0.08)


def test_spread_of_the_aligned_share(items: pd.DataFrame) -> None:
    share = items.groupby("prompt")["label"].mean()
    lowest, highest = re.search(r"from\s+(\d+) % to (\d+) % over prompts", CARD).groups()
    assert (round(100 * share.min()), round(100 * share.max())) == (int(lowest), int(highest))
    constant = items.loc[items["prompt"].isin(share.index[share.isin([0, 1])]), "subset"].unique()
    assert share.isin([0, 1]).sum() == 1
    assert list(constant) == ["counting"]


def test_the_generator_is_recognisable_and_imperfect_in_each_subset(items: pd.DataFrame) -> None:
    assert items.groupby("subset")["accepted"].mean().between(0.25, 0.90).all()


def test_annotators() -> None:
    def percent(value: float) -> str:
        return f"{100 * value:.0f} %"

    stated = [
        [a.name, *map(percent, (a.error, a.error + a.error_slope, a.unsure, a.unsure + a.unsure_slope))]
        for a in ANNOTATORS
    ]
    assert rows("annotator") == stated


def test_it_says_that_votes_are_simulated() -> None:
    assert "**The votes are simulated" in CARD
