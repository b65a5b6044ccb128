"""Eleven shapes of human judgement, each all the way: a table, a benchmark, imported rewards, figures, a board entry.

Every figure is checked against scikit-learn, SciPy or a literal count over the rows of the table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

import tia2
from tia2.benchmark import export, load, make
from tia2.errors import ResultError
from tia2.evaluation import compare_pooled
from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.submissions.adding import add_tables
from tia2.leaderboard.views.model_table import model_table
from tia2.scoring import import_scores

FIVE = {"low": 1, "high": 5}
RESAMPLES = 100


@dataclass
class Shape:
    """A table, how it is read, two models' rewards, and what each metric must be for the better one, and on a board."""

    rows: list[dict[str, Any]]
    options: dict[str, Any]
    good: dict[str, float]
    poor: dict[str, float]
    figures: dict[str, float]
    on_board: dict[str, float]
    pooled: dict[str, float]


def groups(sizes, seed=3):
    """Qualities, and rewards of a good and a poor model, of each group's items."""
    rng = np.random.default_rng(seed)
    quality = [rng.normal(0, 1, size) for size in sizes]
    good = [np.float32(part + rng.normal(0, 0.6, len(part))) for part in quality]
    poor = [np.float32(rng.normal(0, 1, len(part))) for part in quality]
    return rng, quality, good, poor


def ids(sizes):
    return [[f"{group}-{item}" for item in range(size)] for group, size in enumerate(sizes)]


def by_id(names, parts):
    return {name: float(number) for row, part in zip(names, parts, strict=True) for name, number in zip(row, part)}  # noqa: B905


def mean_of(function, truth, values):
    """The mean over groups in which the truth varies."""
    figures = [function(a, b) for a, b in zip(truth, values, strict=True) if len(set(np.asarray(a).tolist())) > 1]
    return float(np.mean(figures))


def auroc(truth, values):
    return mean_of(roc_auc_score, truth, values)


def shape_of(sizes, rows_of, options, truth, labels, metric, function, seed=3):
    """A shape whose items are judged one by one; the board leaves out prompts whose labels are all equal."""
    rng, quality, good, poor = groups(sizes, seed)
    names = ids(sizes)
    judged = [rows_of(rng, part) for part in quality]
    rows = [
        {"id": name, "caption": f"scene {group}", **row}
        for group, (part, of) in enumerate(zip(names, judged, strict=True))
        for name, row in zip(part, of, strict=True)
    ]
    scores = [[truth(row) for row in part] for part in judged]
    marks = [[labels(row) for row in part] for part in judged]
    flat = [np.concatenate(part) for part in (marks, good)]
    mixed = len(set(flat[0].tolist())) > 1
    pooled = {"auroc": float(roc_auc_score(*flat))} if mixed else {}
    within = any(len(set(part)) > 1 for part in marks)
    figures = {metric: mean_of(function, scores if function in RANKS else marks, good)} if within else {}
    on_board = {"auroc": auroc(marks, good)} if within else {}
    return Shape(rows, {"item": "id", **options}, by_id(names, good), by_id(names, poor), figures, on_board, pooled)


def rho(a, b):
    return spearmanr(a, b).statistic


def tau(a, b):
    return kendalltau(a, b).statistic


RANKS = (rho, tau)


def votes_row(rng, quality):
    votes = [[int(v) for v in rng.choice([1, 1, -1] if q > 0 else [0, 0, -1], 3)] for q in quality]
    return [{"v1": a, "v2": b, "v3": c} for a, b, c in votes]


def vote_mean(row):
    return float(np.mean([0.5 if row[name] == -1 else row[name] for name in ("v1", "v2", "v3")]))


def ratings_row(rng, quality):
    rows = []
    for q in quality:
        given = [int(np.clip(round(3 + 1.2 * q + rng.normal(0, 0.7)), 1, 5)) for _ in range(4)]
        rows.append({f"r{n}": None if n and rng.random() < 0.3 else rating for n, rating in enumerate(given)})
    return rows


def rating_mean(row):
    return float(np.mean([rating for name, rating in row.items() if name.startswith("r") and rating is not None]))


def score_row(rng, quality):
    return [{"q": float(score), "ok": bool(score > 6)} for score in np.round(np.clip(5 + 2 * quality, 0, 10), 2)]


def votes():
    options = {"votes": ["v1", "v2", "v3"]}
    return shape_of([4] * 8, votes_row, options, vote_mean, lambda row: vote_mean(row) > 0.5, "auroc", roc_auc_score)


def ratings_with_gaps():
    options = {"ratings": "r*", "scale": FIVE}
    return shape_of([4] * 8, ratings_row, options, rating_mean, lambda row: rating_mean(row) > 3, "spearman", rho)


def ratings_by_rater():
    shape = shape_of(
        [4] * 8, ratings_row, {"rater": "who", "ratings": "rating", "scale": {**FIVE, "aligned_from": 3}},
        rating_mean, lambda row: rating_mean(row) >= 3, "kendall", tau,
    )  # fmt: skip
    long = [
        {"id": row["id"], "caption": row["caption"], "who": name, "rating": row[name]}
        for row in shape.rows
        for name in ("r0", "r1", "r2", "r3")
        if row[name] is not None
    ]
    return Shape(long, shape.options, shape.good, shape.poor, shape.figures, shape.on_board, shape.pooled)


def means_with_labels():
    options = {"human_score": "q", "label": "ok", "scale": {"low": 0, "high": 10, "aligned_above": 6}}
    return shape_of(
        [5] * 8, score_row, options, lambda row: row["q"], lambda row: row["ok"], "auprc", average_precision_score
    )


def one_image_per_prompt():
    options = {"ratings": "r*", "scale": FIVE}
    return shape_of([1] * 40, ratings_row, options, rating_mean, lambda row: rating_mean(row) > 3, "auroc", auroc)


def one_prompt():
    options = {"votes": ["v1", "v2", "v3"]}
    return shape_of([30], votes_row, options, vote_mean, lambda row: vote_mean(row) > 0.5, "auroc", roc_auc_score)


def uneven_prompts():
    options = {"votes": ["v1", "v2", "v3"]}
    sizes = [2, 3, 40, 1, 7, 15, 2, 9]
    return shape_of(sizes, votes_row, options, vote_mean, lambda row: vote_mean(row) > 0.5, "auroc", roc_auc_score)


def several_captions():
    shape = votes()
    rows = [{**row, "picture": row["caption"], "caption": f"text {number}"} for number, row in enumerate(shape.rows)]
    shape.rows, shape.options = rows, {**shape.options, "captions_of": "picture"}
    return shape


def compared(votes_of, names_of, options, images=3, prompts=10):
    """Pairs of each prompt's images; `votes_of` says what people say of two qualities."""
    rng, quality, good, poor = groups([images] * prompts)
    names = ids([images] * prompts)
    rows, hits, weights = [], [], []
    for group in range(prompts):
        right = []
        for a in range(images):
            for b in range(a + 1, images):
                said = votes_of(rng, quality[group][a] - quality[group][b])
                rows.append({"caption": f"scene {group}", "x": names[group][a], "y": names[group][b], **names_of(said)})
                mean = np.mean([{"a": 1.0, "tie": 0.5, "b": 0.0}[vote] for vote in said])
                if mean != 0.5:
                    right.append(float((good[group][a] > good[group][b]) == (mean > 0.5)))
        if right:
            hits.append(np.mean(right))
            weights.append(right)
    figures = {"pair_accuracy": float(np.mean(hits))}
    pooled = {"pair_accuracy": float(np.mean(np.concatenate(weights)))}
    return Shape(
        rows, {"pair": ("x", "y"), **options}, by_id(names, good), by_id(names, poor), figures, figures, pooled
    )


def pairs():
    return compared(
        lambda rng, gap: ["a" if gap + rng.normal(0, 0.5) > 0 else "b"],
        lambda said: {"best": said[0]},
        {"preferences": "best"},
    )


def pairs_with_votes_and_ties():
    def said(rng, gap):
        gaps = gap + rng.normal(0, 0.6, 3)
        return ["tie" if abs(g) < 0.3 else "a" if g > 0 else "b" for g in gaps]

    return compared(said, lambda votes: {"votes": votes}, {"preferences": "votes"})


def rankings():
    """ImageRewardDB's own rows: one per image, with its rank."""
    _, quality, good, poor = groups([4] * 25)
    names = ids([4] * 25)
    rows, hits = [], []
    for group, part in enumerate(quality):
        ranks = np.argsort(np.argsort(-part)) // 2 + 1  # two and two are equally good
        for name, rank in zip(names[group], ranks.tolist(), strict=True):
            rows.append(
                {"image_path": name, "prompt_id": f"p{group}", "prompt": f"scene {group}", "rank": rank,
                 "overall_rating": 4, "image_text_alignment_rating": 4, "fidelity_rating": 4}
            )  # fmt: skip
        decided = [(a, b) for a in range(4) for b in range(a + 1, 4) if ranks[a] != ranks[b]]
        hits.append([float((good[group][a] > good[group][b]) == (ranks[a] < ranks[b])) for a, b in decided])
    figures = {"pair_accuracy": float(np.mean([np.mean(part) for part in hits]))}
    pooled = {"pair_accuracy": float(np.mean(np.concatenate(hits)))}
    return Shape(rows, {}, by_id(names, good), by_id(names, poor), figures, figures, pooled)


SHAPES = (
    votes, ratings_with_gaps, ratings_by_rater, means_with_labels, pairs, pairs_with_votes_and_ties, rankings,
    one_image_per_prompt, one_prompt, uneven_prompts, several_captions,
)  # fmt: skip


@pytest.mark.parametrize("shape_of_name", SHAPES, ids=lambda function: function.__name__)
def test_a_shape_goes_all_the_way(shape_of_name, tmp_path):
    shape = shape_of_name()
    folder = export(make(shape.rows, name="shape", **shape.options), tmp_path / "benchmark", allow_missing=True)
    benchmark = load(folder)
    for name in ("good", "poor"):
        import_scores(benchmark, getattr(shape, name), name=name, out=tmp_path / name)
    results = [tia2.evaluate(tmp_path / name, resamples=RESAMPLES) for name in ("good", "poor")]
    measured = results[0].overall.metrics
    for metric, figure in shape.figures.items():
        assert measured[metric].mean == pytest.approx(figure, abs=1e-9), metric
    for metric, figure in shape.pooled.items():
        assert measured[metric].pooled == pytest.approx(figure, abs=1e-9), metric
    values = [tia2.calibrate([tmp_path / name]) for name in ("good", "poor")]
    both = compare_pooled(*values, resamples=RESAMPLES)
    if len(results[0].prompts) > 1:
        assert both.verdict.startswith("good agrees with people better than poor: pooled")
        low, high = (getattr(measured[next(iter(shape.pooled))], f"pooled_{end}") for end in ("low", "high"))
        assert low < next(iter(shape.pooled.values())) < high
    else:
        assert "can't be said from one prompt" in both.verdict
    compares = len(shape.on_board) and len(results[0].prompts) > 1
    if compares:
        metric = next(iter(shape.figures))
        within = tia2.compare(*results, metric)
        assert within.main.a == pytest.approx(shape.figures[metric], abs=1e-9)
        assert within.main.difference > 0
    else:
        with pytest.raises(ResultError, match=r"Pooled figures can be compared|fewer than two prompts"):
            tia2.compare(*results)
    store = Store.create(tmp_path / "board", "Shapes")
    store.add_benchmark(benchmark, title="Shape")
    for name in ("good", "poor"):
        add_tables(store, [tmp_path / name], {}, added_by="a test")
    board = Board.load(store, "shape", index=Index(store, resamples=RESAMPLES))
    assert not board.problems
    position = board.positions["good"]
    for metric, figure in shape.on_board.items():
        assert board.estimate(board.usual_scope, metric)[position] == pytest.approx(figure, abs=1e-6)
        if compares:
            assert board.standing(board.usual_scope, metric).rank[position] == 1
    for metric, figure in shape.pooled.items():
        assert board.estimate(board.usual_scope, metric, "pooled")[position] == pytest.approx(figure, abs=1e-6)
    if compares:
        table = model_table(board, board.usual_scope, board.usual_metric, {})
        assert [row["title"] for row in table["rows"]] == ["good", "poor"]


def test_one_image_per_prompt_is_said_in_words(tmp_path, cli):
    shape = one_image_per_prompt()
    make(shape.rows, name="shape", **shape.options)
    export(make(shape.rows, name="shape", **shape.options), tmp_path / "benchmark", allow_missing=True)
    for name in ("good", "poor"):
        import_scores(tmp_path / "benchmark", getattr(shape, name), name=name, out=tmp_path / name)
    said = cli("evaluate", tmp_path / "good", tmp_path / "poor")
    assert said.code == 0, said.err
    assert "Shown is the pooled figure: over all items at once" in said.err.replace("\n", " ")
    assert "pooled AUROC" in said.out
    assert f"{shape.pooled['auroc']:.3f}" in said.out
    refused = cli("compare", tmp_path / "good", tmp_path / "poor")
    assert refused.code == 1
    assert "tia2 compare --pooled" in refused.err.replace("\n", " ")
    said = cli("compare", tmp_path / "good", tmp_path / "poor", "--pooled")
    assert said.code == 0, said.err
    assert "good agrees with people better than poor: pooled AUROC" in said.out.replace("\n", " ")
    assert cli("compare", tmp_path / "good", tmp_path / "poor", "--pooled", "--metric", "kendall").code == 1


def test_the_interval_of_a_pooled_difference():
    """Literally: prompts drawn with replacement, with all their items, and both entries' areas over all drawn."""
    shape = uneven_prompts()
    benchmark = make(shape.rows, name="shape", **shape.options)
    tables = [import_scores(benchmark, getattr(shape, name), name=name) for name in ("good", "poor")]
    row = compare_pooled(*(tia2.calibrate([table]) for table in tables), resamples=2000).differences[-1]
    labels = benchmark.items["label"].to_numpy()
    values = [table.raw for table in tables]
    codes = benchmark.items["prompt_id"].factorize()[0]
    members = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    assert row.difference == pytest.approx(
        roc_auc_score(labels, values[0]) - roc_auc_score(labels, values[1]), abs=1e-9
    )
    rng = np.random.default_rng(0)
    gaps = []
    for _ in range(1000):
        drawn = np.concatenate([members[code] for code in rng.integers(0, len(members), len(members))])
        if len(set(labels[drawn].tolist())) > 1:
            areas = [roc_auc_score(labels[drawn], part[drawn]) for part in values]
            gaps.append(areas[0] - areas[1])
    # The expanded percentile interval of eight prompts is wider than the plain one.
    plain = float(np.subtract(*np.quantile(gaps, [0.975, 0.025])))
    assert plain < row.high - row.low < 1.6 * plain
    assert not math.isnan(row.low)
