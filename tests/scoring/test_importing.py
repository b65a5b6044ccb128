"""Rewards that were computed elsewhere: read exactly, checked, marked, and used like any others."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import tia2
from tia2.benchmark import load
from tia2.calibration import TextNorm
from tia2.errors import ScoreTableError
from tia2.evaluation import evaluate
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.submissions.adding import add_tables
from tia2.scoring import ScoreTable, export_scores, import_scores

IN_PROCESS = """
import sys
from tia2.cli import main
code = main(sys.argv[1:])
sys.stderr.write(" ".join(name for name in ("torch", "transformers") if name in sys.modules))
sys.exit(code)
"""


@pytest.fixture(scope="module")
def plain(rows):
    """Twenty items of four prompts without images, with votes that differ."""
    from datasets import Dataset

    columns = ("item_id", "subset", "prompt_id", "prompt", "contrastive_prompts")
    votes = [[number % 2, (number // 2) % 2, 1] for number in range(len(rows))]
    listing = [{name: row[name] for name in columns} | {"votes": vote} for row, vote in zip(rows, votes, strict=True)]
    return Dataset.from_list(listing)


@pytest.fixture(scope="module")
def benchmark_(plain):
    return load(plain)


@pytest.fixture(scope="module")
def wide(benchmark_):
    """A reward for each item and text, none of which is a short decimal."""
    from tia2.scoring.plan import with_texts

    pairs = [(row.item_id, text) for row in with_texts(benchmark_.items).itertuples() for text in row.texts]
    rewards = np.random.default_rng(7).normal(size=len(pairs)) / 3
    return pd.DataFrame({"item_id": [a for a, _ in pairs], "text": [b for _, b in pairs], "reward": rewards})


def raw_rows(benchmark_):
    numbers = np.random.default_rng(3).normal(size=len(benchmark_))
    return [{"item_id": item, "reward": number} for item, number in zip(benchmark_.items.item_id, numbers, strict=True)]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_what_is_exported_comes_back_exactly(tmp_path, benchmark_, wide, ending):
    first = import_scores(benchmark_, wide, name="Elsewhere", card={"default_temperature": 0.5})
    again = import_scores(benchmark_, export_scores(first, tmp_path / f"a{ending}"), name="Elsewhere")
    assert np.array_equal(first.rewards, again.rewards, equal_nan=True)
    assert first.manifest.reward.fingerprint == again.manifest.reward.fingerprint
    assert np.array_equal(first.rewards[first.mask], wide.reward.to_numpy(np.float32))
    raw = import_scores(benchmark_, export_scores(first, tmp_path / f"b{ending}", texts=False), name="Raw")
    assert np.array_equal(raw.rewards[:, 0], first.raw)
    assert raw.rewards.shape == (20, 1)


def test_figures_are_those_of_the_rewards(benchmark_, wide):
    table = import_scores(benchmark_, wide, name="Elsewhere", card={"default_temperature": 0.5})
    items, first = benchmark_.items, wide.groupby("item_id", sort=False).reward.first().to_numpy()
    expected = [
        roc_auc_score(group.label, first[group.index]) for _, group in items.groupby("prompt_id") if group.label.any()
    ]
    assert evaluate(table).overall.metrics["auroc"].mean == pytest.approx(np.mean(expected), abs=1e-12)
    shares = [
        np.exp(2 * (group[0] - np.logaddexp.reduce(2 * group) / 2))
        for group in (rows.reward.to_numpy(np.float32).astype(float) for _, rows in wide.groupby("item_id", sort=False))
    ]
    with pytest.warns(UserWarning, match="no contrastive prompts"):
        values = tia2.calibrate([table], TextNorm())
    assert values.values == pytest.approx(shares, abs=1e-6)


def test_the_manifest_says_that_no_image_was_seen(tmp_path, benchmark_):
    file = tmp_path / "scores.csv"
    pd.DataFrame(raw_rows(benchmark_)).to_csv(file, index=False)
    card = {"formula": "cosine", "licence": "MIT", "training_data": "LAION"}
    (tmp_path / "card.json").write_text(json.dumps(card))
    made = import_scores(
        benchmark_, file, name="A", card=tmp_path / "card.json", computed_by="eval.py", out=tmp_path / "t"
    )
    content = json.loads((tmp_path / "t" / "manifest.json").read_text())
    assert content["imported"]["computed_by"] == "eval.py"
    assert content["imported"]["source"] == "scores.csv"
    assert len(content["imported"]["sha256"]) == 64
    assert content["images_fingerprint"] is None
    assert content["schema_version"] == 3
    assert made.manifest.reward.card.licence == "MIT"
    assert set(made.image_sha256) == {""}
    loaded = ScoreTable.load(tmp_path / "t")
    assert np.array_equal(loaded.rewards, made.rewards)
    with pytest.raises(ScoreTableError, match="holds a score table already"):
        import_scores(benchmark_, file, name="A", out=tmp_path / "t")
    import_scores(benchmark_, file, name="B", out=tmp_path / "t", overwrite=True)
    assert ScoreTable.load(tmp_path / "t").name == "B"


def changed(**changes):
    def change(rows):
        return [rows[0] | changes, *rows[1:]]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed(item_id="counting/none"), "row 0: dataset has no item 'counting/none'"),
        (changed(reward=float("nan")), "the reward of 'counting/image_0_0_0' is nan"),
        (changed(reward="high"), "is 'high'; expected a finite number"),
        (changed(reward=True), "is True; expected a finite number"),
        (changed(reward=1e39), "expected a finite number within float32"),
        (lambda rows: [*rows, rows[0]], "lists 'counting/image_0_0_0' twice"),
        (lambda rows: rows[:-2], "no reward for 2 of 20 items of dataset: counting/image_3_0_3, counting/image_3_0_4"),
        (lambda rows: [{"item": "a"}], "lacks the column item_id and reward; its columns are item"),
        (lambda rows: [1], "expected row 0 as a mapping"),
        (lambda rows: {}, "lacks the column item_id and reward; its columns are none"),
        (changed(text="another"), "'another' is neither the prompt nor a contrastive prompt"),
        (lambda rows: [row | {"text": "a green star"} for row in rows[15:]], "for 1 of its 4 texts; missing is"),
    ],
)
def test_what_is_wrong_is_named(benchmark_, change, message):
    with pytest.raises(ScoreTableError) as raised:
        import_scores(benchmark_, change(raw_rows(benchmark_)), name="A")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"item_id,reward\na\n", "line 2: 1 cells, and the header has 2"),
        ("a.csv", b"item_id,item_id\n", "two columns called 'item_id'"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"item_id,reward\n\xff,1\n", "is not UTF-8: byte 15 is 0xff"),
        ("a.csv", b'item_id,reward\n"a"b,1\n', "line 2:"),
        ("a.jsonl", b'{"item_id": 1}\n{', "line 2:"),
        ("a.json", b"{}", "expected a list of objects"),
        ("a.parquet", b"PAR1", "can't be read"),
        ("a.xlsx", b"", "as a file that ends in .csv"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, benchmark_, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ScoreTableError) as raised:
        import_scores(benchmark_, tmp_path / name, name="A")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("card", "message"),
    [("[]", "expected the fields of a card"), ("{", "isn't JSON"), ('{"kind": "magic"}', "no card of a reward model")],
)
def test_cards_that_are_none(tmp_path, benchmark_, card, message):
    (tmp_path / "card.json").write_text(card)
    with pytest.raises(ScoreTableError, match=message):
        import_scores(benchmark_, raw_rows(benchmark_), name="A", card=tmp_path / "card.json")


def test_items_without_a_reward_are_left_out_on_request(benchmark_):
    table = import_scores(benchmark_, raw_rows(benchmark_)[:-2], name="A", allow_missing=True)
    assert table.skipped == ["counting/image_3_0_3", "counting/image_3_0_4"]
    with pytest.warns(UserWarning, match="2 of 20 items of A have no reward and are left out: the result is partial"):
        assert evaluate(table).overall.items == 18


def test_the_command_needs_neither_images_nor_pytorch(tmp_path, shell, plain, benchmark_):
    plain.to_parquet(tmp_path / "b.parquet")
    pd.DataFrame(raw_rows(benchmark_)).to_csv(tmp_path / "s.csv", index=False)
    words = ("import-scores", "b.parquet", "s.csv", "--name", "org/Mine", "--by", "me")
    said = shell(*words, code=IN_PROCESS, cwd=tmp_path)
    assert said.code == 0, said.err
    assert "runs/b/org-Mine: rewards of 20 of 20 items, imported as org/Mine" in said.out
    assert said.err.endswith("evaluate runs/b/org-Mine\n")
    back = shell("export-scores", "runs/b/org-Mine", "back.csv", cwd=tmp_path)
    assert back.code == 0, back.err
    written = pd.read_csv(tmp_path / "back.csv")
    given = np.array([row["reward"] for row in raw_rows(benchmark_)], np.float32)
    assert np.array_equal(written.reward.to_numpy(np.float32), given)
    assert shell(*words, cwd=tmp_path).code == 1


def test_on_the_board_beside_a_model_that_saw_the_images(tmp_path, benchmark_, wide):
    store = Store.create(tmp_path / "store", "Ours")
    store.add_benchmark(benchmark_, title="Toys")
    scored = import_scores(benchmark_, wide, name="Seen", card={"default_temperature": 0.5})
    scored.image_sha256 = [f"{number:064x}" for number in range(len(scored))]
    scored.save(tmp_path / "seen")
    import_scores(benchmark_, wide.assign(reward=-wide.reward), name="Unseen", out=tmp_path / "unseen")
    listings = [add_tables(store, [tmp_path / name], {"name": name}, added_by="me") for name in ("seen", "unseen")]
    tables = [store.table(listing.tables[0]) for listing in listings]
    assert tables[0].manifest.images_fingerprint is not None
    assert tables[1].manifest.images_fingerprint is None
    assert tables[1].manifest.imported is not None
    assert listings[0].card.description == "Rewards computed elsewhere (by: unknown) and imported; no image was seen."
    tia2.compare(evaluate(tables[0]), evaluate(tables[1]))
