"""The About tab: what the words mean, how to cite, and what the figures were computed from."""

from __future__ import annotations

import gradio as gr
from markupsafe import Markup

from tia2._version import __version__
from tia2.benchmark.judgements.comparisons import RULE
from tia2.evaluation.result import People

from ...data.board import Board
from ...data.boards import Live
from ...data.index import SEED
from ...data.records import BenchmarkRecord
from ...views.formats import figure
from ...views.rendering import macro
from ...views.texts import definitions
from ..markup import code, facts, table
from ..parts import Tab

CITE = """\
@inproceedings{kim2024confidence,
  title     = {Confidence-aware Reward Optimization for Fine-tuning Text-to-Image Models},
  author    = {Kim, Kyuyoung and Jeong, Jongheon and An, Minyong and Ghavamzadeh, Mohammad and
               Dvijotham, Krishnamurthy and Shin, Jinwoo and Lee, Kimin},
  booktitle = {International Conference on Learning Representations},
  year      = {2024},
  note      = {arXiv:2404.01863}
}
"""
TEMPLATE = "about.html"


def build(live: Live) -> Tab:
    """Make the tab's components, inside the tab that is being built.

    Args:
        live: The boards.
    """
    gr.HTML(macro(TEMPLATE, "cite"))
    gr.Code(CITE, language=None, label="BibTeX", interactive=False, show_line_numbers=False, buttons=["copy"])
    gr.HTML(macro(TEMPLATE, "cite_entries"))
    provenance = gr.HTML()
    gr.HTML(macro(TEMPLATE, "definitions", definitions()))
    gr.HTML(macro(TEMPLATE, "licence"))

    def render(benchmark: str) -> list[str]:
        return [provenance_of(live.board(benchmark))]

    return Tab("about", [], render, [provenance])


def provenance_of(board: Board) -> str:
    """Return what a board's figures were computed from, as HTML."""
    record = board.benchmark
    pairs: list[tuple[str, str]] = [
        ("benchmark", macro(TEMPLATE, "benchmark", record)),
        (_judgements(record), "simulated" if record.simulated else "from people"),
        *([] if record.scale is None else [("aligned", record.scale.rule)]),
        *([] if record.judged == "items" else [("aligned", RULE)]),
        ("fingerprint of the items", code(record.fingerprint)),
        ("fingerprint of the votes", code(record.votes_fingerprint)),
        ("size", f"{len(board.prompts):,} prompts, {int(board.prompts['used'].sum()):,} of them {_contrast(record)}; "
                 f"{record.items:,} items"),
        ("entries", f"{len(board):,}, {len(board.ranked):,} of them ranked"),
        ("intervals", f"{board.index.resamples:,} resamples, seed {SEED}"),
        ("computed with", f"tia2 {__version__}"),
    ]  # fmt: skip
    if board.problems:
        pairs.append(("not shown", f"{len(board.problems):,} entries that can't be evaluated"))
    people = Markup()
    if board.people:
        rows = [
            [
                scope,
                *map(figure, _agreement(part, board.usual_metric)),
            ]
            for scope, part in board.people.items()
            if board.usual_metric in part.annotator
        ]
        title = board.metric_titles[board.usual_metric]
        headers = ["subset", "Krippendorff's alpha", f"noise ceiling, {title}", f"one annotator, {title}"]
        people = table("How well people agree with each other", headers, rows)
    return macro(TEMPLATE, "provenance", facts(pairs), people)


def _judgements(record: BenchmarkRecord) -> str:
    return "pairs" if record.judged == "pairs" else "votes" if record.scale is None else "ratings"


def _contrast(record: BenchmarkRecord) -> str:
    return "with a pair that isn't tied" if record.judged == "pairs" else "with both labels"


def _agreement(people: People, metric: str) -> tuple[float, float, float]:
    ceiling = people.ceiling[metric].mean if metric in people.ceiling else float("nan")
    return people.agreement.alpha, ceiling, people.annotator[metric].mean
