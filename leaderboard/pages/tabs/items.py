"""The Items tab: one prompt, its images as an entry orders them, and what its contrastive prompts get."""

from __future__ import annotations

from typing import Any

import gradio as gr
from markupsafe import Markup

from ...data.board import Board, BoardEntry
from ...data.boards import Live
from ...views.item_sheets import Ranked, captions, items_sheet, rivals_sheet
from ...views.item_view import FURTHER, ORDERS, PAGE, Items, items_of, order, page_of, rivals, values_of
from ...views.pairs import choices, suggested
from ...views.scored_rewards import reward_names
from ...views.sheets import Sheet
from ..address import pick, pick_many, pick_number
from ..markup import heading, note, table
from ..parts import Choices, Param, Query, Tab, chosen
from ..tables import STYLE, filled, text_table

EMPTY = "There is no entry on this board yet. Here are the benchmark's own items."
CHOOSE = "Choose an entry to order the items by. Here they are in the benchmark's own order."
NO_ITEMS = (
    "This board has the figures that were published, prompt by prompt, and neither images nor votes. `tia2 leaderboard "
    "import-published` fetches the votes and texts; Compare shows the prompts on which two entries differ."
)
PUBLISHED = "No values image by image were published for {}, so items stand in the benchmark's order."
RIVALS = "Out-scores it, or ahead: on how many of these images the text gets a higher reward than the prompt itself."
WIDTHS = (64, 92, 84, 116, 112, 240, 220)


def build(live: Live) -> Tab:
    """Make the tab's components, inside the tab that is being built.

    Args:
        live: The boards.
    """
    with gr.Row(elem_classes="tia2-controls"):
        prompt = gr.Dropdown(label="Prompt", scale=3, min_width=280)
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
    about = gr.HTML()
    gr.HTML(STYLE)
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            gallery = gr.Gallery(
                label="Images", show_label=False, columns=5, height="max-content", object_fit="contain", format="png",
                elem_classes="tia2-gallery", interactive=False,
            )  # fmt: skip
            status = gr.HTML()
        with gr.Column(scale=2, min_width=320):
            gr.HTML(heading("Contrastive prompts"))
            texts = gr.HTML()
            gr.HTML(note(RIVALS))
    gr.HTML(heading("Items"))
    sheet = text_table("Items", 860)

    def render(
        benchmark: str, prompt_id: str | None, name: str | None, kind: str | None, number: float | None,
        further: list[str] | None,
    ) -> list[Any]:  # fmt: skip
        board = live.board(benchmark)
        if not board.benchmark.items_kept:
            return [note(NO_ITEMS), gr.update(value=[], visible=False), "", "", filled(Sheet(["Item"]), WIDTHS)]
        items = items_of(board, prompt_id or "")
        by = board.entry(name) if name else None
        ranked_by = Ranked("", None) if by is None else Ranked(by.name, values_of(board, by, items))
        every = order(kind or "highest", items.human, ranked_by.known(items))
        number_shown, pages, part = page_of(len(items), int(number or 1))
        shown = every[part]
        ranked = [_ranked(board, other, items) for other in (further or [])[:FURTHER] if other != name]
        pictures, why = live.pictures(board.benchmark).of(items.positions[shown].tolist())
        labelled = [
            (picture, text)
            for picture, text in zip(pictures, captions(items, shown, ranked_by), strict=True)
            if picture is not None
        ]
        last = part.start + len(shown)
        return [
            _about(board, items, by, ranked_by),
            gr.update(value=labelled, visible=bool(labelled)),
            note(f"Items {part.start + 1} to {last} of {len(items)}, page {number_shown} of {pages}. {why}"),
            _rivals(board, items, by),
            filled(items_sheet(items, shown, ranked_by, ranked), WIDTHS),
        ]

    return Tab(
        "items",
        [
            Param("prompt", prompt, _restore_prompt, offers=_prompts, kind="prompt"),
            Param("ie", entry, _restore_entry, offers=_entries, kind="entry"),
            Param(
                "order", how, lambda _, query: gr.update(value=pick(query, "order", ORDERS, "highest")), kind="order"
            ),
            # Not "page": Gradio takes that for one of its own pages, and answers with an error.
            Param("ip", page, _restore_page),
            Param("with", others, _restore_others, offers=_entries, kind="entry"),
        ],
        render,
        [about, gallery, status, texts, sheet],
    )


def _about(board: Board, items: Items, by: BoardEntry | None, ranked: Ranked) -> str:
    subset = board.items["subset"].iloc[items.positions[0]]
    why = Markup() if ranked.values is not None else note(_why(board, by))
    aligned = f"{int(items.labels.sum())} of {len(items)} images aligned"
    return heading(items.prompt) + note(f"{subset}, {aligned}.") + why


def _why(board: Board, by: BoardEntry | None) -> str:
    if by is not None:
        return PUBLISHED.format(by.name)
    return CHOOSE if len(board) else EMPTY


def _ranked(board: Board, name: str, items: Items) -> Ranked:
    entry = board.entry(name)
    return Ranked(entry.name, values_of(board, entry, items))


def _rivals(board: Board, items: Items, by: BoardEntry | None) -> str:
    by_reward = []
    if by is not None and by.listing is not None:
        names = reward_names(board, by.listing)
        by_reward = [
            (name, rivals(board, digest, items)) for name, digest in zip(names, by.listing.tables, strict=True)
        ]
    shown = rivals_sheet(items, by_reward)
    return table("The prompt and its contrastive prompts", shown.headers, shown.texts, texts=True)


def _prompts(board: Board) -> Choices:
    prompts = board.prompts
    labels = [f"{subset}: {text}" for subset, text in zip(prompts["subset"], prompts["prompt"], strict=True)]
    return list(zip(labels, prompts["prompt_id"].tolist(), strict=True))


def _entries(board: Board) -> Choices:
    return choices(board.entries)


def _restore_prompt(board: Board, query: Query) -> Any:
    ids = board.prompts["prompt_id"].tolist()
    return chosen(_prompts(board), pick(query, "prompt", ids, ids[0]))


def _restore_entry(board: Board, query: Query) -> Any:
    usual = (suggested(board) or [""])[0]
    return chosen(_entries(board), pick(query, "ie", board.positions, "" if query.get("ie") else usual) or None)


def _restore_others(board: Board, query: Query) -> Any:
    return chosen(_entries(board), pick_many(query, "with", board.positions)[:FURTHER])


def _restore_page(board: Board, query: Query) -> Any:
    pages = -(-int(board.prompts["items"].max()) // PAGE)
    value = round(pick_number(query, "ip", 1, pages, 1))
    return gr.update(maximum=max(pages, 2), value=value, visible=pages > 1)
