"""Benchmarks of pairs from a table to a board: made, imported, evaluated, compared, with people and their ceiling."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import beta, binom

import tia2
from tia2.benchmark import export, load, make
from tia2.benchmark.making.pairs import item_ids
from tia2.errors import BenchmarkError, ResultError, ScoreTableError
from tia2.evaluation.pairs import Preferences, evaluate_pairs
from tia2.evaluation.panel import Panel
from tia2.evaluation.people.reference_rows import people
from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.exports.formats import export as export_board
from tia2.leaderboard.submissions.checking.validation import validate
from tia2.leaderboard.views.item_view import items_of
from tia2.leaderboard.views.pairs import comparison, in_scope, suggested, verdict_of
from tia2.scoring import import_scores

NAMES = {1.0: "a", 0.0: "b", 0.5: "tie"}
VOTERS = ("ann", "bob", "cem")


def judged(prompts=24, images=3, seed=5):
    """Rows of a table of pairs: all pairs of each prompt's images but one, three votes each, rewards of two models."""
    rng = np.random.default_rng(seed)
    rows = []
    for prompt in range(prompts):
        quality = rng.normal(0, 1, images)
        good, poor = quality + rng.normal(0, 0.5, images), rng.normal(0, 1, images)
        pairs = [(a, b) for a in range(images) for b in range(a + 1, images)][: None if prompt % 3 else -1]
        for a, b in pairs:
            gaps = quality[a] - quality[b] + rng.logistic(0, 0.7, len(VOTERS))
            votes = ["tie" if abs(gap) < 0.3 else "a" if gap > 0 else "b" for gap in gaps]
            row = {"caption": f"scene {prompt}", "left": f"{prompt}-{a}", "right": f"{prompt}-{b}"}
            row |= dict(zip(VOTERS, votes, strict=True))
            rows.append(
                row | {"good_left": good[a], "good_right": good[b], "poor_left": poor[a], "poor_right": poor[b]}
            )
    return rows


ROWS = judged()


def literal(rows, side):
    """Accuracy without ties within each prompt and over all pairs, and agreement with a vote, pair by pair."""
    by_prompt, agreed = {}, {}
    for row in rows:
        worths = [{"a": 1.0, "b": 0.0, "tie": 0.5}[row[voter]] for voter in VOTERS]
        gap = np.float32(row[f"{side}_left"]) - np.float32(row[f"{side}_right"])
        agreed.setdefault(row["caption"], []).append(np.mean([1 - abs(worth - (gap > 0)) for worth in worths]))
        mean = sum(worths) / 3
        if not math.isclose(mean, 0.5):
            by_prompt.setdefault(row["caption"], []).append(float((gap > 0) == (mean > 0.5)))
    within = np.mean([np.mean(hits) for hits in by_prompt.values()])
    pooled = np.mean([hit for hits in by_prompt.values() for hit in hits])
    return within, pooled, np.mean([np.mean(hits) for hits in agreed.values()])


@pytest.fixture(scope="module")
def journey(tmp_path_factory):
    """A CSV file of pairs with two models' rewards, made into a benchmark and score tables by commands."""
    from typer.testing import CliRunner

    from tia2.cli import app

    folder = tmp_path_factory.mktemp("pairs")
    pd.DataFrame(ROWS).to_csv(folder / "pairs.csv", index=False)
    run = CliRunner()
    columns = ["--pair", "left", "--pair", "right"]
    votes = [word for voter in VOTERS for word in ("--preference", voter)]
    done = run.invoke(app, ["data", "make", str(folder / "pairs.csv"), str(folder / "made"), *columns, *votes])
    assert done.exit_code == 0, done.output
    for name in ("good", "poor"):
        rewards = ["--reward", f"{name}_left", "--reward", f"{name}_right"]
        words = ["import-scores", str(folder / "made"), str(folder / "pairs.csv"), "--name", name, *columns, *rewards]
        done = run.invoke(app, [*words, "--out", str(folder / name)])
        assert done.exit_code == 0, done.output
    return folder


def test_figures_equal_a_literal_count(journey):
    result = tia2.evaluate(journey / "good")
    within, pooled, agreed = literal(ROWS, "good")
    figures = result.overall.metrics
    assert list(figures) == ["pair_accuracy", "pair_accuracy_with_ties", "pair_agreement"]
    assert figures["pair_accuracy"].mean == pytest.approx(within, abs=1e-12)
    assert figures["pair_accuracy"].pooled == pytest.approx(pooled, abs=1e-12)
    assert figures["pair_agreement"].mean == pytest.approx(agreed, abs=1e-12)
    alone = evaluate_pairs(Preferences.of_items(load(journey / "made").items), tia2.calibrate([journey / "good"]))
    for name, other in (("pair_accuracy", "accuracy"), ("pair_accuracy_with_ties", "tie_cross_validated")):
        assert figures[name].pooled == pytest.approx(alone.figures[other].mean, abs=1e-12)
        assert figures[name].pooled_low == pytest.approx(alone.figures[other].low, abs=0.02)
    assert result.overall.metrics["pair_accuracy"].low < within < result.overall.metrics["pair_accuracy"].high


def test_two_entries_are_compared_on_the_same_prompts(journey, cli):
    a, b = (tia2.evaluate(journey / name) for name in ("good", "poor"))
    compared = tia2.compare(a, b)
    assert compared.metric == "pair_accuracy"
    gap = literal(ROWS, "good")[0] - literal(ROWS, "poor")[0]
    assert compared.main.difference == pytest.approx(gap, abs=1e-12)
    assert compared.verdict.startswith("good agrees with people better than poor: Pair accuracy")
    said = cli("compare", journey / "good", journey / "poor")
    assert said.code == 0, said.err
    assert "Pair accuracy" in said.out
    with pytest.raises(ResultError, match=r"made is a benchmark of pairs, and spearman is a metric of items"):
        tia2.compare(a, b, "spearman")


def test_what_is_printed(journey, cli):
    said = cli("evaluate", journey / "good", journey / "poor")
    assert said.code == 0, said.err
    assert "Pair accuracy" in said.out
    assert "pairs' alpha" in said.out
    assert "noise ceiling" in said.out
    refused = cli("evaluate", journey / "good", "--metric", "kendall")
    assert refused.code == 2
    assert "--metric kendall isn't measured on made; it has pair_accuracy," in refused.err.replace("\n", " ")
    said = cli("data", "agreement", journey / "made")
    assert said.code == 0, said.err
    assert "Pair" in said.out
    assert "noise ceiling" in said.out
    said = cli("data", "show", journey / "made")
    assert "aligned: preferred in more than half of the votes on its pairs." in said.out
    said = cli("pairs", journey / "made", journey / "good", journey / "poor", "--json")
    assert json.loads(said.out)[0]["name"] == "good"


def test_a_benchmark_of_pairs_is_kept_as_it_is(journey, tmp_path):
    made = load(journey / "made")
    again = load(export(made, tmp_path / "again", allow_missing=True))
    assert again.votes_fingerprint == made.votes_fingerprint
    assert "compared_with" in (journey / "made" / "README.md").read_text()
    pairs = Preferences.of_items(again.items)
    assert len(pairs) == len(ROWS)
    worths = {(row["left"], row["right"]): [row[voter] for voter in VOTERS] for row in ROWS}
    for first, second, votes in zip(pairs.first, pairs.second, pairs.votes, strict=True):
        assert [NAMES[vote] for vote in votes] == worths[first, second]
    values = tia2.calibrate([journey / "good"])
    assert tia2.Values.load(values.save(tmp_path / "v.parquet")).items["preferences"].map(len).sum() == 3 * len(ROWS)


@pytest.fixture(scope="module")
def pair_board(journey, tmp_path_factory):
    from tia2.leaderboard.submissions.adding import add_tables

    store = Store.create(tmp_path_factory.mktemp("board") / "store", "Pairs")
    store.add_benchmark(load(journey / "made"), title="Made of pairs")
    for name in ("good", "poor"):
        add_tables(store, [journey / name], {}, added_by="a test")
    return Board.load(store, "made")


def test_it_is_an_entry_of_a_board(pair_board):
    board = pair_board
    assert not board.problems
    assert board.metrics == ("pair_accuracy", "pair_accuracy_with_ties", "pair_agreement")
    scope = board.usual_scope
    means = dict(zip((entry.id for entry in board.entries), board.estimate(scope, "pair_accuracy"), strict=True))
    assert means["good"] == pytest.approx(literal(ROWS, "good")[0], abs=1e-6)
    for metric in board.metrics:
        standing = board.standing(scope, metric)
        assert standing.rank[board.positions["good"]] == 1
        assert comparison(board, "good", "poor", metric).main.difference > 0
    assert suggested(board) == ["good", "poor"]
    assert "Pair accuracy" in compare_words(board)
    assert board.people[scope].ceiling["pair_accuracy"].mean > means["good"] - 0.1
    prompt = str(board.prompts["prompt_id"].iloc[1])
    assert items_of(board, prompt).judgements == "preferred"
    for kind, words in (("csv", "pair_accuracy"), ("json", "pair_accuracy"), ("latex", "air accuracy")):
        assert words in str(export_board(board, kind)[1])
    assert "Pair accuracy" in str(export_board(board, "html")[1])


def compare_words(board):
    """What the Compare tab answers with, on a first visit."""
    compared = in_scope(comparison(board, *suggested(board), board.usual_metric), board.usual_scope, board)
    return verdict_of(compared, compared.main, board)


def test_it_can_be_submitted(journey, pair_board, tmp_path):
    from tia2.leaderboard.data.records import ModelCard
    from tia2.leaderboard.submissions.package import build

    card = ModelCard(name="third", licence="MIT", training_data="none", description="A test.")
    import_scores(load(journey / "made"), _by_item("poor"), name="third", out=tmp_path / "third")
    build([tmp_path / "third"], card, [tia2.calibration.Raw()], tmp_path / "third.zip")
    checked = validate(tmp_path / "third.zip", pair_board.index.store)
    assert any("Pair accuracy" in figure for figure in checked.report.figures) or not checked.report.flags


def _by_item(side):
    rewards = {}
    for row in ROWS:
        rewards |= {row["left"]: -row[f"{side}_left"], row["right"]: -row[f"{side}_right"]}
    return rewards


def test_pages_show_it(pair_board):
    from tia2.leaderboard.views.model_table import model_table

    pytest.importorskip("gradio")
    from tia2.leaderboard.pages.detail import detail
    from tia2.leaderboard.pages.tabs.about import provenance_of

    table = model_table(pair_board, pair_board.usual_scope, "pair_accuracy", {})
    assert [row["title"] for row in table["rows"]] == ["good", "poor"]
    about = provenance_of(pair_board)
    assert "preferred in more than half of the votes on its pairs" in about
    assert "with a pair that isn&#39;t tied" in about or "with a pair that isn't tied" in about
    assert "Pair accuracy, pooled" in detail(pair_board, "good", pair_board.usual_scope)


def test_the_ceiling_is_what_the_true_chances_reach():
    """Pairs whose chances come from one symmetric beta distribution, three votes each."""
    rng = np.random.default_rng(2)
    prompts, pairs, votes = 300, 3, 3
    chances = rng.beta(0.8, 0.8, (prompts, pairs))
    rows = []
    for prompt in range(prompts):
        given = (rng.random((pairs, votes)) < chances[prompt][:, None]).astype(float)
        for number in range(pairs):
            first, second = f"{prompt}/{number}/x", f"{prompt}/{number}/y"
            common = {"subset": "s", "prompt_id": str(prompt), "prompt": f"p {prompt}", "label": True}
            drawn = given[number].tolist()
            share = float(np.mean(drawn))
            listed = {"compared_with": [second] * votes, "preferences": drawn}
            rows.append({**common, "item_id": first, **listed, "human_score": share})
            rows.append({**common, "item_id": second, "compared_with": [], "preferences": [], "human_score": 1 - share})
    figures = people(pd.DataFrame(rows), 0, 300)["s"]
    quantiles = beta.ppf((np.arange(2000) + 0.5) / 2000, 0.8, 0.8)
    better = np.maximum(quantiles, 1 - quantiles)
    truth = binom.sf(1, 3, better).mean()
    assert figures.ceiling["pair_accuracy"].mean == pytest.approx(truth, abs=0.02)
    assert figures.ceiling["pair_agreement"].mean == pytest.approx(better.mean(), abs=0.02)
    low, high = figures.ceiling["pair_accuracy"].low, figures.ceiling["pair_accuracy"].high
    assert low < figures.ceiling["pair_accuracy"].mean < high
    assert high - low < 0.1
    one_other = figures.annotator["pair_agreement"].mean
    assert one_other == pytest.approx((better**2 + (1 - better) ** 2).mean(), abs=0.02)
    alpha = 1 - (1 - one_other) / 0.5  # two outcomes, as likely as one another
    assert figures.agreement.alpha == pytest.approx(alpha, abs=0.005)


def test_a_single_vote_says_nothing_of_people():
    rows = [{**row, "ann": row["ann"]} for row in ROWS[:20]]
    made = make(rows, pair=("left", "right"), preferences="ann")
    assert people(made.items, 0, 50) is None


def test_a_partial_table_leaves_pairs_out(journey):
    made = load(journey / "made")
    rewards = _by_item("good")
    gone = ROWS[1]["left"]
    del rewards[gone]
    table = import_scores(made, rewards, name="partial", allow_missing=True)
    with pytest.warns(UserWarning, match="is partial"):
        result = tia2.evaluate(tia2.calibrate([table]))
    kept = [row for row in ROWS if gone not in (row["left"], row["right"])]
    flipped = [{**row, "good_left": -row["good_left"], "good_right": -row["good_right"]} for row in kept]
    assert result.overall.metrics["pair_accuracy"].mean == pytest.approx(literal(flipped, "good")[0], abs=1e-12)


def test_calibrations_apply(journey):
    """TextNorm's settings are chosen by the accuracy on pairs, as they are by AUROC elsewhere."""
    made = load(journey / "made")
    panel = Panel.of(made.items)
    assert panel.pairs is not None
    values = tia2.calibrate([journey / "good"]).values
    assert panel.figure(values, "auroc").tolist() == pytest.approx(
        panel.figure(values, "pair_accuracy").tolist(), nan_ok=True
    )
    assert panel.pooled(values, "auroc", panel.subsets[0]) == pytest.approx(literal(ROWS, "good")[1], abs=1e-12)


def test_images_of_pairs_are_scored_and_normalised():
    """One reward sees the brightness of each image; TextNorm and ensembles are made of its score tables."""
    rng = np.random.default_rng(0)
    rows = []
    for prompt in range(12):
        left, right = (int(level) for level in rng.integers(0, 255, 2))
        pictures = {side: Image.new("RGB", (4, 4), (level,) * 3) for side, level in (("l", left), ("r", right))}
        common = {"prompt": f"bright {prompt}", "others": [f"dark {prompt}"], "best": "a" if left > right else "b"}
        rows.append({**common, **pictures})
    made = make(rows, preferences="best", pair_images=("l", "r"), contrastive="others")

    def brightness(images, texts):
        levels = [np.asarray(image)[0, 0, 0] / 255 for image in images]
        pairs = zip(levels, texts, strict=True)
        return [float(level if text.startswith("bright") else 1 - level) for level, text in pairs]

    tables = [tia2.score(brightness, made), tia2.score(lambda *given: np.square(brightness(*given)), made, name="two")]
    textnorm = tia2.calibration.TextNorm(temperature=0.5)
    chosen = tia2.calibration.cross_validated(textnorm)
    for entry in (tables[0], tia2.calibrate(tables[0], textnorm), tia2.calibrate(tables[0], chosen)):
        assert tia2.evaluate(entry).overall.metrics["pair_accuracy"].mean == 1
    ensemble = tia2.evaluate(tables, tia2.calibration.Mean(of=textnorm))
    assert ensemble.overall.metrics["pair_accuracy"].pooled == 1


def test_sources_of_pairs(tmp_path):
    rows = [
        {"prompt": "a cat", "score_a": "0.9", "score_b": "0.1", "choice": "left"},
        {"prompt": "a dog", "score_a": "0.2", "score_b": "0.7", "choice": "tie"},
        {"prompt": "a dog", "score_a": "0.3", "score_b": "0.4", "choice": ""},
    ]
    with open(tmp_path / "t.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(BenchmarkError, match="Pair 2 has no preference"):
        make(tmp_path / "t.csv", preferences="choice")
    made = make(tmp_path / "t.csv", preferences="choice", invalid="drop")
    assert made.items["item_id"].tolist() == ["0/a", "0/b", "1/a", "1/b"]
    assert made.items["human_score"].tolist() == [1, 0, 0.5, 0.5]
    assert "1 pairs without a preference were left out: row 2." in made.notes
    table = import_scores(made, tmp_path / "t.csv", name="m", rewards=("score_a", "score_b"))
    assert table.raw.tolist() == pytest.approx([0.9, 0.1, 0.2, 0.7])
    named = make([{"prompt": "x", "l": "i1", "r": "i2", "best": "i2"}], pair=("l", "r"), preferences="best")
    assert named.items["human_score"].tolist() == [0, 1]
    assert item_ids(pd.DataFrame({"a": ["x"], "b": [None]}), ("a", "b")) == [("0/a", "0/b")]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([{"prompt": "x", "p": "a"}], {"preferences": "p", "pair": ("l",)}, r"--pair \(pair=\) takes two columns"),
        ([{"prompt": "x", "p": "a"}], {"preferences": "p", "pair": ("l", "r")}, "has no column 'l', 'r'"),
        ([{"prompt": "x", "l": "i"}], {"pair": ("l", "l")}, "Pairs need the column of their preferences"),
        ([{"prompt": "x", "p": "c"}], {"preferences": "p"}, "expected the preference as a, b or tie, got 'c'"),
        ([{"prompt": "", "p": "a"}], {"preferences": "p"}, "prompt of row 0 is empty"),
        ([{"prompt": "x", "l": "i", "r": "i", "p": "a"}], {"pair": ("l", "r"), "preferences": "p"}, "with itself"),
        (
            [{"prompt": q, "l": "i", "r": f"j{q}", "p": "a"} for q in "xy"],
            {"pair": ("l", "r"), "preferences": "p"},
            "'i' is in pairs of two prompts",
        ),
    ],
)
def test_pairs_that_are_refused(rows, options, message):
    with pytest.raises(BenchmarkError, match=message):
        make(rows, **options)


COLUMNS = {"subset": "s", "prompt_id": "p", "prompt": "x"}


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([("a", ["b"], [1.0]), ("b", [], []), ("c", [], [])], "1 items are in no comparison, first 'c'"),
        ([("a", ["b"], [0.7]), ("b", [], [])], "expected preferences of 1, 0 or 0.5"),
        ([("a", ["b", "b"], [1.0]), ("b", [], [])], "2 items in compared_with, 1 votes in preferences"),
        ([("a", ["z"], [1.0]), ("b", ["a"], [1.0])], "compared with 'z', which is no item of its prompt"),
    ],
)
def test_comparisons_that_are_none(items, message):
    from datasets import Dataset

    rows = [
        {**COLUMNS, "item_id": item, "compared_with": others, "preferences": votes} for item, others, votes in items
    ]
    with pytest.raises(BenchmarkError, match=message):
        load(Dataset.from_list(rows))
    with pytest.raises(BenchmarkError, match="lacks preferences"):
        load(Dataset.from_list([{name: row[name] for name in row if name != "preferences"} for row in rows]))


def test_rewards_that_depend_on_the_pair_are_refused(journey):
    rows = [
        {"item_a": row["left"], "item_b": row["right"], "reward_a": number, "reward_b": 0.5}
        for number, row in enumerate(ROWS)
    ]
    with pytest.raises(ScoreTableError, match=r"has the reward .* An image has one reward whatever it is"):
        import_scores(load(journey / "made"), rows, name="m")
    with pytest.raises(ScoreTableError, match="lacks the column q"):
        import_scores(load(journey / "made"), rows, name="m", rewards=("reward_a", "q"))
