"""What the Board tab says of one entry: its card as text, where it comes from, and its figures on every subset."""

from __future__ import annotations

from collections import Counter

from markupsafe import Markup

from ..data.board import Board, BoardEntry
from ..data.records import Cost
from ..views.formats import NO_VALUE, count_of_weights, figure, interval, share
from ..views.rendering import macro
from .markup import PARTS, code, note, safe_link, table

HINT = "Select a row, or choose an entry above, to see its card, its settings and its figures on every subset."


def detail(board: Board, name: str | None, scope: str) -> str:
    """Return what is known of an entry, as HTML in which everything that others wrote is escaped.

    Args:
        board: The board.
        name: Id of the entry; None or an unknown one for a hint.
        scope: Scope whose counts of prompts are shown.
    """
    if not name or name not in board.positions:
        return note(HINT)
    entry = board.entry(name)
    return macro(PARTS, "details", entry.name, _facts(board, entry, scope), _figures(board, entry))


def _facts(board: Board, entry: BoardEntry, scope: str) -> list[tuple[str, str]]:
    pairs = [("entry", code(entry.id)), ("what", " · ".join(entry.chips))]
    if entry.source:
        pairs.append(("source", safe_link(entry.source)))
    if entry.listing is not None:
        card = entry.listing.card
        pairs += [
            ("description", card.description or NO_VALUE),
            *([("organisation", card.organisation)] if card.organisation else []),
            *([("size", count_of_weights(card.parameters))] if card.parameters else []),
            ("training data", card.training_data),
            ("licence", card.licence),
            *([("contact", safe_link(card.contact))] if card.contact else []),
            *(
                (name, safe_link(address))
                for name, address in (("paper", card.paper), ("code", card.code), ("weights", card.weights))
                if address
            ),
            *([("cost, as declared", _cost(card.cost))] if card.cost else []),
            *([("cite", code(card.cite))] if card.cite else []),
            (
                "added",
                f"{entry.listing.added}{f', by {entry.listing.added_by}' if entry.listing.added_by else ''}",
            ),
            ("score tables", Markup(" ").join(code(digest[:12]) for digest in entry.listing.tables)),
        ]
    pairs += [("validated", f"{run.report.verdict} ({run.title})") for run in board.runs if run.entry == entry.id]
    settings = _plain(board.index.result(entry.key).entry.settings)
    if settings:
        pairs.append(("settings", settings))
    numbers = board.counts[board.positions[entry.id], board.scopes.index(scope)]
    counts = dict(zip(("prompts", "prompts_used"), numbers, strict=False))
    if counts["prompts"] == counts["prompts"]:
        pairs.append(("prompts", f"{counts['prompts']:.0f} in {scope}, {counts['prompts_used']:.0f} with both labels"))
    pairs.append(("items with a value", share(entry.coverage)))
    return pairs


def _figures(board: Board, entry: BoardEntry) -> str:
    number = board.positions[entry.id]
    rows = []
    for metric, title in board.metric_titles.items():
        cells = [
            interval(*(float(board.estimate(scope, metric, what)[number]) for what in ("mean", "low", "high")))
            for scope in board.scopes
        ]
        rows.append([title, *cells])
    usual = board.usual_metric
    pooled = [figure(float(board.estimate(scope, usual, "pooled")[number])) for scope in board.scopes]
    rows.append([f"{board.metric_titles[usual]}, pooled", *pooled])
    return table("Mean over prompts, with 95 % intervals", ["metric", *board.scopes], rows)


def _cost(cost: Cost) -> str:
    parts = []
    if cost.items_per_second is not None:
        where = f" on {cost.device}" if cost.device else ""
        parts.append(f"{cost.items_per_second:,.4g} items per second{where}")
    if cost.macs is not None:
        parts.append(f"{cost.macs:.3g} multiply-accumulates per image and text")
    return "; ".join(parts) or NO_VALUE


def _plain(value: object) -> str:
    """Return settings in words.

    Example:
        >>> _plain({"setting": "cv", "chosen": [{"factor": 2.0}, {"factor": 2.0}, {"factor": 0.5}]})
        'setting cv, chosen factor 2 (2 times); factor 0.5'
    """
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(setting)}" for key, setting in value.items() if setting is not None)
    if isinstance(value, (list, tuple)):
        times = Counter(map(_plain, value))
        return "; ".join(text if count == 1 else f"{text} ({count} times)" for text, count in times.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
