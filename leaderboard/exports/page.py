"""The board as one HTML file that works without a network and asks for nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from typing import Any

from markupsafe import Markup

from tia2.evaluation.summary import OVERALL

from ..data.board import Board, BoardEntry
from ..plots import forest, forest_words
from ..views.formats import best_text
from ..views.rendering import render, source
from ..views.texts import definitions
from .facts import Facts, about, best_first, figures, people, plain, provenance

DECLARED = ("description", "organisation", "parameters", "licence", "training_data", "source")
ADDRESSES = ("paper", "code", "weights", "contact")


def static_html(board: Board, metric: str = "auroc", page: str = "") -> str:
    """Return one self-contained page: every scope's table, sortable, its forest plot, definitions and provenance.

    Its content security policy forbids every request and every script but the page's own two.

    Args:
        board: The board.
        metric: Name of the metric to rank by.
        page: Address of the board's page, if known.

    Raises:
        UnknownNameError: No such metric.
    """
    from plotly.offline import get_plotlyjs

    # Browsers read any line ending as \n, also for the digests by which the policy knows the scripts.
    scripts = [script.replace("\r\n", "\n").replace("\r", "\n") for script in (get_plotlyjs(), source("offline.js"))]
    scopes = list(dict.fromkeys([*(scope for scope in board.scopes if scope == OVERALL), *board.scopes]))
    anchors = {scope: f"scope-{number}" for number, scope in enumerate(scopes)}
    drawn = {
        f"{anchor}-forest": json.loads(forest(board, scope, metric).to_json()) for scope, anchor in anchors.items()
    }
    common = provenance(board, metric=metric, page=page)
    return render(
        "offline.html",
        date=common["date"],
        permalink=common["permalink"],
        title=f"{board.index.store.name}: {board.benchmark.title}",
        benchmark=board.benchmark,
        policy=_policy(scripts),
        css=source("offline.css"),
        metric=board.metric_titles[metric],
        others=[board.metric_titles[name] for name in _others(board, metric)],
        sections=[_section(board, scope, metric, anchor) for scope, anchor in anchors.items()],
        entries=[_entry(entry) for entry in board.entries],
        definitions=definitions(),
        provenance={name.replace("_", " "): value for name, value in common.items()},
        figures=_json(drawn),
        scripts=list(map(Markup, scripts)),
    )


def _policy(scripts: list[str]) -> str:
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    sources = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {sources}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def _json(content: Any) -> Markup:
    """Return JSON that can't end the script element it stands in."""
    text = json.dumps(plain(content), ensure_ascii=False, allow_nan=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)


def _others(board: Board, metric: str) -> list[str]:
    return [name for name in board.metrics if name != metric]


def _section(board: Board, scope: str, metric: str, anchor: str) -> Facts:
    others = _others(board, metric)
    standing = board.standing(scope, metric)
    by_metric = {name: figures(board, scope, name) for name in (metric, *others)}
    rows = [
        {
            **about(entry),
            **by_metric[metric][number],
            "best": best_text(int(standing.rank[number]), float(standing.p_best[number])),
            "others": [by_metric[name][number] for name in others],
        }
        for number, entry in enumerate(board.entries)
    ]
    # The noise ceiling isn't known by every metric of pairs.
    references = [
        {
            "name": who,
            **estimate,
            "others": [people(board, scope, other).get(who, dict.fromkeys(estimate, math.nan)) for other in others],
        }
        for who, estimate in people(board, scope, metric).items()
    ]
    return {
        "scope": scope,
        "anchor": anchor,
        "label": f"{scope}, by {board.metric_titles[metric]}",
        "rows": best_first(rows),
        "people": references,
        "words": forest_words(board, scope, metric),
    }


def _entry(entry: BoardEntry) -> Facts:
    """Return what an entry's people declare of it. Links lead only to https addresses, and only when clicked."""
    facts = about(entry)
    declared = {name.replace("_", " "): str(facts[name]) for name in DECLARED if facts[name]}
    if facts["tables"]:
        declared["score tables"] = ", ".join(facts["tables"])
    return {"name": entry.name, "facts": declared, "addresses": {name: facts[name] or "" for name in ADDRESSES}}
