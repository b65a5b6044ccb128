"""What the tabs Compare, Items and Calibration give for a board and an address, without a browser."""

from __future__ import annotations

import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

import tia2
from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.pictures import Pictures
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.views.pairs import comparison, verdict_of

NAMES = ("compare", "items", "calibration")
PARAMS = {
    "compare": ["a", "b", "cm", "subset"],
    "items": ["prompt", "ie", "order", "ip", "with"],
    "calibration": ["model", "cs", "cmetric", "lt"],
}
RESERVED = {"page", "view", "deep_link", "__theme", "__sign", "__lang"}
"""Parameters that gradio itself reads."""


def tabs(board):
    import gradio as gr

    from tia2.leaderboard.pages.tabs import calibration as calibration_tab
    from tia2.leaderboard.pages.tabs import compare as compare_tab
    from tia2.leaderboard.pages.tabs import items as items_tab

    live = SimpleNamespace(board=lambda name=None: board, boards={"mini": board}, pictures=Pictures)
    with gr.Blocks():
        return {tab.id: tab for tab in (module.build(live) for module in (compare_tab, items_tab, calibration_tab))}


def shown(tab, board, query):
    values = [param.restore(board, query)["value"] for param in tab.params]
    outputs = tab.render("mini", *values)
    assert len(outputs) == len(tab.outputs)
    return values, outputs


def text(outputs):
    """Everything that a page gets as text, figures included."""
    return "\n".join(
        one if isinstance(one, str) else one.to_json() if hasattr(one, "to_json") else json.dumps(one, default=str)
        for one in outputs
    )


@pytest.fixture(scope="module")
def mini_tabs(mini_board):
    return tabs(mini_board)


def test_the_address_of_each_tab(mini_tabs):
    assert {name: [param.name for param in tab.params] for name, tab in mini_tabs.items()} == PARAMS
    assert not RESERVED & {name for names in PARAMS.values() for name in names}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "hostile", ["<script>", "", "nan", "-99", "1e999", "a,b", "../../etc/passwd", "\x00", "9" * 5000]
)
def test_an_unheard_of_address_gives_the_usual_page(mini_tabs, mini_board, name, hostile):
    tab = mini_tabs[name]
    usual, _ = shown(tab, mini_board, {})
    values, _ = shown(tab, mini_board, dict.fromkeys(PARAMS[name], hostile))
    # An entry or a model that isn't there is nobody else instead.
    expected = [
        None if hostile and param in ("a", "b", "ie", "model") else [] if not hostile and param == "with" else value
        for param, value in zip(PARAMS[name], usual, strict=True)
    ]
    assert values == expected


def test_compare(mini_tabs, mini_board):
    query = {"a": "mini-vivid", "b": "mini-strong", "cm": "kendall", "subset": "composition"}
    values, outputs = shown(mini_tabs["compare"], mini_board, query)
    assert values == ["mini-vivid", "mini-strong", "kendall", "composition"]
    result = comparison(mini_board, *values[:3])
    for row in result.differences:
        said = verdict_of(result, row, mini_board)
        assert "corrected p = " in said
        assert said in text(outputs)
        assert (f'role="status">{said}<' in outputs[0]) == (row.subset == "composition"), (
            "the subset that was asked for"
        )


def test_the_page_s_numbers_are_those_of_the_names_beside_them(mini_tabs, mini_board):
    """In both orders of the entries: who is named first has the first number, which is the larger one."""
    pattern = r"(mini-\w+) agrees with people better than (mini-\w+): AUROC (\d\.\d+) against (\d\.\d+)"
    for a, b in (("mini-strong", "mini-web"), ("mini-web", "mini-strong")):
        query = {"a": a, "b": b, "cm": "auroc", "subset": "overall"}
        _, outputs = shown(mini_tabs["compare"], mini_board, query)
        (row,) = (row for row in comparison(mini_board, a, b, "auroc").differences if row.subset == "overall")
        means = {a: row.a, b: row.b}
        first, second, *numbers = re.search(pattern, outputs[0]).groups()
        assert numbers == [f"{means[first]:.3f}", f"{means[second]:.3f}"]
        assert means[first] > means[second]


def test_the_same_entry_twice(mini_tabs, mini_board):
    _, outputs = shown(mini_tabs["compare"], mini_board, {"a": "mini-web", "b": "mini-web"})
    assert "Choose two different entries to compare." in outputs[0]
    assert outputs[1]["visible"] is False


def test_items(mini_tabs, mini_board):
    prompt = mini_board.prompts.iloc[7]
    query = {"prompt": prompt["prompt_id"], "ie": "mini-web", "order": "lowest", "ip": "3", "with": "mini-vivid,nobody"}
    values, outputs = shown(mini_tabs["items"], mini_board, query)
    assert values == [prompt["prompt_id"], "mini-web", "lowest", 3, ["mini-vivid"]]
    assert prompt["prompt"] in outputs[0]
    assert "Items 41 to 50 of 50, page 3 of 3." in outputs[1]
    assert outputs[1].count("<img ") == outputs[1].count('src="data:image/jpeg;base64,') == 10
    assert re.findall(r"<div>#(\d+) ", outputs[1]) == list(map(str, range(10, 0, -1)))
    assert outputs[1].count("<dt>mini-vivid</dt>") == 10
    figures = mini_board.figures[mini_board.positions["mini-web"], :, 0]
    by_odds = mini_board.prompts["prompt_id"].to_numpy()[np.argsort(figures, kind="stable")].tolist()
    position = by_odds.index(prompt["prompt_id"])
    assert [name for _, name in outputs[3]] == by_odds
    assert f"AUROC of mini-web: {figures[7]:.3f}, number {position + 1} of 59 by how much" in outputs[0]


def test_calibration(mini_tabs, mini_board):
    query = {"model": "mini-ensemble~ur-textnorm", "cs": "counting", "cmetric": "ap5", "lt": "-1.3"}
    values, outputs = shown(mini_tabs["calibration"], mini_board, query)
    assert values == ["mini-ensemble~ur-textnorm", "counting", "ap5", -1.25]
    assert "× 0.4204 → τ = 0.02102 for each member: AP@5" in outputs[0]
    assert "upper bound" in outputs[3]
    assert re.findall("<span>(.*?)</span>", outputs[4])[::4] == ["τ 0.00313", "τ 0.05", "τ 0.8"], "the slider's ends"


@pytest.mark.parametrize("name", NAMES)
def test_a_board_without_entries_says_so(tmp_path, name):
    store = Store.create(tmp_path / "store", "empty")
    store.add_benchmark(tia2.benchmark.load("mini"), title="Miniature world")
    board = Board.load(store, "mini", index=Index(store, resamples=100))
    _, outputs = shown(tabs(board)[name], board, {})
    said = {
        "compare": "nothing to compare yet",
        "items": "There is no entry on this board yet",
        "calibration": "no temperature to change",
    }
    assert said[name] in outputs[0]
    if name == "items":
        assert "no images of the benchmark" in outputs[1]


@pytest.fixture(scope="module")
def board_of_markup(embedded, tmp_path_factory) -> Board:
    """The embedded results, whose models have an image of HTML for a name."""
    store = Store(shutil.copytree(embedded, tmp_path_factory.mktemp("markup") / "store"))
    for listing in store.listings:
        card = listing.card.model_copy(update={"name": f'<img src=x onerror="window.__xss=1">{listing.id}'})
        store.add_listing(listing.model_copy(update={"card": card}))
    return Board.load(store, "mini", index=Index(store, resamples=100))


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text(board_of_markup, name):
    tab = tabs(board_of_markup)[name]
    _, outputs = shown(tab, board_of_markup, {"with": "mini-web,mini-vivid", "model": "mini-ensemble"})
    markup = [one for one in outputs if isinstance(one, str)] + [
        one.to_json() for one in outputs if hasattr(one, "to_json")
    ]
    assert markup
    assert not any("<img src=x" in one or "\\u003cimg src=x" in one for one in markup)
    tables = [component for component in tab.outputs if type(component).__name__ == "Dataframe"]
    assert all(component.datatype == "str" for component in tables)
