"""The board as one HTML file that works without a network and asks for nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
from typing import Any
from urllib.parse import urlsplit

from tia2.evaluation.summary import OVERALL

from ..data.board import Board
from ..plots import forest, forest_words
from ..plots.style import clean
from .facts import Facts, about, best_first, figures, people, plain, provenance, titles
from .style import CSS, SCRIPT

DEFINITIONS = {
    "Mean over prompts": "Metrics are computed within each prompt whose labels differ, then averaged over prompts; "
    "overall is the mean of the subsets. The prompt is the unit of uncertainty.",
    "Pooled": "The same metric over all items at once. It says whether rewards of different prompts can be compared.",
    "Interval": "95 %, from a seeded bootstrap over prompts.",
    "Rank interval": "The ranks that hold 95 % of the resamples.",
    "Group": "Entries that share a letter are not separable at 5 %, corrected for the number of comparisons.",
    "Upper bound (oracle)": "Its settings were chosen on the labels that it is judged by: no result, and no rank.",
    "Noise ceiling": "What a scorer that knows each image's true vote probability would reach against the votes.",
    "One annotator": "One annotator's vote as the value, judged against the other votes on the item.",
    "AUROC, AUPRC": "How well the value separates aligned items from the others: area under the ROC curve, and average "
    "precision.",
    "AP@k": "Average precision of the k best items, divided by the number of aligned items among these; 0 without one.",
    "Spearman ρ, Kendall τ-b": "Rank correlation of the value with the human score.",
    "TextNorm": "The prompt's share in the softmax of reward / τ over the prompt and its contrastive prompts.",
}
LINKS = ("paper", "contact")


def static_html(board: Board, metric: str = "auroc") -> str:
    """Return one self-contained page: every scope's table, sortable, its forest plot, definitions and provenance.

    Its content security policy forbids every request and every script but the page's own two.

    Args:
        board: The board.
        metric: The one to rank by.

    Raises:
        UnknownNameError: No such metric.
    """
    from plotly.offline import get_plotlyjs

    scripts = [script.replace("\r\n", "\n").replace("\r", "\n") for script in (get_plotlyjs(), SCRIPT)]
    sources = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts
    )
    policy = (
        f"default-src 'none'; script-src {sources}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    scopes = list(dict.fromkeys([*(scope for scope in board.scopes if scope == OVERALL), *board.scopes]))
    anchors = {scope: f"scope-{number}" for number, scope in enumerate(scopes)}
    drawn = {
        f"{anchor}-forest": json.loads(forest(board, scope, metric).to_json()) for scope, anchor in anchors.items()
    }
    links = "".join(f'<a href="#{anchor}">{_text(scope)}</a>' for scope, anchor in anchors.items())
    sections = "".join(_section(board, scope, metric, anchor) for scope, anchor in anchors.items())
    title = _text(f"{board.index.store.name}: {board.benchmark.title}")
    simulated = '<p class="warning">The votes of this benchmark are simulated.</p>' if board.benchmark.simulated else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{title}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<header><h1>{title}</h1>\n"
        f"<p>{_text(board.benchmark.description)}</p>{simulated}\n"
        f'<nav aria-label="Sections">{links}<a href="#entries">entries</a><a href="#definitions">definitions</a>'
        f'<a href="#provenance">provenance</a></nav></header>\n<main>\n'
        '<label>Show only entries whose name contains <input id="filter" type="search" autocomplete="off"></label>\n'
        f"<noscript><p>Sorting, filtering and figures need JavaScript; the tables hold every figure.</p></noscript>\n"
        f'{sections}\n<h2 id="entries">Entries</h2>\n{_entries(board)}\n'
        f'<h2 id="definitions">Definitions</h2>\n{_pairs(DEFINITIONS)}\n'
        f'<h2 id="provenance">Provenance</h2>\n{_pairs(_provenance(board))}\n</main>\n'
        f'<script type="application/json" id="figures">{_json(drawn)}</script>\n'
        + "".join(f"<script>{script}</script>\n" for script in scripts)
        + "</body>\n</html>\n"
    )


def _text(value: object) -> str:
    return html.escape(clean(str(value)), quote=True)


def _json(content: Any) -> str:
    """Return JSON that can't end the script element it stands in."""
    text = json.dumps(plain(content), ensure_ascii=False, allow_nan=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _section(board: Board, scope: str, metric: str, anchor: str) -> str:
    others = [name for name in titles() if name != metric]
    found = {name: figures(board, scope, name) for name in (metric, *others)}
    rows = best_first(
        {**about(entry), **found[metric][place], "others": [found[name][place] for name in others]}
        for place, entry in enumerate(board.entries)
    )
    heads = "".join(
        _head(name, kind, first, ' aria-sort="ascending"' if name == "Rank" else "")
        for name, kind, first in (
            ("Rank", "number", "ascending"), ("Entry", "text", "ascending"), (titles()[metric], "number", "descending"),
            ("Group", "text", "ascending"), (f"Pooled {titles()[metric]}", "number", "descending"),
            *((titles()[name], "number", "descending") for name in others),
        )
    )  # fmt: skip
    known = people(board, scope, metric)
    references = "".join(
        f'<tr><td></td><th scope="row">people: {name}</th>{_figure(one)}<td></td>{_figure(one, "pooled")}'
        + "".join(_figure(people(board, scope, other)[name]) for other in others)
        + "</tr>"
        for name, one in known.items()
    )
    label = f"{_text(scope)}, by {titles()[metric]}"
    words = _text(forest_words(board, scope, metric))
    return (
        f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{_text(scope)}</h2>\n'
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table: {label}"><table class="sortable">'
        f"<caption>{label}. Brackets hold 95 % intervals.</caption>\n<thead><tr>{heads}</tr></thead>\n"
        f"<tbody>{''.join(map(_row, rows))}</tbody>\n"
        + (f'<tbody class="people">{references}</tbody>\n' if references else "")
        + f'</table></div>\n<figure><div id="{anchor}-forest" role="img" aria-label="{words}"></div>'
        f"<figcaption>{words}</figcaption></figure></section>\n"
    )


def _head(name: str, kind: str, first: str, sorted_now: str) -> str:
    side = "text" if kind == "text" else "number"
    return (
        f'<th scope="col" class="{side}" data-kind="{kind}" data-first="{first}"{sorted_now}>'
        f'<button type="button" class="{side}">{_text(name)}</button></th>'
    )


def _row(row: Facts) -> str:
    name = _text(row["name"])
    chips = "".join(f'<span class="chip">{_text(chip)}</span>' for chip in row["chips"])
    rank = f"{row['rank']} <span class=quiet>({row['rank_low']}–{row['rank_high']})</span>" if row["rank"] else "–"
    bound = ' class="bound"' if row["kind"] == "upper bound" else ""
    group = _text(row["group"] or "")
    return (
        f'<tr data-name="{name.lower()}"{bound}><td data-value="{row["rank"] or ""}">{rank}</td>'
        f'<th scope="row" data-value="{name}">{name}{chips}</th>{_figure(row)}'
        f'<td class="text" data-value="{group}">{group}</td>'
        f"{_figure(row, 'pooled')}{''.join(map(_figure, row['others']))}</tr>\n"
    )


def _figure(row: Facts, which: str = "") -> str:
    mean, low, high = (
        row[name] for name in ((which, f"{which}_low", f"{which}_high") if which else ("mean", "low", "high"))
    )
    if mean is None or math.isnan(mean):
        return '<td data-value="">–</td>'
    interval = "" if math.isnan(low) or math.isnan(high) else f' <span class="quiet">[{low:.3f}, {high:.3f}]</span>'
    return f'<td data-value="{mean!r}">{mean:.3f}{interval}</td>'


def _pairs(pairs: dict[str, Any]) -> str:
    return "<dl>" + "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in pairs.items()) + "</dl>"


def _provenance(board: Board) -> Facts:
    return {name.replace("_", " "): value for name, value in provenance(board).items()}


def _entries(board: Board) -> str:
    """Return what each entry's people declare of it. Links lead only to https addresses, and only when clicked."""
    parts = []
    for entry in board.entries:
        facts = about(entry)
        known = {
            name.replace("_", " "): facts[name]
            for name in ("description", "licence", "training_data", "source")
            if facts[name]
        }
        if facts["tables"]:
            known["score tables"] = ", ".join(facts["tables"])
        links = "".join(
            f'<dt>{name}</dt><dd><a href="{address}" rel="noopener noreferrer nofollow">{address}</a></dd>'
            for name in LINKS
            if (address := _address(facts[name] or ""))
        )
        body = _pairs(known).removesuffix("</dl>") + links + "</dl>"
        parts.append(f"<details><summary>{_text(entry.name)}</summary>{body}</details>\n")
    return "".join(parts)


def _address(text: str) -> str:
    """Return an https address, escaped for an attribute; empty for anything else."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    good = (
        parts.scheme == "https"
        and parts.hostname
        and "@" not in parts.netloc
        and text.isprintable()
        and " " not in text
    )
    return html.escape(text, quote=True) if good else ""
