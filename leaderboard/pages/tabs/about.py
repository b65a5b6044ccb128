"""The About tab: what the words mean, how to cite, what the figures were computed from, and how the board changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr
from markupsafe import Markup

from tia2._version import __version__
from tia2.benchmark.judgements.comparisons import RULE
from tia2.evaluation.result import People

from ...data.board import Board
from ...data.boards import Live
from ...data.index import SEED
from ...data.records import BenchmarkRecord
from ...submissions.history import changes, days, over_time, ranked_models, versions
from ...submissions.removals import Removal, removals
from ...views.formats import NO_VALUE, figure
from ...views.rendering import macro
from ...views.texts import definitions
from ..address import pick
from ..markup import answer, code, facts, heading, note, table
from ..parts import Param, Query, Tab

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
METRIC = "auroc"
HISTORY = (
    "Ranks then are those among the models that are still there: of a model that was taken off, its day is known. "
    "A model whose version was replaced counts as new. A version of tia2 stands for the day on which the first model "
    "came whose score tables were made with it."
)


def build(live: Live) -> Tab:
    """Make the tab's components, inside the tab that is being built.

    Args:
        live: The boards.
    """
    gr.HTML(macro(TEMPLATE, "cite"))
    gr.Code(CITE, language=None, label="BibTeX", interactive=False, show_line_numbers=False, buttons=["copy"])
    gr.HTML(macro(TEMPLATE, "cite_entries"))
    provenance = gr.HTML()
    gr.HTML(heading("History"))
    since = gr.Dropdown([], label="Changes since", elem_id="tia2-since")
    history = gr.HTML()
    gr.HTML(macro(TEMPLATE, "definitions", definitions()))
    gr.HTML(macro(TEMPLATE, "licence"))

    def render(benchmark: str, moment: str | None) -> list[str]:
        board = live.board(benchmark)
        return [provenance_of(board), history_of(board, moment or "", removals(live.store.folder))]

    return Tab("about", [Param("since", since, _restore_since, kind="day or version")], render, [provenance, history])


def history_of(board: Board, since: str, removed: Sequence[Removal]) -> Markup:
    """Return what has changed since a day or a version of tia2, and the board over time, as HTML.

    Args:
        board: The board.
        since: The day, or a version of `versions`; what came on its day isn't new.
        removed: Models that were taken off the leaderboard.
    """
    models = ranked_models(board, board.usual_scope, METRIC)
    in_use = versions(board)
    day_of = in_use.get(since, since)
    moment = f"tia2 {since} ({day_of})" if since in in_use else since
    changed = changes(models, day_of)
    gone = [(what.day, what.name) for what in removed if what.benchmark in (None, board.benchmark.name)]
    late = [(name, NO_VALUE, NO_VALUE, f"taken off on {day}") for day, name in gone if day > day_of]
    rows = [(model.name, NO_VALUE, str(model.rank), f"new on {model.day}") for model in changed.new]
    rows += [(model.name, str(before), str(model.rank), "moved") for model, before in changed.moved]
    title = f"Ranks of models by {board.metric_titles[METRIC]}, {board.usual_scope}: changes since {moment}"
    listed = table(title, ["model", "rank then", "rank now", "what"], [*rows, *late], texts=True)
    overview = [(day, f"{count:,}", name) for day, count, name in over_time(models)]
    return Markup("").join(
        [
            listed if rows or late else answer(f"Nothing has changed since {moment}." if since else "No model yet."),
            table("The board over time", ["day", "models", "best model"], overview) if overview else Markup(),
            note(HISTORY),
        ]
    )


def _restore_since(board: Board, query: Query) -> Any:
    """Return an update of the menu of days and versions: before the latest change unless the address says otherwise."""
    listed = days(ranked_models(board, board.usual_scope, METRIC))
    usual = listed[min(1, len(listed) - 1)] if listed else ""
    in_use = [(f"tia2 {version}, here from {day} on", version) for version, day in versions(board).items()]
    choices = [*((day, day) for day in listed), *in_use]
    return gr.update(choices=choices, value=pick(query, "since", [value for _, value in choices], usual))


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
