"""What figures show is what the board says, and submitted text stays text in them."""

from __future__ import annotations

import json
import re
import time

import numpy as np
import pytest

from tia2.errors import UnknownNameError
from tia2.leaderboard import plots
from tia2.leaderboard.data.records import Cost
from tia2.leaderboard.plots.critical import joined
from tia2.leaderboard.plots.style import CLEAR

ENTRIES = ["mini-strong", "mini-web", "mini-strong~textnorm-oracle"]


def by_name(figure):
    return {trace.name: trace for trace in figure.data}


def figures_of(board):
    a, b = board.entries[0].id, board.entries[-2].id
    ids = [entry.id for entry in board.entries][:8]
    return {
        "forest": plots.forest(board, "overall", "auroc"),
        "critical": plots.critical_difference(board, "overall", "auroc"),
        "categories": plots.categories(board, "spearman", ids),
        "cost": plots.cost(board, "overall", "auroc"),
        "arrows": plots.arrows(board, "counting", "auroc"),
        "scatter": plots.pair_scatter(board, a, b, "auroc"),
    }


def words_of(board):
    a, b = board.entries[0].id, board.entries[-2].id
    return {
        "forest": plots.forest_words(board, "overall", "auroc"),
        "critical": plots.critical_difference_words(board, "overall", "auroc"),
        "categories": plots.categories_words(board, "spearman", [a, b]),
        "cost": plots.cost_words(board, "overall", "auroc"),
        "arrows": plots.arrows_words(board, "counting", "auroc"),
        "scatter": plots.pair_scatter_words(board, a, b, "auroc"),
    }


def with_cost(board, costs):
    from copy import copy
    from dataclasses import replace

    def costed(entry):
        card = entry.listing.card.model_copy(update={"cost": costs.get(entry.listing.id)})
        return replace(entry, listing=entry.listing.model_copy(update={"card": card}))

    made = copy(board)
    made.entries = tuple(map(costed, board.entries))
    return made


def test_forest_shows_ranked_entries_best_first_then_bounds(mini_board):
    figure = plots.forest(mini_board, "overall", "auroc")
    standing, means = mini_board.standing("overall", "auroc"), mini_board.estimate("overall", "auroc")
    dots = [trace for trace in figure.data if trace.mode == "markers" and trace.name != "pooled over prompts"]
    shown = sorted(
        (y, x, x - minus, x + plus)
        for trace in dots
        for y, x, minus, plus in zip(trace.y, trace.x, trace.error_x.arrayminus, trace.error_x.array, strict=True)
    )
    order = mini_board.ranked[np.argsort(standing.rank[mini_board.ranked])]
    (letters,) = (trace for trace in figure.data if trace.mode == "text")
    like_best = [place for place, n in enumerate(order) if standing.like_best(n)]
    assert list(letters.text) == ["≈"] * len(like_best)
    assert list(letters.y) == like_best
    bounds = sorted((n for n, one in enumerate(mini_board.entries) if one.upper_bound), key=lambda n: -means[n])
    expected = np.array(
        [
            [mini_board.estimate("overall", "auroc", what)[n] for what in ("mean", "low", "high")]
            for n in (*order, *bounds)
        ]
    )
    np.testing.assert_allclose(np.array(shown)[:, 1:], expected, atol=1e-12)
    hollow = by_name(figure)["upper bound, no result"]
    assert hollow.marker.color == CLEAR
    assert len(hollow.x) == len(bounds)
    pooled = by_name(figure)["pooled over prompts"]
    assert pooled.marker.symbol == "diamond-open"
    np.testing.assert_allclose(sorted(pooled.x), sorted(mini_board.estimate("overall", "auroc", "pooled")))


def test_forest_has_people_as_bands(mini_board):
    figure = plots.forest(mini_board, "counting", "auprc")
    people = mini_board.people["counting"]
    bands = [(shape.x0, shape.x1) for shape in figure.layout.shapes if shape.type == "rect"]
    assert bands == [(one["auprc"].low, one["auprc"].high) for one in (people.ceiling, people.annotator)]
    low, high = figure.layout.xaxis.range
    assert low < min(min(pair) for pair in bands)
    assert high > max(max(pair) for pair in bands)


def test_forest_keeps_to_the_top(mini_board):
    figure = plots.forest(mini_board, "overall", "auroc", top=3)
    assert len(figure.layout.yaxis.tickvals) == 3 + 1


@pytest.mark.parametrize(
    ("groups", "bars"),
    [
        (["a", "a", "a"], [[(0, 2)]]),
        (["a", "b"], []),
        (["a", "ab", "b", "a"], [[(0, 1), (3, 3)], [(1, 2)]]),
        (["", "a", "a"], [[(1, 2)]]),
        ([("z",), ("z", "aa"), ("aa",), ("a",)], [[(0, 1)], [(1, 2)]]),
    ],
)
def test_bars_join_exactly_those_that_share_a_letter(groups, bars):
    assert joined(groups) == bars


def test_critical_difference_bars_cover_only_groups(mini_board):
    rows = mini_board.standing("overall", "auroc")
    means = mini_board.estimate("overall", "auroc")
    order = mini_board.ranked[np.argsort(rows.rank[mini_board.ranked])]
    figure = plots.critical_difference(mini_board, "overall", "auroc")
    thick = next(trace for trace in figure.data if trace.line.width == 5)
    pairs = [(thick.x[n], thick.x[n + 1]) for n in range(0, len(thick.x), 3)]
    assert pairs
    for right, left in pairs:
        assert all(rows.like_best(n) for n in order if left - 1e-12 <= means[n] <= right + 1e-12)
    dots = figure.data[-1]
    np.testing.assert_allclose(dots.x, means[order])
    labels = [text for trace in figure.data if trace.mode == "text" for text in trace.text]
    assert len(labels) == len(order)


def test_categories_are_the_estimates(mini_board):
    figure = plots.categories(mini_board, "auroc", ENTRIES)
    assert len(figure.data) == 4
    for name, trace in zip(ENTRIES, figure.data, strict=False):
        place = mini_board.positions[name]
        expected = [mini_board.estimate(scope, "auroc")[place] for scope in mini_board.scopes]
        assert trace.base == 0.5, "bars begin at chance"
        np.testing.assert_allclose(np.add(trace.y, trace.base), expected)
    assert figure.layout.yaxis.title.text == "AUROC, bars from chance"
    assert plots.categories(mini_board, "ap5", ENTRIES).layout.yaxis.title.text == "AP@5, bars from zero"
    assert figure.data[2].marker.color == CLEAR
    ceiling = [mini_board.people[scope].ceiling["auroc"].mean for scope in mini_board.scopes]
    np.testing.assert_allclose(by_name(figure)["noise ceiling"].y, ceiling)
    assert len(plots.categories(mini_board, "auroc", [one.id for one in mini_board.entries]).data) == 9
    assert "oracle" not in plots.categories_words(mini_board, "auroc", ENTRIES)


def test_cost_says_when_nothing_is_declared(mini_board):
    nothing = with_cost(mini_board, {})
    figure = plots.cost(nothing, "overall", "auroc")
    assert not figure.data
    assert "declares" in figure.layout.annotations[0].text
    assert plots.cost_words(nothing, "overall", "auroc").startswith("No model")


def test_cost_uses_what_most_declare(mini_board):
    speed = with_cost(
        mini_board, {"mini-strong": Cost(items_per_second=200, device="<b>CPU</b>"), "mini-web": Cost(macs=1e9)}
    )
    figure = plots.cost(speed, "overall", "auroc")
    assert {x for trace in figure.data for x in trace.x} == {200}
    means = speed.estimate("overall", "auroc")
    ids = ("mini-strong", "mini-strong~textnorm", "mini-strong~textnorm-cv")
    shown = sorted(y for trace in figure.data for y in trace.y)
    np.testing.assert_allclose(shown, sorted(means[speed.positions[name]] for name in ids))
    assert "&lt;b&gt;CPU" in figure.data[0].hovertext[0]
    macs = with_cost(
        mini_board,
        {"mini-strong": Cost(items_per_second=200), "mini-web": Cost(macs=1e9), "mini-vivid": Cost(macs=2e9)},
    )
    figure = plots.cost(macs, "overall", "auroc")
    low, high = figure.layout.xaxis.range
    assert low > high
    assert "operations" in figure.layout.xaxis.title.text
    assert figure.layout.xaxis.title.text.endswith("cheaper →")
    assert figure.layout.xaxis.range[0] > figure.layout.xaxis.range[1], "fewer operations are further right"


def test_arrows_go_from_raw_to_textnorm(mini_board):
    traces = by_name(plots.arrows(mini_board, "overall", "auroc"))
    means, pooled = (mini_board.estimate("overall", "auroc", what) for what in ("mean", "pooled"))
    for name, figures, ending in (
        ("within prompts", means, "~textnorm"),
        ("within prompts, setting by cv", means, "~textnorm-cv"),
        ("pooled over prompts", pooled, "~textnorm"),
    ):
        ends = {(traces[name].x[n], traces[name].x[n + 1]) for n in range(0, len(traces[name].x), 3)}
        models = ("mini-strong", "mini-web", "mini-countblind", "mini-vivid")
        positions = mini_board.positions
        assert ends == {(figures[positions[model]], figures[positions[model + ending]]) for model in models}
    assert "pooled over prompts" not in by_name(plots.arrows(mini_board, "overall", "spearman"))


def test_differences_are_sorted_and_counted(mini_board):
    found = mini_board.compare("mini-strong", "mini-web")
    figure = plots.differences(found)
    bars = sorted((x, y) for trace in figure.data for x, y in zip(trace.x, trace.y, strict=True))
    assert [y for _, y in bars] == sorted((one["difference"] for one in found.prompts), reverse=True)
    assert figure.data[0].name == f"mini-strong better ({found.main.wins})"
    band, line = figure.layout.shapes
    assert (band.y0, band.y1, line.y0) == (found.main.low, found.main.high, found.main.difference)
    assert f"{found.main.wins} prompts" in plots.differences_words(found)


def test_scatter_holds_every_used_prompt(mini_board):
    figure = plots.pair_scatter(mini_board, "mini-strong", "mini-web", "auroc")
    found = mini_board.compare("mini-strong", "mini-web")
    points = sorted((y, x) for trace in figure.data for x, y in zip(trace.x, trace.y, strict=True))
    np.testing.assert_allclose(points, sorted((one["a"], one["b"]) for one in found.prompts))
    assert {trace.name for trace in figure.data} == {"comprehensive", "counting", "composition"}


def test_temperature_marks_the_oracle_as_a_bound():
    factors = 2.0 ** np.linspace(-3, 3, 13)
    means = 0.8 - 0.01 * np.log2(factors) ** 2
    marks = {"fixed": (1.0, 0.8), "cv": (0.9, 0.79), "oracle": (1.1, 0.85), "current": (2.0, 0.78)}
    figure = plots.temperature_curve(factors, means, means - 0.02, means + 0.02, marks, "AUROC <i>")
    traces = by_name(figure)
    np.testing.assert_allclose(traces["mean over prompts"].y, means)
    np.testing.assert_allclose(traces["95 % interval"].y, [*(means + 0.02), *(means - 0.02)[::-1]])
    assert traces["oracle (upper bound)"].marker.color == CLEAR
    assert traces["current"].x == (2.0,)
    assert "AUROC &lt;i&gt;" in figure.layout.annotations[0].text
    words = plots.temperature_curve_words(factors, means, means, means, marks, "AUROC")
    assert "highest at 1 times" in words
    assert "oracle (upper bound) 0.850" in words
    unknown = np.full(13, np.nan)
    assert not plots.temperature_curve(factors, unknown, unknown, unknown, {}, "AUROC").data


@pytest.mark.parametrize("scope", ["comprehensive", "overall"])
@pytest.mark.parametrize("metric", ["auroc", "ap5", "kendall"])
def test_every_metric_and_scope_draws(mini_board, scope, metric):
    for draw in (plots.forest, plots.critical_difference, plots.arrows):
        assert draw(mini_board, scope, metric).data
    for say in (plots.forest_words, plots.critical_difference_words, plots.arrows_words):
        assert say(mini_board, scope, metric).endswith(".")


def test_unknown_names_are_refused(mini_board):
    for draw in (
        plots.forest,
        plots.critical_difference,
        plots.cost,
        plots.arrows,
        plots.forest_words,
        plots.arrows_words,
    ):
        with pytest.raises(UnknownNameError, match="Unknown subset 'countng'"):
            draw(mini_board, "countng", "auroc")
        with pytest.raises(UnknownNameError, match="Unknown metric 'auroK'"):
            draw(mini_board, "overall", "auroK")
    with pytest.raises(UnknownNameError, match="Unknown entry"):
        plots.categories(mini_board, "auroc", ["nobody"])
    with pytest.raises(UnknownNameError, match="Unknown metric"):
        plots.pair_scatter(mini_board, "mini-strong", "mini-web", "x")


ALLOWED = re.compile("</?b>|<br>")


def strings(node):
    if isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def test_submitted_text_is_never_markup_formula_or_template(hostile_board):
    found = figures_of(hostile_board)
    found["differences"] = plots.differences(
        hostile_board.compare(hostile_board.entries[0].id, hostile_board.entries[1].id).model_copy(
            update={"a": hostile_board.entries[0].name, "b": hostile_board.entries[3].name}
        )
    )
    for name, figure in found.items():
        texts = list(strings(json.loads(figure.to_json())))
        assert name == "cost" or any("&lt;script&gt;" in text for text in texts), name
        for text in texts:
            rest = ALLOWED.sub("", text)
            assert "<" not in rest, (name, text)
            assert "$" not in rest, (name, text)
            assert "%{" not in rest, (name, text)
            assert "\u202e" not in rest, (name, text)


def test_words_are_plain_and_on_one_line(hostile_board):
    for name, words in words_of(hostile_board).items():
        assert words.strip(), name
        assert words.isprintable(), (name, words)


def test_a_thousand_entries_draw_fast(large_board):
    figures_of(large_board)  # ranks are kept after the first time
    for draw in (plots.forest, plots.critical_difference, plots.cost, plots.arrows):
        times = []
        for _ in range(3):
            start = time.process_time()  # not what other processes on the machine take
            draw(large_board, "overall", "auroc")
            times.append(time.process_time() - start)
        assert min(times) < 0.3, draw.__name__  # 0.1 s on an idle machine
    assert len(plots.forest(large_board, "overall", "auroc").layout.yaxis.tickvals) == 30
