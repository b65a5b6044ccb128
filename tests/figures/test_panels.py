"""Every panel is drawn by Matplotlib and by Plotly from the same data."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from tia2.errors import ResultError, UnknownNameError
from tia2.figures import (
    Curve,
    Curves,
    FigureSpec,
    Forest,
    ForestMark,
    ForestRow,
    Heatmap,
    ReferenceLine,
    Scatter,
    ScatterPoint,
    Series,
    SortedDifferences,
    save_figure,
    write,
)  # fmt: skip
from tia2.figures.page import plot
from tia2.figures.style import MATPLOTLIB, PAPER

NAN = float("nan")
RAW, POOLED = Series("raw"), Series("pooled $x$", PAPER.muted, symbol="diamond", hollow=True)

FOREST = Forest(
    "counting", "AUROC",
    [
        ForestMark("a", RAW, 0.8, 0.7, 0.9, "0.80", shift=0), ForestMark("b", RAW, 0.6, NAN, NAN, shift=0),
        ForestMark("b", POOLED, 0.65, 0.6, 0.7, shift=0.3),
    ],
    rows=[ForestRow("a", "first <b>", "detail", side="ab"), ForestRow("b", gap=0.5)],
    references=[ReferenceLine("chance", 0.5), ReferenceLine("ceiling", 0.95, 0.9, 0.97)], side_title="group",
    limits=(0.4, 1.0),
)  # fmt: skip
PANELS = {
    "curves": Curves("t", "x", "y", [Curve("a", [1, 2, 4], [0.1, NAN, 0.3], [0, 0, 0.2], [0.2, 0.3, 0.4]),
                                     Curve("b", [1, 2], [1, 2])], log=True, levels={"zero": 0.0}, ticks=[1, 4]),
    "turning": Curves("t", "x", "y", [Curve("a", [1, 3, 2], [0.1, 0.3, 0.2], [0, 0.2, 0.1], [0.2, 0.4, 0.3]),
                                      Curve("b", [1, 3], [0.1, 0.1], thin=True)], uprights={"peak": 3.0},
                      levels={"low": 0.10, "lower": 0.09}, expected=(0.1, 0.2)),
    "differences": SortedDifferences("t", "A - B", ("A", "B"), ["p", "q", "r"], [-0.1, 0.3, 0.0], 0.07, -0.1, 0.2),
    "forest": FOREST,
    "heatmap": Heatmap("t", ["a", "b"], ["c"], [[0.5], [NAN]], [["0.50"], [""]], (-1, 1)),
    "scatter": Scatter("t", "x", "y", [ScatterPoint(0, 1, "a", "text"), ScatterPoint(1, 0, "b", "text", "label")],
                       diagonal=True, levels={"zero": 0.0}, background=["a"]),
}  # fmt: skip


def words(path):
    return " ".join(ElementTree.parse(path).getroot().itertext())


@pytest.mark.parametrize("name", PANELS)
def test_both_libraries_draw_every_panel(name, tmp_path, monkeypatch):
    monkeypatch.setitem(MATPLOTLIB, "svg.fonttype", "none")
    figure = FigureSpec("All of it", [PANELS[name]] * 5, "A note.")
    save_figure(figure, tmp_path / "new" / "figure.svg")
    text = words(tmp_path / "new" / "figure.svg")
    assert "All of it" in text
    assert "A note." in text
    page = plot(figure)
    assert len(page.data) == 5 * len(PANELS[name].traces(figure.colours(), PAPER))
    shown = [trace.name for trace in page.data if trace.showlegend]
    assert len(shown) == len(set(shown)), "one line of the legend per series"
    save_figure(figure, tmp_path / "figure.html")
    assert "<script" in (tmp_path / "figure.html").read_text(encoding="utf-8")


def test_a_forest_says_the_same_in_both(tmp_path, monkeypatch):
    monkeypatch.setitem(MATPLOTLIB, "svg.fonttype", "none")
    save_figure(FigureSpec("Forest", [FOREST]), tmp_path / "forest.svg")
    text = words(tmp_path / "forest.svg")
    for expected in ("first <b>", "raw", "pooled $x$", "chance", "ceiling", "0.80", "counting", "AUROC"):
        assert expected in text
    raw, pooled, sides = FOREST.traces({"raw": "#000000", "pooled $x$": "#111111"}, PAPER)
    assert raw["y"] == [0.0, 1.5]
    assert raw["x"] == [0.8, 0.6]
    np.testing.assert_allclose(raw["error_x"]["array"], [0.1, NAN], atol=1e-12)
    assert pooled["marker"]["symbol"] == "diamond-open"
    assert pooled["y"] == [1.8]
    assert sides["text"] == ["ab"]
    assert FOREST.plotly_axes(PAPER)[1]["ticktext"] == ["<b>first &lt;b&gt;</b><br>detail", "b"]
    assert "$" not in json.dumps(FOREST.traces({"raw": "#000000", "pooled $x$": "#111111"}, PAPER))


def test_series_without_a_shift_stand_below_each_other():
    marks = [ForestMark("a", Series(name), 0.5) for name in ("one", "two")]
    traces = Forest("t", "x", marks).traces({"one": "#000000", "two": "#111111"}, PAPER)
    assert traces[0]["y"][0] < 0 < traces[1]["y"][0]


def test_differences_are_sorted_and_equal_ones_apart():
    panel = PANELS["differences"]
    traces = panel.traces({"A better": "#000000", "B better": "#111111"}, PAPER)
    assert [trace["name"] for trace in traces] == ["A better", "B better", "equal"]
    assert [trace["hovertext"] for trace in traces] == [["q"], ["p"], ["r"]]


def test_formats_are_those_asked_for(tmp_path):
    import pandas as pd

    figure, table = FigureSpec("F", [FOREST]), pd.DataFrame({"a": [1.0]})
    assert [path.name for path in write(figure, table, tmp_path, "all")] == ["all.png", "all.html", "all.csv"]
    files = write(figure, table, tmp_path, "some", ["pdf", "svg", "pdf"])
    assert [path.name for path in files] == ["some.pdf", "some.svg"]
    assert files[0].read_bytes().startswith(b"%PDF")
    with pytest.raises(UnknownNameError, match="Unknown format 'gif'"):
        write(figure, table, tmp_path, "none", ["gif"])
    with pytest.raises(ResultError, match="at least one format"):
        write(figure, table, tmp_path, "none", [])
    with pytest.raises(ResultError, match=r"ending in \.png, \.pdf, \.svg, \.html"):
        save_figure(figure, tmp_path / "a.gif")
    assert not list(tmp_path.glob("none*"))
    assert not list(tmp_path.glob("*.tmp"))


def test_a_comparison_has_a_panel_per_subset_and_one_legend():
    figure = FigureSpec("Compare", [PANELS["differences"]] * 3, per_row=1)
    assert figure.shape() == (3, 1)
    assert [series.name for series in figure.series()] == ["A better", "B better"]
    assert [trace.name for trace in plot(figure).data if trace.showlegend] == ["A better", "B better", "equal"]


def test_names_of_lines_that_lie_close_stand_apart():
    from tia2.figures.references import spread

    random = np.random.default_rng(0)
    for _ in range(200):
        heights = random.random(random.integers(0, 7)).tolist()
        moved = spread(heights, 0.1)
        order = np.argsort(heights, kind="stable")
        assert (np.diff(np.array(moved)[order]) > 0.1 - 1e-9).all()
        alone = [all(abs(a - b) > 0.6 for b in heights if b != a) for a in heights]
        assert all(a == b for a, b, far in zip(heights, moved, alone, strict=True) if far), "who is far away stays"
        assert np.sum(moved) == pytest.approx(np.sum(heights)), "a stack stands around the middle of its lines"


def test_a_line_that_turns_back_has_bars_instead_of_a_band(tmp_path):
    figure = FigureSpec("t", [PANELS["turning"]])
    line, fit = PANELS["turning"].traces(figure.colours(), PAPER)
    assert line["error_y"]["array"] == pytest.approx([0.1, 0.1, 0.1])
    assert fit["mode"] == "lines"
    band, ascending, *_ = PANELS["curves"].traces({"a": "#346a9b", "b": "#346a9b"}, PAPER)
    assert band["fill"] == "toself"
    assert "error_y" not in ascending


def test_panels_of_a_page_share_the_colours_of_the_whole_figure():
    from tia2.figures.page import plot_panels

    figure = FigureSpec("t", [PANELS["curves"], PANELS["turning"]])
    first, second = plot_panels(figure)
    colours = {trace.name: trace.line.color for trace in (*first.data, *second.data) if trace.name}
    assert colours == {"a": figure.colours()["a"], "b": figure.colours()["b"]}
    assert not any(trace.showlegend for trace in first.data)
