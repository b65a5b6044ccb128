"""Whole sentences: which entry is named first, and whether every number belongs to the name beside it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tia2.evaluation import compare, evaluate
from tia2.evaluation.comparing.comparison import Comparison, Difference
from tia2.evaluation.comparing.verdict import p_text, signed
from tia2.evaluation.values import Values


@pytest.fixture(scope="module")
def mini_results():
    """Results of two embedded score tables; their means don't depend on the number of resamples."""
    from importlib.resources import as_file, files

    results = {}
    for name in ("mini-strong", "mini-web"):
        with as_file(files("tia2.leaderboard") / "assets" / name) as asset:
            results[name] = evaluate(asset, resamples=400)
    return results


def comparison(a, b, difference, low, high, p, wins=20, losses=10, prompts=30, metric="auroc"):
    row = Difference(
        subset="one", prompts=prompts, a=a, b=b, difference=difference, low=low, high=high, probability=0.5, p=p,
        adjusted=p, wins=wins, losses=losses,
    )  # fmt: skip
    return Comparison(a="strong", b="web", metric=metric, resamples=100, seed=0, differences=[row], prompts=[])


SETTLED = "AUROC 0.816 against 0.734, a difference of +0.082 (95 % interval +0.050 to +0.120, p = 0.0001, 30 prompts)."


def test_both_orders_give_one_sentence():
    first = comparison(0.816, 0.734, 0.082, 0.05, 0.12, 1e-4)
    turned = comparison(0.734, 0.816, -0.082, -0.12, -0.05, 1e-4, wins=10, losses=20)
    assert first.verdict == f"strong agrees with people better than web: {SETTLED}"
    assert turned.verdict == f"web agrees with people better than strong: {SETTLED}"


def test_what_is_not_settled_keeps_the_order_that_was_asked_for():
    assert comparison(0.70, 0.72, -0.02, -0.06, 0.02, 0.31).verdict == (
        "Whether strong or web agrees with people better is not settled: AUROC 0.700 against 0.720, a difference of "
        "-0.020 (95 % interval -0.060 to +0.020, p = 0.31, 30 prompts)."
    )


def test_a_tie_is_called_one():
    assert comparison(0.7, 0.7, 0.0, 0.0, 0.0, 1.0, wins=0, losses=0).verdict == (
        "Whether strong or web agrees with people better is not settled: their AUROC of 0.700 is the same on each "
        "of the 30 prompts."
    )


def test_equal_means_of_different_prompts_are_no_tie_on_every_prompt():
    said = comparison(0.7, 0.7, 0.0, -0.1, 0.1, 0.9, wins=5, losses=5).verdict
    assert said.endswith("a difference of +0.000 (95 % interval -0.100 to +0.100, p = 0.9, 30 prompts).")


def test_an_interval_that_contradicts_p_is_explained():
    few = comparison(0.9, 0.2, 0.7, 0.46, 0.968, 0.0893, wins=6, losses=0, prompts=6)
    assert few.verdict == (
        "Whether strong or web agrees with people better is not settled: AUROC 0.900 against 0.200, a difference of "
        "+0.700 (p = 0.089, 6 prompts). The 95 % interval of percentiles, +0.460 to +0.968, leaves out 0; p decides, "
        "since its studentised test allows for how uncertain the standard error is."
    )
    other = comparison(0.6, 0.7, -0.1, -0.2, 0.003, 0.041, wins=1, losses=9).verdict
    assert other.startswith(
        "web agrees with people better than strong: AUROC 0.700 against 0.600, a difference of +0.1"
    )
    assert "The 95 % interval of percentiles, -0.003 to +0.200, holds 0; p decides" in other


def test_rounding_never_turns_a_sentence_round():
    """0.05 beside "not settled" would read as a mistake, and -0.000 as a direction."""
    assert "p = 0.0504, " in comparison(0.7, 0.6, 0.1, -0.01, 0.2, 0.0504).verdict
    assert "p = 0.04998, " in comparison(0.7, 0.6, 0.1, 0.01, 0.2, 0.04998).verdict
    assert "of +0.000 (95 % interval -0.100 to +0.100" in comparison(0.7, 0.7, -0.0001, -0.1, 0.1, 0.8).verdict
    assert [signed(value) for value in (-0.0, -0.0004, 0.0004, -0.0006)] == ["+0.000", "+0.000", "+0.000", "-0.001"]
    rng = np.random.default_rng(0)
    for p in [0.05, *(0.05 + 1e-4 * rng.normal(size=200)), *rng.random(200)]:
        assert (float(p_text(p)) <= 0.05) == (p <= 0.05), p


def test_the_numbers_in_every_sentence_are_those_of_the_names(mini_results):
    """On real results, by every metric and in both orders: the named figures, their difference, its interval."""
    number = r"[-+]?\d\.\d{3}"
    strong, web = mini_results["mini-strong"], mini_results["mini-web"]
    for metric in ("auroc", "auprc", "ap5", "spearman", "kendall"):
        by_name = {result.entry.name: result.overall.metrics[metric].mean for result in (strong, web)}
        for a, b in ((strong, web), (web, strong)):
            words = compare(a, b, metric).verdict
            first, second = re.search(r"(mini-\w+) agrees with people better than (mini-\w+):", words).groups()
            said = [float(text) for text in re.findall(number, words)[:5]]
            assert said[:2] == [round(by_name[first], 3), round(by_name[second], 3)], words
            assert said[2] == pytest.approx(by_name[first] - by_name[second], abs=5.1e-4)
            assert 0 < said[3] < said[2] < said[4]


def test_the_command_says_which_is_a_and_which_is_b(mini_results, cli, tmp_path):
    paths = [mini_results[name].save(tmp_path / f"{name}.json") for name in ("mini-web", "mini-strong")]
    done = cli("compare", *paths)
    text = " ".join(done.out.split())
    assert text.startswith("mini-strong agrees with people better than mini-web: AUROC 0.816 against 0.734, a diff")
    assert "A: mini-web, B: mini-strong" in text
    assert re.search(r"overall 0\.734 0\.816 -0\.082", text)
    assert "p is that of a studentised test" in " ".join(done.err.split())


def test_one_entry_given_twice_is_said(mini_results, cli, tmp_path):
    path = mini_results["mini-web"].save(tmp_path / "a.json")
    copy = mini_results["mini-web"].save(tmp_path / "b.json")
    other = mini_results["mini-strong"].save(tmp_path / "c.json")
    said = "mini-web and mini-web are one entry, given twice"
    assert said in " ".join(cli("compare", path, copy).err.split())
    assert said in " ".join(cli("compare", path, other, copy).err.split())
    assert said in " ".join(cli("evaluate", path, copy).err.split())
    assert "given twice" not in cli("compare", path, other).err


def test_rows_about_people_say_where_they_come_from_when_scores_do_not_come_from_votes():
    import pandas as pd

    votes = [[1, 1, 0], [0, 0, -1], [1, 1, 1], [0, 0, 0]]
    columns = {"item_id": ["a", "b", "c", "d"], "subset": "s", "prompt_id": ["p", "p", "q", "q"], "prompt": "cats"}
    made = [2 / 3, 0.5 / 3, 1.0, 0.0]

    def result(scores):
        from tia2.evaluation.result import BenchmarkInfo

        items = pd.DataFrame(
            {**columns, "human_score": scores, "label": [score > 0.5 for score in scores], "votes": votes}
        )
        about = BenchmarkInfo(name="b", fingerprint="0", votes_fingerprint="0", items=4, images_fingerprint=None)
        values = Values(items, np.array([0.3, 0.2, 0.5, 0.1]), "mine", "raw", {}, (), about)
        return evaluate(values, resamples=20)

    assert result(made).people is not None
    assert result([round(score, 2) for score in made]).people is not None
    sentence = r"aren't the means of the votes \(the first is that of b\)\. The rows about people .* come from the"
    with pytest.warns(UserWarning, match=sentence):
        assert result([2 / 3, 0.9, 1.0, 0.0]).people is not None
