"""What the Fine-tuning tab says of a run: facts, who gained by it, images along the way, statistics that caught it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from tia2.decoding import read_rgb

from ..data.board import Board
from ..data.board_runs import BoardRun
from ..finetuned.finetuning import TEST, prompts_by_fall
from ..finetuned.recheck import GOLD, PROXY
from .formats import NO_VALUE, difference, figure
from .pictures import as_address

if TYPE_CHECKING:
    import pandas as pd

SIDE = 96
"""Longest side of a sample's picture, in pixels."""
PROMPTS, SEEDS = 4, 6
FRAMES = {1.0: "good", 0.0: "bad"}
REMEMBERED = 24


class Sample(NamedTuple):
    """One picture.

    Attributes:
        source: The picture as a data address, encoded here.
        frame: "good" where the gold judge accepts it, "bad" where it doesn't, empty where it can't say yes or no.
        words: Description for screen readers.
    """

    source: str
    frame: str
    words: str


class SampleStrip(NamedTuple):
    """The pictures of one prompt at one checkpoint, the same seeds in every strip."""

    label: str
    samples: list[Sample]


class PromptSamples(NamedTuple):
    """A prompt's pictures along a run."""

    prompt: str
    strips: list[SampleStrip]


class MatrixCell(NamedTuple):
    """What a judge says of a run.

    Attributes:
        text: The gain, with its sign.
        shade: The gain as a share of the judge's largest, −1 to 1.
        trained: Whether the run was trained on this judge.
    """

    text: str
    shade: float
    trained: bool


class CrossRewards(NamedTuple):
    """Trained on × judged by.

    Attributes:
        judges: Names of the judges, gold last.
        runs: Titles of the runs.
        cells: Cells by run and judge.
    """

    judges: list[str]
    runs: list[str]
    cells: list[list[MatrixCell]]


def runs_in_order(board: Board) -> list[BoardRun]:
    """Return the board's runs: those of its own entries first, by rank, then seed."""
    rank = board.standing(board.usual_scope, board.usual_metric).rank

    def place(run: BoardRun) -> tuple[bool, int, str, int, str]:
        position = board.positions.get(run.entry or "", -1)
        worth = int(rank[position]) or len(board) + 1 if position >= 0 else 0
        return position < 0, worth, run.report.judges[PROXY], run.seed, run.id

    return sorted(board.runs, key=place)


def run_of(board: Board, name: str | None) -> BoardRun | None:
    """Return a run by its id; None if there is none."""
    return next((run for run in board.runs if run.id == name), None)


def run_facts(board: Board, run: BoardRun) -> list[tuple[str, str]]:
    """Return terms and texts about a run: entry, budget, peak, and what was recomputed."""
    report, settings = run.report, run.report.settings
    entry = "none of this board" if run.entry is None else board.entry(run.entry).name
    pairs = [
        ("trained on", f"{report.judges[PROXY]} (entry: {entry})"),
        ("gold", report.judges.get(GOLD, "none")),
        ("model", f"{settings['model']['name']}, {settings['method']}, seed {run.seed}"),
        ("budget", f"{report.updates[-1]:,} optimiser steps, {report.epochs[-1]} epochs"),
        ("prompts", f"{len(report.prompts)} trained, {len(report.held_out)} held out; {report.images_per_prompt} "
                    "images of each at every evaluation, half of them to choose the peak, half to measure it"),
    ]  # fmt: skip
    for peak in report.peaks:
        kl = NO_VALUE if math.isnan(peak.peak_kl) else f"{peak.peak_kl:.1f} nats"
        pairs.append(
            (
                f"peak, {peak.split}",
                f"epoch {peak.peak_epoch}, {kl}: gold gained {difference(peak.gain)} "
                f"{_ends(peak.gain_interval)}, drop to the end {difference(peak.drop)} {_ends(peak.drop_interval)}",
            )
        )
    pairs.append(("recomputed", recomputed_words(run)))
    pairs.append(("added", f"{run.added}{f', by {run.added_by}' if run.added_by else ''}"))
    return pairs


def recomputed_words(run: BoardRun) -> str:
    """Return in words which scores of a run were computed again from its images, and which are as the run kept them."""
    names = run.report.judges
    again = [names[role] for role in names if role in run.recomputed]
    kept = [names[role] for role in names if role not in run.recomputed]
    parts = ["curves, peak and verdict from the kept scores"]
    if again:
        parts.append(f"the scores of {', '.join(again)} from the kept images")
    rest = f"; as the run kept them: the scores of {', '.join(kept)}, and" if kept else "; as the run logged it:"
    return f"{'; '.join(parts)}{rest} the KL divergence"


def cross_rewards(board: Board, run: BoardRun) -> CrossRewards:
    """Return the gain at the end over the base model, by run and judge, for all runs with the budget of one.

    Args:
        board: The board.
        run: The run whose budget counts.
    """
    runs = [other for other in runs_in_order(board) if other.budget == run.budget]
    titles: dict[str, str] = {}
    gains: list[dict[str, float]] = []
    for other in runs:
        row = {}
        for line in other.report.curves:
            if line.split == "train":
                key = _judge(other, line.role)
                titles.setdefault(key, f"{line.name} (gold)" if line.role == GOLD else line.name)
                row[key] = line.mean[-1] - line.mean[0]
        gains.append(row)
    proxies = [_judge(other, PROXY) for other in runs]
    # A square where it can be one: the rewards that were trained on first, in the order of the runs; gold last.
    keys = sorted(titles, key=lambda key: (key == GOLD, proxies.index(key) if key in proxies else len(proxies)))
    largest = {key: max((abs(row[key]) for row in gains if key in row), default=0.0) or 1.0 for key in keys}
    cells = [
        [
            MatrixCell(
                difference(row.get(key, math.nan)), row.get(key, 0.0) / largest[key], key == _judge(other, PROXY)
            )
            for key in keys
        ]
        for other, row in zip(runs, gains, strict=True)
    ]
    return CrossRewards([titles[key] for key in keys], [other.title for other in runs], cells)


def alarm_rows(run: BoardRun) -> list[tuple[str, str, str, str]]:
    """Return the image statistics: name, the base model's range, the value at the end, and epochs of alarm."""
    return [
        (
            statistic.name,
            f"{statistic.low:.3f} to {statistic.high:.3f}",
            figure(statistic.mean[-1]),
            ", ".join(map(str, statistic.alarms)) or "none",
        )
        for statistic in run.report.statistics
    ]


def alarm_words(run: BoardRun) -> str:
    """Return which image statistics left the base model's range, in a sentence."""
    alarmed = [statistic.name for statistic in run.report.statistics if statistic.alarms]
    if not alarmed:
        return "No image statistic left the range that images of the base model have."
    return f"Outside the range of the base model's images: {', '.join(alarmed)}."


def prompt_samples(board: Board, run: BoardRun) -> list[PromptSamples]:
    """Return test images of a run at the base model, the peak and the end, prompts that fell furthest first.

    Args:
        board: The board, which remembers them.
        run: The run.

    Raises:
        FinetuneError: An evaluation can't be read.
    """
    return board.remember("samples", run.id, lambda: _samples(run), REMEMBERED)


def _samples(run: BoardRun) -> list[PromptSamples]:
    report = run.report
    epochs = {report.epochs[0]: "base model"}
    if report.peaks:
        epochs.setdefault(report.peaks[0].peak_epoch, f"peak, epoch {report.peaks[0].peak_epoch}")
    epochs.setdefault(report.epochs[-1], f"end, epoch {report.epochs[-1]}")
    frames = {epoch: run.folder.evaluation(epoch) for epoch in sorted(epochs)}
    return [
        PromptSamples(
            prompt,
            [SampleStrip(epochs[epoch], _strip(frame, prompt, epochs[epoch])) for epoch, frame in frames.items()],
        )
        for prompt in prompts_by_fall(report)[:PROMPTS]
    ]


def _strip(frame: pd.DataFrame, prompt: str, label: str) -> list[Sample]:
    rows = frame[(frame["prompt"] == prompt) & (frame["part"] == TEST)].head(SEEDS)
    golds: Sequence[float | None] = rows[GOLD].tolist() if GOLD in rows else [None] * len(rows)
    return [
        Sample(_picture(png), FRAMES.get(gold, "") if gold is not None else "", _words(prompt, label, gold))
        for png, gold in zip(rows["image"], golds, strict=True)
    ]


def _words(prompt: str, label: str, gold: float | None) -> str:
    verdict = {1.0: ", accepted", 0.0: ", not accepted"}.get(gold, "") if gold is not None else ""
    return f"{prompt}: {label}{verdict}"


def _picture(png: bytes) -> str:
    """Return a small picture as a data address, encoded again: of what a run brought, only pixels reach a page."""
    picture = read_rgb(png)
    picture.thumbnail((SIDE, SIDE))
    return as_address(picture)


def _judge(run: BoardRun, role: str) -> str:
    """Return what is the same for a judge in all runs: the board's entry, or else its name."""
    return GOLD if role == GOLD else run.judges.get(role, run.report.judges[role])


def _ends(interval: tuple[float, float]) -> str:
    low, high = interval
    return "" if math.isnan(low) else f"({difference(low)} to {difference(high)})"
