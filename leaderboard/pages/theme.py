"""How the app looks: one accent, cool greys, the reader's own fonts, numbers of equal width, light and dark; its icon.

The page's head has a description, and a script that fetches ahead what other tabs take long to start.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import gradio as gr
from gradio.themes import Base, Color

from tia2.figures.style import PAPER

from ..views.rendering import render, source

HEAVY = "PlotlyPlot-*.js"
"""Gradio's script that draws figures: 4.6 MB, which take more than a second to fetch and start."""
FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
ACCENT = Color("#eff5f9", "#dbe8f1", "#b9d2e3", "#8fb5cf", "#5f93b7", "#3f7ba3", "#2f6690", "#27577a", "#204763",
               "#19384e", "#10253a")  # fmt: skip
GREYS = Color(
    "#f8f9fb",
    "#f1f3f5",
    PAPER.grid,
    "#cbd2d9",
    "#9aa5b1",
    "#7b8794",
    "#5a6774",
    "#46525e",
    "#323f4b",
    PAPER.ink,
    "#141b22",
)

LOOKS = MappingProxyType(
    {
        "body_background_fill": "white",
        "body_background_fill_dark": "*neutral_950",
        "body_text_color": "*neutral_900",
        "body_text_color_dark": "*neutral_100",
        "body_text_color_subdued": "*neutral_600",
        "body_text_color_subdued_dark": "*neutral_400",
        "background_fill_primary": "white",
        "background_fill_primary_dark": "*neutral_950",
        "background_fill_secondary": "*neutral_50",
        "background_fill_secondary_dark": "*neutral_900",
        "border_color_primary": "*neutral_200",
        "border_color_primary_dark": "*neutral_800",
        "block_background_fill": "transparent",
        "block_background_fill_dark": "transparent",
        "block_border_width": "0px",
        "block_border_width_dark": "0px",
        "block_padding": "0px",
        "block_shadow": "none",
        "block_label_background_fill": "transparent",
        "block_label_background_fill_dark": "transparent",
        "block_label_border_width": "0px",
        "block_label_border_width_dark": "0px",
        "block_label_text_color": "*neutral_600",
        "block_label_text_color_dark": "*neutral_400",
        "block_title_text_color": "*neutral_600",
        "block_title_text_color_dark": "*neutral_400",
        "block_title_text_size": "*text_sm",
        "block_title_text_weight": "500",
        "block_title_padding": "0px",
        "block_title_background_fill": "transparent",
        "block_title_background_fill_dark": "transparent",
        "form_gap_width": "0px",
        "input_background_fill": "white",
        "input_background_fill_dark": "*neutral_900",
        "input_border_color": "*neutral_300",
        "input_border_color_dark": "*neutral_700",
        "input_border_width": "1px",
        "input_border_width_dark": "1px",
        "input_border_color_focus": "*primary_600",
        "input_border_color_focus_dark": "*primary_400",
        "input_placeholder_color": "*neutral_600",
        "input_placeholder_color_dark": "*neutral_400",
        "input_shadow": "none",
        "input_shadow_focus": "none",
        "checkbox_label_background_fill": "white",
        "checkbox_label_background_fill_dark": "*neutral_900",
        "checkbox_label_background_fill_selected": "*primary_50",
        "checkbox_label_background_fill_selected_dark": "*primary_900",
        "checkbox_label_border_color": "*neutral_300",
        "checkbox_label_border_color_dark": "*neutral_700",
        "checkbox_label_border_color_selected": "*primary_600",
        "checkbox_label_border_color_selected_dark": "*primary_400",
        "checkbox_label_border_width": "1px",
        "checkbox_label_border_width_dark": "1px",
        "checkbox_label_text_color_selected": "*primary_800",
        "checkbox_label_text_color_selected_dark": "*primary_100",
        "checkbox_label_padding": "*spacing_sm *spacing_lg",
        "button_border_width": "1px",
        "button_border_width_dark": "1px",
        "button_primary_background_fill": "*primary_600",
        "button_primary_background_fill_dark": "*primary_600",
        "button_primary_background_fill_hover": "*primary_700",
        "button_primary_background_fill_hover_dark": "*primary_500",
        "button_primary_text_color": "white",
        "button_primary_text_color_dark": "white",
        "button_secondary_background_fill": "white",
        "button_secondary_background_fill_dark": "*neutral_900",
        "button_secondary_background_fill_hover": "*neutral_100",
        "button_secondary_background_fill_hover_dark": "*neutral_800",
        "button_secondary_border_color": "*neutral_300",
        "button_secondary_border_color_dark": "*neutral_700",
        "button_secondary_text_color": "*neutral_900",
        "button_secondary_text_color_dark": "*neutral_100",
        "link_text_color": "*primary_600",
        "link_text_color_dark": "*primary_300",
        "link_text_color_hover": "*primary_800",
        "link_text_color_hover_dark": "*primary_200",
        "table_border_color": "*neutral_200",
        "table_border_color_dark": "*neutral_800",
        "table_even_background_fill": "white",
        "table_even_background_fill_dark": "*neutral_950",
        "table_odd_background_fill": "white",
        "table_odd_background_fill_dark": "*neutral_950",
        "table_text_color": "*neutral_900",
        "table_text_color_dark": "*neutral_100",
        "table_row_focus": "*primary_50",
        "table_row_focus_dark": "*primary_950",
        "slider_color": "*primary_600",
        "slider_color_dark": "*primary_400",
    }
)
"""What `gradio` calls its settings of colours, borders and sizes, light and dark."""


def theme() -> Base:
    """Return the theme. It names no font that would have to be fetched."""
    base = Base(
        primary_hue=ACCENT,
        secondary_hue=ACCENT,
        neutral_hue=GREYS,
        font=list(FONT),
        font_mono=list(MONO),
        text_size=gr.themes.sizes.text_md,
        radius_size=gr.themes.sizes.radius_sm,
        spacing_size=gr.themes.sizes.spacing_md,
    )
    return base.set(**LOOKS)


def css() -> str:
    """Return the style sheet."""
    return (files("tia2.leaderboard.pages") / "style.css").read_text(encoding="utf-8")


def icon() -> str:
    """Return the path of the page's icon."""
    return os.fspath(Path(str(files("tia2.leaderboard"))) / "templates" / "icon.svg")


def head() -> str:
    """Return the HTML of the page's head."""
    folder = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
    modules = [f"./assets/{path.name}" for path in sorted(folder.glob(HEAVY))]
    return render("head.html", modules=modules, script=source("page.js"))
