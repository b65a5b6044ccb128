"""The Items tab: one prompt, its images as an entry orders them, and what its contrastive prompts get."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr
from markupsafe import Markup

from ...data.board import Board, BoardEntry
from ...data.boards import Live
from ...views.formats import figure
from ...views.item_sheets import Ranked, item_cards, rivals_sheet
from ...views.item_view import (
    FURTHER,
    ORDERS,
    PAGE,
    Items,
    items_of,
    order,
    page_of,
    prompts_by_odds,
    rivals,
    values_of,
)
from ...views.pairs import choices, suggested
from ...views.pictures import as_address
from ...views.rendering import macro
from ...views.scored_rewards import reward_names
from ..address import pick, pick_many, pick_number
from ..markup import heading, note, table
from ..parts import Choices, Param, Query, Tab, chosen

TEMPLATE = "items.html"
EMPTY = "There is no entry on this board yet. Here are the benchmark's own items."
CHOOSE = "Choose an entry to order the items by. Here they are in the benchmark's own order."
NO_ITEMS = (
    "This board has the figures that were published, prompt by prompt, and neither images nor votes. `tia2 leaderboard "
    "import-published` fetches the votes and texts; Compare shows the prompts on which two entries differ."
)
PUBLISHED = "No values image by image were published for {}, so items stand in the benchmark's order."
RIVALS = "Out-scores it, or ahead: on how many of these images the text gets a higher reward than the prompt itself."
FRAMED = (
    "Framed: an image on the wrong side of the order, since k images that people call aligned should have the k "
    "highest values. Below each image, its rank by other models."
)
USUAL = 3
"""How many other models' ranks are shown on a first visit."""
STEPS = ("◀ More at odds with people", "Less at odds ▶")


def build(live: Live) -> Tab:
    """Make the tab's components, inside the tab that is being built.

    Args:
        live: The boards.
    """
    with gr.Row(elem_classes="tia2-controls"):
        prompt = gr.Dropdown(
            label="Prompt and its AUROC, most at odds with people first",
            scale=3,
            min_width=280,
            elem_id="tia2-prompt",
        )
        entry = gr.Dropdown(label="Order by the values of", scale=2, min_width=240)
    with gr.Row(elem_classes="tia2-controls"):
        how = gr.Dropdown([(title, key) for key, title in ORDERS.items()], label="Order", scale=2, min_width=220)
        others = gr.Dropdown(
            [],
            multiselect=True,
            max_choices=FURTHER,
            label=f"Ranks by up to {FURTHER} further entries",
            scale=3,
            min_width=260,
        )
        page = gr.Slider(1, 3, value=1, step=1, label="Page", scale=1, min_width=180)
    with gr.Row(elem_classes="tia2-exports"):
        steps = [gr.Button(title, size="sm", scale=0, min_width=190) for title in STEPS]
    prompts = gr.State([])
    about = gr.HTML()
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            gallery = gr.HTML()
        with gr.Column(scale=2, min_width=320):
            gr.HTML(heading("Contrastive prompts"))
            texts = gr.HTML()
            gr.HTML(note(RIVALS))

    walks = [_walk(button, prompts, step, prompt) for button, step in zip(steps, (-1, 1), strict=True)]
    return Tab(
        "items",
        [
            Param(
                "prompt", prompt, _restore_prompt, after=[walk.success for walk in walks], offers=_prompts,
                offers_by="ie", kind="prompt",
            ),
            Param("ie", entry, _restore_entry, offers=_entries, kind="entry"),
            Param(
                "order", how, lambda _, query: gr.update(value=pick(query, "order", ORDERS, "highest")), kind="order"
            ),
            # Not "page": Gradio takes that for one of its own pages, and answers with an error.
            Param("ip", page, _restore_page),
            Param("with", others, _restore_others, offers=_entries, kind="entry"),
        ],
        partial(_render, live),
        [about, gallery, texts, prompts, *steps],
    )  # fmt: skip


def _render(
    live: Live, benchmark: str, prompt_id: str | None, name: str | None, kind: str | None, number: float | None,
    further: list[str] | None,
) -> list[Any]:  # fmt: skip
    board = live.board(benchmark)
    if not board.benchmark.items_kept:
        return [note(NO_ITEMS), "", "", [], *[gr.update(visible=False)] * len(STEPS)]
    items = items_of(board, prompt_id or "")
    by = board.entry(name) if name else None
    ranked_by = Ranked("", None) if by is None else Ranked(by.name, values_of(board, by, items))
    beside = [
        Ranked(other.name, values_of(board, other, items))
        for other in map(board.entry, (further or [])[:FURTHER])
        if by is None or other.model != by.model or other.calibration != by.calibration
    ]
    every = order(kind or "highest", items.human, ranked_by.known(items))
    number_shown, pages, part = page_of(len(items), int(number or 1))
    shown = every[part]
    pictures, why = live.pictures(board.benchmark).of(items.positions[shown].tolist())
    sources = ["" if picture is None else as_address(picture) for picture in pictures]
    cards = item_cards(items, shown, ranked_by, beside, sources)
    last = part.start + len(shown)
    counted = note(f"Items {part.start + 1} to {last} of {len(items)}, page {number_shown} of {pages}. {why}")
    prompts = _prompts(board, name)
    ends = (prompts[0][1], prompts[-1][1])
    about_order = _about_order(board, by, items.prompt_id)
    return [
        _about(board, items, by, ranked_by, about_order),
        macro(TEMPLATE, "cards", items.prompt, cards) + counted + note(FRAMED),
        _rivals(board, items, by),
        prompts,
        *(gr.update(interactive=items.prompt_id != end, visible=True) for end in ends),
    ]


def _walk(button: gr.Button, offered: gr.State, step: int, prompt: gr.Dropdown) -> Any:
    """Return the event of going to the prompt before or after, in the order of how much it is at odds with people."""

    def go(prompts: Choices, shown: str | None) -> Any:
        # From the prompt that the menu names at the click: what is drawn of it may still be on its way.
        ids = [name for _, name in prompts]
        position = ids.index(shown) + step if shown in ids else -1
        return chosen(prompts, ids[position]) if 0 <= position < len(ids) else gr.skip()

    return button.click(go, [offered, prompt], [prompt], api_visibility="private", show_progress="hidden", queue=False)


def _about_order(board: Board, by: BoardEntry | None, prompt_id: str) -> str:
    """Return what is said of a prompt's place among those that are most at odds with people; empty without an entry."""
    by_odds = prompts_by_odds(board, by)
    ids = board.prompts["prompt_id"].tolist()
    number, auroc = next(
        (number, auroc) for number, (position, auroc) in enumerate(by_odds, 1) if ids[position] == prompt_id
    )
    if by is None or auroc != auroc:
        return ""
    ranked = sum(value == value for _, value in by_odds)
    words = f"number {number} of {ranked} by how much it is at odds with people"
    return f" {board.metric_titles[board.usual_metric]} of {by.name}: {figure(auroc)}, {words}."


def _about(board: Board, items: Items, by: BoardEntry | None, ranked: Ranked, about_order: str) -> str:
    subset = board.items["subset"].iloc[items.positions[0]]
    why = Markup() if ranked.values is not None else note(_why(board, by))
    aligned = f"{int(items.labels.sum())} of {len(items)} images aligned"
    return heading(items.prompt) + note(f"{subset}, {aligned}.{about_order}") + why


def _why(board: Board, by: BoardEntry | None) -> str:
    if by is not None:
        return PUBLISHED.format(by.name)
    return CHOOSE if len(board) else EMPTY


def _rivals(board: Board, items: Items, by: BoardEntry | None) -> str:
    by_reward = []
    if by is not None and by.listing is not None:
        names = reward_names(board, by.listing)
        by_reward = [
            (name, rivals(board, digest, items)) for name, digest in zip(names, by.listing.tables, strict=True)
        ]
    shown = rivals_sheet(items, by_reward)
    return table("The prompt and its contrastive prompts", shown.headers, shown.texts, texts=True)


def _prompts(board: Board, entry: Any = None) -> Choices:
    """Return the prompts as the menu calls them, in the order of an entry's AUROC if one is chosen."""
    by = board.entry(entry) if isinstance(entry, str) and entry in board.positions else None
    prompts = board.prompts
    names = [f"{subset}: {text}" for subset, text in zip(prompts["subset"], prompts["prompt"], strict=True)]
    ids = prompts["prompt_id"].tolist()
    return [
        (names[position] if by is None else f"{figure(auroc)} · {names[position]}", ids[position])
        for position, auroc in prompts_by_odds(board, by)
    ]


def _entries(board: Board) -> Choices:
    return choices(board.entries)


def _restore_prompt(board: Board, query: Query) -> Any:
    ids = board.prompts["prompt_id"].tolist()
    # The usual one depends on nothing else in the address, so that the address can leave it out.
    usual = _prompts(board, _usual_entry(board))[0][1]
    return chosen(_prompts(board, _entry_of(board, query)), pick(query, "prompt", ids, usual))


def _restore_entry(board: Board, query: Query) -> Any:
    return chosen(_entries(board), _entry_of(board, query) or None)


def _entry_of(board: Board, query: Query) -> str:
    return pick(query, "ie", board.positions, "" if query.get("ie") else _usual_entry(board))


def _usual_entry(board: Board) -> str:
    return (suggested(board) or [""])[0]


def _restore_others(board: Board, query: Query) -> Any:
    usual = _usual_others(board)
    asked = pick_many(query, "with", board.positions, usual)[:FURTHER]
    # None at all can be asked for; entries that are gone are not that.
    return chosen(_entries(board), asked if asked or not query.get("with") else usual)


def _usual_others(board: Board) -> list[str]:
    """Return the best entry of each of the best models: nothing that the address names, so it can leave them out."""
    standing = board.standing(board.usual_scope, board.usual_metric)
    best: dict[str, str] = {}
    for position in sorted(board.ranked.tolist(), key=lambda position: int(standing.rank[position])):
        entry = board.entries[position]
        if entry.listing is not None:
            best.setdefault(entry.model, entry.id)
    return list(best.values())[: USUAL + 1]


def _restore_page(board: Board, query: Query) -> Any:
    pages = -(-int(board.prompts["items"].max()) // PAGE)
    value = round(pick_number(query, "ip", 1, pages, 1))
    return gr.update(maximum=max(pages, 2), value=value, visible=pages > 1)
