"""Benchmarks made of CSV, JSON Lines, Parquet, frames, folders and rows: the same whatever the table."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset
from PIL import Image

import tia2
from tia2.benchmark import export, load, make
from tia2.errors import BenchmarkError

FIVE = {"low": 1, "high": 5}
ROWS = [
    {"caption": "a cat", "r1": 5, "r2": None, "r3": 4},
    {"caption": "a cat", "r1": 1, "r2": 2, "r3": None},
    {"caption": "two, or three dogs", "r1": 3, "r2": 3, "r3": 3},
]
RATINGS = ["r1", "r2", "r3"]


def png(colour: int) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (12, 8), (colour, 0, 0)).save(sink, "PNG")
    return sink.getvalue()


def as_csv(folder):
    pd.DataFrame(ROWS).to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def as_tsv(folder):
    pd.DataFrame(ROWS).to_csv(folder / "t.tsv", index=False, sep="\t")
    return folder / "t.tsv"


def as_json_lines(folder):
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return folder / "t.jsonl"


def as_parquet(folder):
    pd.DataFrame(ROWS).to_parquet(folder / "t.parquet")
    return folder / "t.parquet"


def as_saved(folder):
    Dataset.from_list(ROWS).save_to_disk(folder / "t")
    return folder / "t"


def as_image_folder(folder):
    (folder / "t").mkdir()
    for number in range(3):
        (folder / "t" / f"{number}.png").write_bytes(png(number))
    rows = [{"file_name": f"{number}.png", **row} for number, row in enumerate(ROWS)]
    (folder / "t" / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "t"


SOURCES = [
    as_csv,
    as_tsv,
    as_json_lines,
    as_parquet,
    as_saved,
    as_image_folder,
    lambda folder: pd.DataFrame(ROWS),
    lambda folder: Dataset.from_list(ROWS),
    lambda folder: iter(ROWS),
]


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_whatever_the_table(tmp_path, source):
    made = make(source(tmp_path), prompt="caption", ratings=RATINGS if source is as_csv else "r*", scale=FIVE)
    items = made.items
    assert items.ratings.tolist() == [[5, None, 4], [1, 2, None], [3, 3, 3]]
    assert items.human_score.tolist() == [0.875, 0.125, 0.5]
    assert items.label.tolist() == [True, False, False]
    assert items.prompt.tolist() == [row["caption"] for row in ROWS]
    assert items.prompt_id.tolist() == ["all-items/0", "all-items/0", "all-items/1"]
    assert items.item_id.is_unique
    assert made.scale.raters == ("r1", "r2", "r3")
    assert made.has_images == (source is as_image_folder)


def test_one_row_per_rating():
    rows = [
        {"id": "a", "prompt": "a cat", "who": 10, "answer": "4"},
        {"id": "b", "prompt": "a cat", "who": 9, "answer": "2"},
        {"id": "a", "prompt": "a cat", "who": 9, "answer": "5"},
    ]
    made = make(rows, item="id", rater="who", ratings="answer", scale={"low": 1, "high": 5, "aligned_from": 4})
    assert made.items.item_id.tolist() == ["a", "b"]
    assert made.items.ratings.tolist() == [[5, 4], [2, None]]
    assert made.scale.raters == ("9", "10")
    with pytest.raises(BenchmarkError, match="rater '9' rates item 'a' twice"):
        make([*rows, rows[2]], item="id", rater="who", ratings="answer", scale=FIVE)
    with pytest.raises(BenchmarkError, match="nothing says which rows are of one item"):
        make(rows, rater="who", ratings="answer", scale=FIVE)


def test_votes_scores_lists_and_subsets():
    rows = [
        {"prompt": "x", "votes": [1, 0, -1], "set": "a", "q": 7, "others": ["y", "z"]},
        {"prompt": "x", "votes": [1], "set": "b", "q": 2, "others": []},
    ]
    voted = make(rows, votes="votes", subset="set", contrastive="others")
    assert voted.items.votes.tolist() == [[1, 0, -1], [1]]
    assert voted.items.prompt_id.tolist() == ["a/0", "b/0"]
    assert voted.items.contrastive_prompts.tolist() == [["y", "z"], []]
    scored = make(rows, human_score="q", scale={"low": 0, "high": 10})
    assert scored.items.human_score.tolist() == [0.7, 0.2]
    assert scored.items.label.tolist() == [True, False]


def test_images_come_along(tmp_path):
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(png(40 * number))
    frame = pd.DataFrame({"prompt": ["x", "x"], "file": ["0.png", "1.png"], "score": [0.2, 0.9]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    made = make(tmp_path / "t.csv", human_score="score")
    assert made.items.item_id.tolist() == ["0.png", "1.png"]
    assert [np.asarray(image)[0, 0, 0] for image in made.images([0, 1])] == [0, 40]
    (tmp_path / "1.png").unlink()
    with pytest.raises(BenchmarkError, match=r"1 of 2 images aren't there, first .*1\.png"):
        make(tmp_path / "t.csv", human_score="score")
    pictures = [{"prompt": "x", "image": Image.new("RGB", (4, 4)), "score": 0.2}]
    assert make(pictures, human_score="score").has_images


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (ROWS, {"ratings": RATINGS}, "Ratings need their scale: --scale LOW-HIGH"),
        (ROWS, {"ratings": "r9", "scale": FIVE}, "a list has no column 'r9'; its columns are caption, r1, r2, r3"),
        (ROWS, {}, "Which columns of a list are judgements?"),
        (ROWS, {"ratings": "r1", "votes": "r2", "scale": FIVE}, "Expected columns of ratings or of votes, got both"),
        ([{"q": 1}], {"ratings": "q", "scale": FIVE}, "Which column of a list holds the prompts?"),
        ([{"prompt": "x", "text": "y", "q": 1}], {"ratings": "q", "scale": FIVE}, "can all be the prompts: name one"),
        ([{"prompt": "x", "q": 33}], {"ratings": "q", "scale": FIVE}, "row 0: 33 is not on the scale of 1 to 5"),
        ([{"prompt": "x", "q": "four"}], {"ratings": "q", "scale": FIVE}, "row 0: 'four' is not on the scale"),
        ([{"prompt": "x", "q": 2}], {"votes": "q"}, "row 0: 2 is not a vote (1, 0 or -1)"),
        ([{"prompt": "x", "q": 2}], {"human_score": "q"}, "row 0: 2 is not from 0 to 1"),
        ([{"prompt": "", "q": 2}], {"ratings": "q", "scale": FIVE}, "prompt of row 0 is empty"),
        ([{"prompt": "x", "q": None}], {"ratings": "q", "scale": FIVE}, "no item has a judgement"),
        ([], {"ratings": "q", "scale": FIVE}, "has no column 'q'"),
        (
            [{"prompt": "x", "q": 1, "l": "maybe"}],
            {"ratings": "q", "scale": FIVE, "label": "l"},
            "the label is 'maybe'",
        ),
        (
            [{"prompt": "x", "q": 1, "i": "a"}] * 2,
            {"ratings": "q", "scale": FIVE, "item": "i"},
            "listed more than once",
        ),
        ("nowhere.csv", {"ratings": "q", "scale": FIVE}, "is no file or folder, and no Hub id"),
        (ROWS, {"ratings": RATINGS, "scale": FIVE, "invalid": "keep"}, "expected 'refuse' or 'drop'"),
    ],
)
def test_what_is_refused(rows, options, message):
    with pytest.raises(BenchmarkError) as raised:
        make(rows, **options)
    assert message in str(raised.value)


def test_several_captions_of_one_image(tmp_path):
    rows = [
        {"caption": text, "picture": picture, "score": score}
        for picture, texts in {"1.png": ("a cat", "two cats"), "2.png": ("a dog", "a cat", "a hat")}.items()
        for text, score in zip(texts, (0.9, 0.1, 0.2), strict=False)
    ]
    made = make(rows, prompt="caption", captions_of="picture", human_score="score")
    assert made.items.prompt_id.tolist() == ["all-items/1.png"] * 2 + ["all-items/2.png"] * 3
    assert made.items.prompt.tolist() == [row["caption"] for row in rows]
    rewards = dict(zip(made.items.item_id, (3, 1, 1, 2, 0), strict=True))
    table = tia2.scoring.import_scores(made, rewards, name="m", out=tmp_path / "m")
    assert [texts[0] for texts in table.items.texts] == made.items.prompt.tolist()
    result = tia2.evaluate(tmp_path / "m")
    assert result.overall.metrics["auroc"].mean == 0.75  # which caption fits the image: all right, and half
    again = load(export(made, tmp_path / "kept", allow_missing=True))
    assert again.how_made["prompt"] == "several captions of one image, which picture says; items are grouped by image"
    assert again.fingerprint == made.fingerprint
    with pytest.raises(BenchmarkError, match="stands for both"):
        load(made.dataset)
    with pytest.raises(BenchmarkError, match="has no column 'p'"):
        make(rows, captions_of="p", human_score="score")


def test_what_is_dropped_is_counted(tmp_path, cli):
    rows = [{"prompt": "x", "a": 4, "b": 33}, {"prompt": "x", "a": "?", "b": None}, {"prompt": "y", "a": 1, "b": "n/a"}]
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    made = make(tmp_path / "t.csv", ratings=["a", "b"], scale=FIVE, invalid="drop")
    assert made.items.ratings.tolist() == [[4, None], [1, None]]
    said = "2 judgements that aren't on the scale were taken for gaps: 33 in row 0, ? in row 1."
    assert made.notes[1:] == [said, "1 items without a judgement were left out."]
    words = ("data", "make", tmp_path / "t.csv", tmp_path / "ours", "--rating", "a", "--rating", "b", "--scale", "1-5")
    refused = cli(*words)
    assert refused.code == 1
    assert "--drop-invalid" in refused.err
    done = cli(*words, "--drop-invalid")
    assert done.code == 0, done.err
    assert said in done.out.replace("\n", " ")
    assert "aligned: mean rating above 3, on a scale of 1 to 5; 50.0% are" in done.out
    assert " 0.70–0.80         1  ####" in done.out
    card = (tmp_path / "ours" / "README.md").read_text()
    assert said in card
    assert "Made from t.csv (SHA-256" in card
    again = load(tmp_path / "ours")
    assert again.name == "ours"
    (tmp_path / "ours").rename(tmp_path / "elsewhere")
    assert load(tmp_path / "elsewhere").name == "ours"
    assert again.votes_fingerprint == made.votes_fingerprint


def test_a_sheet_of_images_is_put_beside_the_card(tmp_path, cli):
    folder = as_image_folder(tmp_path)
    said = cli("data", "make", folder, tmp_path / "ours", "--score", "r1", "--scale", "1-5", "--prompt", "caption")
    assert said.code == 0, said.err
    sheet = Image.open(tmp_path / "ours" / "preview.png")
    assert sheet.width == 960
    assert load(tmp_path / "ours").has_images


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--scale", "five"), "--scale 'five' is not of the form LOW-HIGH"),
        (("--aligned-from", "4"), "add --scale"),
        (("--scale", "5-1"), "expected low below high"),
    ],
)
def test_scales_that_are_none(tmp_path, cli, words, message):
    said = cli("data", "make", as_csv(tmp_path), tmp_path / "ours", "--prompt", "caption", "--rating", "r1", *words)
    assert said.code in (1, 2)
    assert message in said.err.replace("\n", " ")
    assert not (tmp_path / "ours").exists()
