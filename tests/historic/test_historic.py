"""Files of version 0.1 load, and give the numbers that they gave."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

import tia2
from tia2.calibration import TextNorm
from tia2.calibration.flat_settings import FlatSettings
from tia2.evaluation import Comparison, Result, published, separate
from tia2.leaderboard import Board, Store
from tia2.scoring import ScoreTable

FILES = Path(__file__).parent / "v0.1"
NUMBERS: dict[str, Any] = json.loads((FILES / "numbers.json").read_text(encoding="utf-8"))
METRICS = ("auroc", "auprc", "ap5", "ap10", "ap25", "spearman", "kendall")
ESTIMATES = ("mean", "low", "high", "pooled", "pooled_low", "pooled_high")
COUNTS = ("prompts", "prompts_used", "prompts_constant", "items", "items_scored", "tied", "distinct")


def assert_close(value: Any, expected: Any, where: str = "") -> None:
    """Compare nested numbers to 1e-12, and everything else exactly; null stands for NaN."""
    if isinstance(expected, dict):
        assert set(expected) <= set(value), where
        for key, part in expected.items():
            assert_close(value[key], part, f"{where}/{key}")
    elif isinstance(expected, list):
        assert len(value) == len(expected), where
        for number, part in enumerate(expected):
            assert_close(value[number], part, f"{where}/{number}")
    elif expected is None:
        assert value is None or math.isnan(value), (where, value)
    elif isinstance(expected, bool | str):
        assert value == expected, where
    else:
        assert value == pytest.approx(expected, rel=0, abs=1e-12), where


def figures(part: Any) -> dict[str, Any]:
    """The figures of one subset, arranged as in numbers.json."""
    fields = part.model_dump()
    metrics = {metric: [fields["metrics"][metric][name] for name in ESTIMATES] for metric in METRICS}
    return {**{name: fields[name] for name in COUNTS}, "metrics": metrics}


def check_result(result: Result, expected: dict[str, Any]) -> None:
    assert result.entry.name == expected["name"]
    assert result.entry.upper_bound == expected["upper_bound"]
    assert (result.seed, result.resamples, result.confidence) == (
        expected["seed"],
        expected["resamples"],
        expected["confidence"],
    )
    assert_close({subset: figures(part) for subset, part in result.subsets.items()}, expected["subsets"])
    assert_close(figures(result.overall), expected["overall"], "overall")
    rows = {
        row.prompt_id: [row.items, row.aligned, row.tied, row.distinct, *(row.metrics[metric] for metric in METRICS)]
        for row in result.prompts
    }
    assert list(rows) == list(expected["per_prompt"])
    assert_close(rows, expected["per_prompt"])
    assert_close({name: part.model_dump() for name, part in result.people.items()}, NUMBERS["people"], "people")


def load_table(name: str) -> ScoreTable:
    return ScoreTable.load(FILES / "tables" / name)


def load_result(name: str) -> Result:
    return Result.load(FILES / "results" / f"{name}.json")


def calibration_of(settings: dict[str, Any]) -> Any:
    """Today's calibration with the settings of a `TextNorm(...)` of version 0.1."""
    return FlatSettings(**settings).calibration()


@pytest.fixture
def store(tmp_path) -> Store:
    """A copy of the store, index and all."""
    return Store(shutil.copytree(FILES / "store", tmp_path / "store"))


@pytest.mark.parametrize("name", NUMBERS["tables"])
def test_score_tables(name):
    table, expected = load_table(name), NUMBERS["tables"][name]
    assert list(table.rewards.shape) == expected["shape"]
    assert table.items["item_id"].tolist() == expected["items"]
    assert table.manifest.benchmark.fingerprint == expected["fingerprint"]
    assert table.manifest.benchmark.votes_fingerprint == expected["votes_fingerprint"]
    assert table.manifest.reward.fingerprint == expected["reward_fingerprint"]
    for rewards, mask, row in zip(table.rewards, table.mask, expected["rewards"], strict=False):
        assert [float(reward) if covered else None for reward, covered in zip(rewards, mask, strict=True)] == row


def test_the_embedded_score_tables_give_their_rewards(store):
    from tia2.leaderboard.data.embedded import embedded_store

    embedded = embedded_store(store.folder.parent / "embedded")
    assert {listing.id for listing in embedded.listings} >= {"mini-strong", "mini-countblind"}
    for listing in embedded.listings:
        assert all(len(embedded.table(digest).items) == 3000 for digest in listing.tables)


@pytest.mark.parametrize("name", [name for name, facts in NUMBERS["results"].items() if facts["kept"]])
def test_results(name):
    result, expected = load_result(name), NUMBERS["results"][name]
    check_result(result, expected)
    assert result.entry.calibration == expected["calibration"]
    assert_close(dict(result.entry.settings), expected["settings"])
    assert result.per_prompt["prompt_id"].tolist() == list(expected["per_prompt"])


@pytest.mark.parametrize("name", [name for name in NUMBERS["results"] if name != "function"])
def test_evaluating_the_tables_gives_the_same_results(name):
    expected = NUMBERS["results"][name]
    tables = [load_table(member) for member in expected["members"]]
    calibration = None if expected["textnorm"] is None else calibration_of(expected["textnorm"])
    # Version 0.1 left out prompts without contrast for rank correlations, too.
    check_result(tia2.evaluate(tables, calibration=calibration, prompts="label"), expected)


@pytest.mark.parametrize("metric", ["auroc", "kendall"])
def test_comparisons_load(metric):
    text = (FILES / "comparisons" / f"{metric}.json").read_text(encoding="utf-8")
    comparison, expected = Comparison.model_validate_json(text), NUMBERS["comparisons"][metric]
    assert comparison.verdict == expected["verdict"]
    assert_close([difference.model_dump() for difference in comparison.differences], expected["differences"])
    assert_close(comparison.prompts[:3], expected["first_prompts"])


@pytest.mark.parametrize("metric", METRICS)
def test_comparing_old_results_gives_the_same_differences(metric):
    comparison = tia2.compare(load_result("textnorm-cv"), load_result("raw-countblind"), metric)
    expected = NUMBERS["comparisons"][metric]
    assert comparison.verdict == expected["verdict"]
    assert_close([difference.model_dump() for difference in comparison.differences], expected["differences"])
    assert_close(comparison.prompts[:3], expected["first_prompts"])


def test_ranks_and_groups_of_old_results():
    expected = NUMBERS["separate"]
    frame = separate([load_result(name) for name in expected["of"]], "auroc")
    assert_close(frame.to_dict("records"), expected["rows"])


def check_entries(board: Board, expected: dict[str, Any]) -> None:
    """Compare a board's entries: names, values, estimates, counts and every prompt's figures."""
    columns = [list(board.metrics).index(metric) for metric in METRICS] if hasattr(board, "metrics") else slice(7)
    for entry_id, facts in expected.items():
        entry = board.entry(entry_id)
        position = [other.id for other in board.entries].index(entry_id)
        assert (entry.name, list(entry.chips)) == (facts["name"], facts["chips"])
        assert (entry.coverage, entry.upper_bound) == (facts["coverage"], facts["upper_bound"])
        assert (entry.ranked, entry.source) == (facts["ranked"], facts["source"])
        for scope, metrics in facts["estimates"].items():
            for metric, numbers in metrics.items():
                given = [board.estimate(scope, metric, name)[position] for name in ESTIMATES]
                assert_close(given, numbers, f"{entry_id}/{scope}/{metric}")
        counts = dict(zip(board.scopes, board.counts[position].tolist(), strict=True))
        assert_close(counts, facts["counts"], f"{entry_id}/counts")
        prompts = dict(zip(board.prompts["prompt_id"], board.figures[position][:, columns].tolist(), strict=True))
        assert_close(prompts, facts["figures"], f"{entry_id}/figures")
        values = board.values(entry_id)
        assert_close(None if values is None else values.tolist(), facts["values"], f"{entry_id}/values")


def letters_of(board: Board, metric: str) -> dict[tuple[str, str], str]:
    """The letters that boards of 0.1 showed; `separate` still gives them."""
    frame = separate([board.result(entry.id) for entry in board.entries if entry.ranked], metric)
    return dict(zip(zip(frame["subset"], frame["entry"], strict=True), frame["group"], strict=True))


def check_standing(
    board: Board, scope: str, metric: str, letters: dict[tuple[str, str], str], expected: dict[str, Any]
) -> None:
    standing = board.standing(scope, metric)
    ranks = {
        entry.id: [
            int(standing.rank[row]),
            int(standing.low[row]),
            int(standing.high[row]),
            letters[scope, entry.name],
        ]
        for row, entry in enumerate(board.entries)
        if entry.ranked
    }
    assert ranks == expected, (scope, metric)


@pytest.mark.parametrize("index", [True, False], ids=["with its index", "without"])
def test_a_store(store, index):
    if not index:
        shutil.rmtree(store.index)
    expected = NUMBERS["board"]
    board = Board.load(store, "small")
    assert list(board.scopes) == expected["scopes"]
    assert board.problems == {}
    assert {entry.id for entry in board.entries} == set(expected["entries"])
    check_entries(board, expected["entries"])
    letters = {metric: letters_of(board, metric) for metric in METRICS}
    for scope, metrics in expected["standing"].items():
        for metric, ranks in metrics.items():
            check_standing(board, scope, metric, letters[metric], ranks)
    comparison = board.compare("mini-strong", "mini-countblind")
    assert_close(comparison.model_dump(exclude={"prompts"}), expected["comparison"])


def test_the_index_of_a_store_stays_valid(store):
    """Entries, their values and people are found under the names they had, and what they hold isn't computed again."""
    files = {path.name: path.stat().st_mtime_ns for path in store.index.iterdir()}
    board = Board.load(store, "small")
    for scope in board.scopes:
        for metric in METRICS:
            board.standing(scope, metric)
    present = {path.name: path.stat().st_mtime_ns for path in store.index.iterdir()}
    assert {name: present.get(name) for name in files} == files
    # What boards of 0.1 didn't have: which entries are like the best.
    assert len(present) - len(files) == len(board.scopes) * len(METRICS)
    assert {f"{entry.key}.npz" for entry in board.entries} <= set(files)


def test_the_index_covers_the_versions_of_calibrations(store, monkeypatch):
    """A new version of a class counts wherever the class is: on its own, in an ensemble, under cross-validation."""
    keys = {entry.id: entry.key for entry in Board.load(store, "small").entries}
    monkeypatch.setattr(TextNorm, "version", 2)
    changed = {entry.id for entry in Board.load(store, "small").entries if entry.key != keys[entry.id]}
    assert changed == {name for name in keys if "~" in name and "minmax" not in name}


def test_submissions_and_the_queue(store):
    from tia2.leaderboard.submissions.queue import Queue

    expected = NUMBERS["queue"]
    with Queue(store) as queue:
        (waiting,) = queue.pending()
        facts = [waiting.name, waiting.submitter, waiting.filename, str(waiting.state)]
        assert [facts] == expected["pending"]
        assert waiting.report.lines == expected["report"]
        queue.accept(waiting.id, "maintainer", "fine")
        receipt = queue.receive(FILES / "submission-ensemble.zip", "somebody")
        assert receipt.report.lines == expected["ensemble_report"]
        queue.accept(receipt.id, "maintainer")
        assert [[line.who, line.what, line.note] for line in queue.log()] == expected["log"]
    board = Board.load(store, "small")
    check_entries(board, NUMBERS["accepted"]["entries"])
    letters = letters_of(board, "auroc")
    check_standing(board, "overall", "auroc", letters, NUMBERS["accepted"]["standing"]["auroc"])


def test_a_submission_is_still_accepted_as_a_file(store):
    from tia2.leaderboard.submissions.checking.validation import validate

    submission = validate(FILES / "submission.zip", store, except_for="newcomer")
    assert submission.report.lines == NUMBERS["queue"]["report"]


@pytest.mark.upstream
@pytest.mark.parametrize("config", ["all", "counting"])
def test_published_rows(config, tia2_dir):
    expected = json.loads((FILES / "published.json").read_text(encoding="utf-8"))[config]
    results = published(config, data_dir=tia2_dir)
    assert [result.entry.name for result in results] == list(expected)
    for result in results:
        facts = expected[result.entry.name]
        assert result.entry.calibration == facts["calibration"]
        assert result.entry.upper_bound == facts["upper_bound"]
        assert_close(dict(result.entry.settings), facts["settings"])
        assert result.benchmark.fingerprint == facts["fingerprint"]
        assert result.benchmark.scores_fingerprint == facts["votes_fingerprint"]
        for subset, part in {**result.subsets, "overall": result.overall}.items():
            given = figures(part)
            given["metrics"] = {metric: numbers[:3] for metric, numbers in given["metrics"].items()}
            assert_close(given, facts["subsets"][subset], f"{result.entry.name}/{subset}")
