"""One prompt's items, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tia2.errors import UnknownNameError
from tia2.leaderboard.data.pictures import SIDE, Pictures
from tia2.leaderboard.views import item_view as drilldown
from tia2.leaderboard.views.item_sheets import Ranked, item_cards, rivals_sheet

NAN = float("nan")


def lists(seed):
    """Values with ties and gaps, and human scores."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 6, 23) / 4
    values[rng.random(23) < 0.2] = NAN
    return values, rng.integers(0, 4, 23) / 3


@pytest.mark.parametrize("seed", range(20))
def test_ranks_by_counting_what_is_higher(seed):
    values, _ = lists(seed)
    expected = [0 if math.isnan(one) else 1 + sum(other > one for other in values) for one in values]
    assert drilldown.ranks(values).tolist() == expected
    for one, rank, text in zip(values, expected, drilldown.rank_texts(values), strict=True):
        shared = sum(other == one for other in values) > 1
        assert text == ("—" if rank == 0 else f"{rank}=" if shared else str(rank))


def test_ranks_without_any_value():
    assert drilldown.ranks(np.full(3, NAN)).tolist() == [0, 0, 0]
    assert drilldown.rank_texts(np.full(2, NAN)) == ["—", "—"]


@pytest.mark.parametrize("seed", range(20))
def test_disagreement_by_counting_places(seed):
    values, human = lists(seed)
    known = [place for place, one in enumerate(values) if not math.isnan(one)]

    def place_of(array, one):
        lower = sum(array[other] < array[one] for other in known)
        same = sum(array[other] == array[one] for other in known)
        return lower + (same + 1) / 2

    found = drilldown.disagreement(human, values)
    for place in range(len(values)):
        if place in known:
            assert found[place] == abs(place_of(values, place) - place_of(human, place))
        else:
            assert math.isnan(found[place])


def test_no_disagreement_where_the_order_is_the_same():
    assert drilldown.disagreement(np.array([0, 1 / 3, 1.0, 1.0]), np.array([-5, 0.1, 7, 7])).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", drilldown.ORDERS)
def test_orders_are_stable_and_end_with_what_has_no_value(seed, kind):
    values, human = lists(seed)
    gaps = drilldown.disagreement(human, values)
    key = {"highest": lambda n: -values[n], "lowest": lambda n: values[n], "disagreement": lambda n: -gaps[n]}[kind]
    known = [n for n in range(len(values)) if not math.isnan(values[n])]
    absent = [n for n in range(len(values)) if math.isnan(values[n])]
    assert drilldown.order(kind, human, values).tolist() == [*sorted(known, key=key), *absent]


def test_an_order_of_another_name():
    with pytest.raises(UnknownNameError, match="Unknown order 'random'"):
        drilldown.order("random", np.zeros(2), np.zeros(2))


@pytest.mark.parametrize(
    ("count", "page", "expected"),
    [
        (50, 1, (1, 3, [0, 20])),
        (50, 3, (3, 3, [40, 60])),
        (50, 99, (3, 3, [40, 60])),
        (50, -4, (1, 3, [0, 20])),
        (20, 1, (1, 1, [0, 20])),
        (0, 1, (1, 1, [0, 20])),
    ],
)
def test_pages(count, page, expected):
    number, pages, part = drilldown.page_of(count, page)
    assert (number, pages, [part.start, part.stop]) == expected


def test_pages_hold_every_item_once():
    seen = [item for page in range(1, 4) for item in list(range(50))[drilldown.page_of(50, page)[2]]]
    assert seen == list(range(50))


def test_items_of_a_prompt(mini_board):
    every = mini_board.items.to_dict("records")
    for prompt_id in mini_board.prompts["prompt_id"][::11]:
        items = drilldown.items_of(mini_board, prompt_id)
        rows = [row for row in every if row["prompt_id"] == prompt_id]
        assert items.item_ids == [row["item_id"] for row in rows]
        assert items.texts[0] == items.prompt == rows[0]["prompt"]
        assert items.labels.tolist() == [row["label"] for row in rows]
        assert items.votes == [" ".join("?" if vote < 0 else str(vote) for vote in row["votes"]) for row in rows]
        assert mini_board.items["item_id"].iloc[items.positions].tolist() == items.item_ids


def test_a_prompt_of_another_name(mini_board):
    with pytest.raises(UnknownNameError, match="Unknown prompt"):
        drilldown.items_of(mini_board, "../etc/passwd")


def test_values_are_those_of_the_score_table(mini_board):
    entry = mini_board.entry("mini-strong")
    table = mini_board.index.store.table(entry.listing.tables[0])
    raw = dict(zip(table.items["item_id"], table.raw.tolist(), strict=True))
    for prompt_id in mini_board.prompts["prompt_id"][::7]:
        items = drilldown.items_of(mini_board, prompt_id)
        assert drilldown.values_of(mini_board, entry, items).tolist() == [raw[item] for item in items.item_ids]


def test_contrastive_prompts_by_counting(mini_board):
    digest = mini_board.entry("mini-countblind").listing.tables[0]
    table = mini_board.index.store.table(digest)
    place = {item: number for number, item in enumerate(table.items["item_id"])}
    for prompt_id in mini_board.prompts["prompt_id"][::5]:
        items = drilldown.items_of(mini_board, prompt_id)
        rows = [table.rewards[place[item]].tolist() for item in items.item_ids]
        found = drilldown.rivals(mini_board, digest, items)
        assert [rival.text for rival in found] == list(table.items["texts"].iloc[place[items.item_ids[0]]])
        for column, rival in enumerate(found):
            assert rival.mean == pytest.approx(sum(row[column] for row in rows) / len(rows), rel=1e-12)
            assert rival.ahead == sum(row[column] > row[0] for row in rows)
            assert rival.level == (sum(row[column] == row[0] for row in rows) if column else 0)
            assert rival.items == len(rows)


def test_pictures_are_the_benchmark_s_own_and_small(mini_board):
    pictures = Pictures(mini_board.benchmark)
    found, why = pictures.of([0, 1, 2])
    assert why == ""
    assert all(picture.mode == "RGB" and max(picture.size) <= SIDE for picture in found)
    assert pictures.of([1])[0][0] is found[1]


def test_without_images_one_sentence(mini_board, tmp_path):
    for images in (None, str(tmp_path / "gone"), str(tmp_path)):
        pictures = Pictures(mini_board.benchmark.model_copy(update={"images": images}))
        assert pictures.of([0, 5]) == ([None, None], "This leaderboard has no images of the benchmark.")


def test_images_of_another_benchmark_are_not_shown(mini_board):
    pictures = Pictures(mini_board.benchmark.model_copy(update={"fingerprint": "0" * 64}))
    assert pictures.of([0])[0] == [None]


def few_items():
    return drilldown.Items(
        prompt_id="a/0",
        prompt="a cat",
        positions=np.arange(4),
        item_ids=["a/1", "a/2", "a/3", "a/4"],
        votes=["1 1 0", "? 0 1", "", "0 0 0"],
        human=np.array([2 / 3, 0.5, 0.9, 0.0]),
        labels=np.array([True, False, True, False]),
        texts=["a cat", "two cats", "a dog"],
    )


def test_each_image_says_rank_votes_and_which_are_on_the_wrong_side():
    values = np.array([0.25, 0.5, NAN, 0.5])
    others = [Ranked("<b>", -values), Ranked("published", None)]
    cards = item_cards(few_items(), np.array([1, 2, 0]), Ranked("mine", values), others, ["x", "", "y"])
    assert [(card.item, card.source) for card in cards] == [("a/2", "x"), ("a/3", ""), ("a/1", "y")]
    assert [card.lines for card in cards] == [
        ["#1= · value 0.5000", "votes ? 0 1 · people 0.50"],
        ["people 0.90"],
        ["#3 · value 0.2500", "votes 1 1 0 · people 0.67"],
    ]
    assert [dict(card.others) for card in cards] == [
        {"<b>": "2=", "published": "—"}, {"<b>": "—", "published": "—"}, {"<b>": "1", "published": "—"}
    ]  # fmt: skip
    # One of three is aligned. Of the two that share the first rank, either may be the one of rank 1.
    assert [card.verdict for card in cards] == ["", "", "people said aligned, ranked 3 of 3"]
    assert item_cards(few_items(), np.array([2]), Ranked("", None))[0].lines == ["people 0.90"]


@pytest.mark.parametrize("seed", range(20))
def test_misplaced_by_trying_every_way_to_break_ties(seed):
    values, human = lists(seed)
    labels = human > 0.5
    known = [place for place in range(len(values)) if not math.isnan(values[place])]
    aligned = sum(bool(labels[place]) for place in known)
    for place, wrong in enumerate(drilldown.misplaced(values, labels)):
        higher = sum(values[other] > values[place] for other in known)
        level = sum(values[other] == values[place] for other in known)
        ranks_it_may_have = range(higher + 1, higher + level + 1)
        sides = {rank <= aligned for rank in ranks_it_may_have}
        assert wrong == (place in known and sides == {not labels[place]})


def test_nothing_is_misplaced_where_people_and_values_agree():
    assert not drilldown.misplaced(np.array([3.0, 2.0, 1.0]), np.array([True, True, False])).any()
    assert not drilldown.misplaced(np.array([3.0, 2.0]), np.array([True, True])).any()
    assert not drilldown.misplaced(np.array([]), np.array([], bool)).any()


def test_prompts_most_at_odds_come_first(mini_board):
    entry = mini_board.entry("mini-web")
    figures = dict(enumerate(mini_board.figures[mini_board.positions["mini-web"], :, 0].tolist()))
    by_odds = drilldown.prompts_by_odds(mini_board, entry)
    assert sorted(position for position, _ in by_odds) == list(range(len(mini_board.prompts)))
    known = [auroc for _, auroc in by_odds if auroc == auroc]
    assert known == sorted(known)
    assert len(known) == int(mini_board.prompts["used"].sum()) < len(by_odds)
    assert all(auroc == figures[position] for position, auroc in by_odds[: len(known)])
    assert [position for position, _ in drilldown.prompts_by_odds(mini_board, None)] == list(figures)


def test_the_table_of_contrastive_prompts_starts_with_the_prompt_and_the_worst():
    one = [
        drilldown.Rival(*rest)
        for rest in (("a cat", 2.0, 0, 0, 4), ("two cats", 1.0, 1, 0, 4), ("a dog", 1.5, 3, 0, 4))
    ]
    found = rivals_sheet(few_items(), [("mine", one)])
    assert found.headers == ["Text", "Out-scores it", "Mean reward"]
    assert found.texts == [
        ["a cat (the prompt)", "—", "2.000"],
        ["a dog", "3 of 4", "1.500"],
        ["two cats", "1 of 4", "1.000"],
    ]
    tied = [one[0], drilldown.Rival("two cats", 1.0, 4, 0, 4), drilldown.Rival("a dog", NAN, 0, 2, 4)]
    both = rivals_sheet(few_items(), [("mine", one), ("yours", tied)])
    assert both.headers == ["Text", "mine: ahead", "mine: mean", "yours: ahead", "yours: mean", "yours: equal"]
    assert [row[0] for row in both.texts] == ["a cat (the prompt)", "two cats", "a dog"]
    assert both.texts[2] == ["a dog", "3 of 4", "1.500", "0 of 4", "—", "2"]
    assert rivals_sheet(few_items(), []).texts == [["a cat (the prompt)"], ["two cats"], ["a dog"]]
