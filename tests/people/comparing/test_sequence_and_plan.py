"""Looking after every prompt without being wrong too often, and plans that keep their promise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulated_pairs import simulated_worths, table_of

from tia2.errors import ResultError
from tia2.people.comparing.clustered import Components, clustered_mean
from tia2.people.comparing.planning import chance_of_verdict, plan_for, prompts_needed, prompts_until_stop
from tia2.people.comparing.sequence import confidence_sequence, sequence_of


@pytest.fixture(scope="module")
def null_studies() -> np.ndarray:
    """Means of 120 prompts, three raters each, in 600 studies of two models that are equally good."""
    return simulated_worths(np.random.default_rng(0), (600, 120, 3), 0.0, 1.0, 0.0).mean(axis=2)


def test_looking_all_the_time_is_wrong_at_most_as_often_as_allowed(null_studies):
    low, high = confidence_sequence(null_studies, points=101)
    wrong = ((low > 0.5) | (high < 0.5)).any(axis=1).mean()
    assert wrong <= 0.05
    counts = np.arange(1, 121)
    means = null_studies.cumsum(axis=1) / counts
    errors = np.sqrt(((null_studies**2).cumsum(axis=1) / counts - means**2) / counts)
    naive = (np.abs(means - 0.5) > 1.96 * errors)[:, 9:].any(axis=1).mean()
    assert naive > 0.25, "an interval for a single look, looked at after each of 120 prompts"


@pytest.mark.parametrize("rate", [0.3, 0.9])
def test_a_sequence_holds_all_the_time_of_any_mean(rate):
    numbers = (np.random.default_rng(1).random((300, 100)) < rate).astype(float)
    low, high = confidence_sequence(numbers, points=101)
    assert ((low > rate) | (high < rate)).any(axis=1).mean() <= 0.05
    assert (np.diff(low, axis=1) >= 0).all()
    assert (np.diff(high, axis=1) <= 0).all()


def test_a_sequence_mirrors_and_ends_a_clear_study():
    numbers = np.random.default_rng(2).beta(6, 3, 80)
    low, high = confidence_sequence(numbers)
    other_low, other_high = confidence_sequence(1 - numbers)
    assert low == pytest.approx(1 - other_high)
    assert high == pytest.approx(1 - other_low)
    assert low[-1] > 0.5
    assert confidence_sequence(numbers[:30])[0].tolist() == low[:30].tolist(), "what comes later changes nothing before"


def test_capital_against_a_mean_is_the_products_of_bets():
    """The literal definition, for one mean at the edge of the sequence."""
    numbers = np.random.default_rng(3).beta(4, 2, 40)
    low, _ = confidence_sequence(numbers, points=1001)

    def refuted(mean: float) -> bool:
        up = down = 1.0
        values, squares = [0.5], [0.25]
        for step, x in enumerate(numbers, start=1):
            bet = np.sqrt(2 * np.log(2 / 0.05) / (np.mean(squares) * step * np.log(1 + step)))
            up *= 1 + min(bet, 0.5 / mean) * (x - mean)
            down *= 1 - min(bet, 0.5 / (1 - mean)) * (x - mean)
            values.append(x)
            squares.append((x - np.mean(values)) ** 2)
            if max(up, down) / 2 >= 1 / 0.05:
                return True
        return False

    assert refuted(low[-1] - 0.001)
    assert not refuted(low[-1] + 0.002)


def test_prompts_count_when_they_are_complete(votes):
    contest = votes.between("ours", "theirs")
    sequence = sequence_of(contest, votes_per_item=3)
    assert len(sequence.prompts) == 40
    assert sequence.prompts[:3] == ("p/0", "p/1", "p/2")
    assert sequence.means[-1] == pytest.approx(contest.worths.mean())
    assert sequence.narrow_at(1.0) == 1
    assert sequence_of(contest, votes_per_item=4).prompts == ()
    mirrored = sequence_of(contest.swapped(), votes_per_item=3)
    assert mirrored.low == pytest.approx(1 - sequence.high)
    assert mirrored.decided_at() == sequence.decided_at()


def test_votes_that_are_left_out_are_not_waited_for(votes):
    contest = votes.between("ours", "theirs")
    times = {item: [max(contest.times) + 1] for item in contest.items}
    late = sequence_of(contest, votes_per_item=4, left_out=times)
    assert len(late.prompts) == 40
    assert late.means[-1] == pytest.approx(contest.worths.mean())
    early = sequence_of(contest, 3, left_out={item: [0.0] for item in contest.items})
    first_two = pd.DataFrame({"prompt": contest.prompt_ids, "item": contest.items, "time": contest.times})
    first_two["worth"] = contest.worths
    means = first_two.sort_values("time").groupby("item").head(2).groupby("prompt")["worth"].mean()
    assert early.means[-1] == pytest.approx(means.mean())
    nobody = sequence_of(contest, 3, left_out={item: [0.0] * 3 for item in contest.items})
    assert nobody.prompts == ()


def test_a_clear_study_is_decided_early():
    worths = simulated_worths(np.random.default_rng(0), (1, 120, 3), 2.0, 1.0, 0.0)[0]
    sequence = sequence_of(table_of(worths).between("ours", "theirs"), 3)
    assert 5 < sequence.decided_at() < 40
    assert sequence.decided_at(sequence.means[-1]) is None


def test_the_papers_twenty_items_give_22_points_and_200_give_7():
    assert round(100 * plan_for(20).half_width_normal) == 22
    assert round(100 * plan_for(20).half_width) == 23, "with the spread estimated from twenty items"
    assert round(100 * plan_for(200).half_width) == 7
    assert 190 <= prompts_needed(0.07).prompts <= 200


@pytest.mark.parametrize(("prompts", "raters"), [(20, 3), (60, 5)])
def test_a_plan_keeps_its_promise(prompts, raters):
    components = Components(prompts=0.04, raters=0.003, votes=0.12)
    plan = plan_for(prompts, raters, components)
    rng = np.random.default_rng(0)
    rows, columns = (axis.ravel() for axis in np.meshgrid(np.arange(prompts), np.arange(raters), indexing="ij"))
    intervals = []
    for _ in range(1500):
        votes = 0.6 + 0.2 * rng.normal(size=(prompts, 1)) + 0.003**0.5 * rng.normal(size=(1, raters))
        votes = votes + 0.12**0.5 * rng.normal(size=(prompts, raters))
        intervals.append(clustered_mean(votes.ravel(), rows, columns))
    half_widths = np.array([(interval.high - interval.low) / 2 for interval in intervals])
    assert np.median(half_widths) == pytest.approx(plan.half_width, rel=0.06)
    verdicts = np.mean([interval.low > 0.5 or interval.high < 0.5 for interval in intervals])
    assert verdicts == pytest.approx(chance_of_verdict(0.6, plan), abs=0.06)


def test_needs_grow_with_precision_and_shrink_with_raters():
    components = Components(prompts=0.04, raters=0.0, votes=0.15)
    assert prompts_needed(0.05, 3, components).prompts > prompts_needed(0.08, 3, components).prompts
    assert prompts_needed(0.08, 5, components).prompts < prompts_needed(0.08, 2, components).prompts
    needed = prompts_needed(0.08, 3, components)
    assert needed.half_width <= 0.08 < plan_for(needed.prompts - 1, 3, components).half_width
    first, median, last = prompts_until_stop(0.75, 3, components)
    assert first <= median <= last < 100
    assert prompts_until_stop(0.25, 3, components)[1] == pytest.approx(median, rel=0.25)


def test_plans_that_nobody_can_keep_are_refused():
    with pytest.raises(ResultError, match="More raters are needed"):
        prompts_needed(0.05, 2, Components(0.04, 0.02, 0.1))
    with pytest.raises(ResultError, match=r"above 0 and below 0\.5"):
        prompts_needed(0.5)
    with pytest.raises(ResultError, match="two prompts and one rater"):
        plan_for(1)
    with pytest.raises(ResultError, match=r"add up to 0\.25"):
        plan_for(10, 3, Components(0.2, 0.1, 0.1))
    with pytest.raises(ResultError, match="above 0 and below 1"):
        chance_of_verdict(1.0, plan_for(20))
