"""Seeded damage to every kind of file that a user gives: out comes a value, or one error of ours in one line."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_samples import STUBS, damaged, samples
from PIL import Image

from tia2.benchmark import load
from tia2.decoding import read_picture, read_rgb
from tia2.errors import BenchmarkError, ImageFileError, Tia2Error

COPIES = 200
"""Damaged copies per image file."""


def one_line(error: Exception) -> str:
    text = str(error)
    assert text.strip(), type(error)
    assert len(text.splitlines()) == 1, text
    return text


@pytest.fixture(autouse=True)
def _small_and_quiet(monkeypatch):
    # A size of 60,000 x 60,000 in a header is refused; the largest that isn't should not take a gigabyte here.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2_000_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def files() -> dict[str, list[bytes]]:
    return samples()


def test_there_is_a_sound_file_of_every_format(files):
    assert set(files) == set(Image.OPEN)
    assert [name for name, contents in files.items() if not contents] == []
    for name in set(files) - STUBS:
        assert read_picture(files[name][0]).size[0] >= 8, name


Image.init()


@pytest.mark.parametrize("name", sorted(Image.OPEN))
def test_a_damaged_image_is_a_picture_or_one_error(files, name):
    rng = np.random.default_rng(list(name.encode()))
    for content in files[name][:4]:
        for _ in range(COPIES if len(content) < 20_000 else 5):
            _read(damaged(content, rng))


def _read(content: bytes) -> None:
    try:
        picture = read_rgb(content)
    except ImageFileError as error:
        one_line(error)
    else:
        assert picture.mode == "RGB"
        assert 0 not in picture.size


CONTENTS = ("AVIF", "BLP", "DDS", "FLI", "FTEX", "GIF", "ICNS", "JPEG", "PNG", "PSD", "QOI", "TIFF", "WEBP")


@pytest.fixture(scope="module")
def rows(files) -> list[dict]:
    """Items with damaged images of several formats, and sound ones in between."""
    rng = np.random.default_rng(1)
    contents = [damaged(files[name][0], rng) for name in CONTENTS for _ in range(4)]
    contents += [files["PNG"][0], files["JPEG"][0]] * 4
    return [
        {
            "item_id": f"a/{number}",
            "subset": "a",
            "prompt_id": f"a/{number % 2}",
            "prompt": ("two cats", "a dog")[number % 2],
            "image": {"bytes": content, "path": None},
            "votes": [number // 2 % 2] * 3,
            "contrastive_prompts": ["three cats"],
        }
        for number, content in enumerate(contents)
    ]


def written(rows: list[dict], path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=20)
    return path


MINE = """
def mine(images, texts):
    return [float(image.width + len(text)) for image, text in zip(images, texts)]
"""


def test_the_commands_name_damaged_images_and_go_on(rows, tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = written(rows, tmp_path / "damaged.parquet")
    Path("mine.py").write_text(MINE)
    said = cli("data", "check", path, "--json")
    (check,) = json.loads(said.out)
    assert said.code == 1
    corrupt = set(check["corrupt"])
    assert 10 < len(corrupt) < len(rows)
    assert cli("score", "--reward", "mine.py:mine", "--benchmark", path, "--out", "t").code == 1
    said = cli("score", "--reward", "mine.py:mine", "--benchmark", path, "--out", "t", "--skip-bad-images", "--json")
    assert said.code == 0, said.err
    assert "Traceback" not in said.err
    (scored,) = json.loads(said.out)
    assert set(scored["skipped_items"]) == corrupt
    assert scored["rewards"] == 2 * (len(rows) - len(corrupt))


# Parquet and JSON


@pytest.fixture(scope="module")
def table(rows, tmp_path_factory) -> Path:
    import tia2

    sound = [{**row, "image": None} for row in rows[-8:]]
    picture = rows[-2]["image"]
    sound = [{**row, "image": picture} for row in sound]
    folder = tmp_path_factory.mktemp("table")
    benchmark = load(written(sound, folder / "sound.parquet"))
    tia2.score(lambda images, texts: [float(len(text)) for text in texts], benchmark, folder / "t", shard_size=3)
    values = tia2.calibrate(folder / "t")
    values.save(folder / "values.parquet")
    tia2.evaluate(values, resamples=20).save(folder / "result.json")
    return folder


def refused(read, *arguments) -> bool:
    """Whether reading ends with an error of ours, in one line; any other error fails the test."""
    try:
        read(*arguments)
    except Tia2Error as error:
        one_line(error)
        return True
    return False


def test_a_damaged_parquet_file_is_one_error(table, tmp_path):
    from tia2.evaluation import Values

    rng = np.random.default_rng(2)
    for name, read, copies in (("sound.parquet", load, 60), ("values.parquet", Values.load, 100)):
        content = (table / name).read_bytes()
        count = 0
        for number in range(copies):
            path = tmp_path / f"{number}-{name}"
            # A Parquet file is read from its end.
            turned = damaged(content[::-1], rng)[::-1] if number % 2 else damaged(content, rng)
            path.write_bytes(turned)
            count += refused(read, path)
        assert count > copies / 2


def test_a_damaged_score_table_is_one_error(table, tmp_path):
    import shutil

    from tia2.scoring import ScoreTable

    rng = np.random.default_rng(3)
    count = 0
    for name in ("manifest.json", "items.parquet", "shards/00001.parquet"):
        for number in range(40):
            folder = tmp_path / f"{Path(name).stem}-{number}"
            shutil.copytree(table / "t", folder)
            content = (folder / name).read_bytes()
            turned = damaged(content[::-1], rng)[::-1] if number % 2 else damaged(content, rng)
            (folder / name).write_bytes(turned)
            count += refused(ScoreTable.load, folder)
    assert count > 60


NOTHING = (b"", b"\0", b"\xff\xfe[", b"[" * 100_000, b"1" * 5_000, b'"\\ud800"', b"null", b"[]", b"{}", b"NaN")
OTHERS = (None, True, 0, -1, 1.5, 10**400, float("nan"), "", "x" * 300, "\ud800", [], {}, [[]], {"a": None})


def changed(content, rng: np.random.Generator):
    """A JSON value with one of its parts replaced, dropped or doubled."""
    content = copy.deepcopy(content)
    holder, key = content, None
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = keys[int(rng.integers(0, len(keys)))]
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.3:
            break
        holder = inner
    if rng.random() < 0.3:
        del holder[key]
    else:
        holder[key] = OTHERS[int(rng.integers(0, len(OTHERS)))]
    return content


def test_changed_json_is_one_error_or_a_value(table, tmp_path):
    import shutil

    from tia2.benchmark import with_contrastive_prompts
    from tia2.evaluation import Result
    from tia2.prompts.prompt_files import read_prompts
    from tia2.scoring import ScoreTable

    rng = np.random.default_rng(4)
    benchmark = load(table / "sound.parquet")
    sets = {"two cats": ["three cats", "a cat"], "a dog": []}
    shutil.copytree(table / "t", tmp_path / "t")
    kinds = {
        "result.json": (json.loads((table / "result.json").read_text()), Result.load, tmp_path / "result.json", 150),
        "manifest.json": (
            json.loads((table / "t" / "manifest.json").read_text()),
            lambda path: ScoreTable.load(path.parent),
            tmp_path / "t" / "manifest.json",
            150,
        ),
        "sets.json": (sets, lambda path: with_contrastive_prompts(benchmark, path), tmp_path / "sets.json", 60),
        "prompts.json": ([{"prompt": "two cats", "n": 1}, {"prompt": "a dog"}], read_prompts, tmp_path / "p.json", 60),
    }
    for name, (content, read, path, copies) in kinds.items():
        count = 0
        for number in range(copies):
            text = json.dumps(changed(content, rng)).encode()
            path.write_bytes(damaged(text, rng) if number % 4 == 0 else text)
            count += refused(read, path)
        assert count > copies / 10, name
        for text in (
            b"",
            b"\0",
            b"\xff\xfe[",
            b"[" * 100_000,
            b"1" * 5_000,
            b'"\\ud800"',
            b"null",
            b"[]",
            b"{}",
            b"NaN",
        ):
            path.write_bytes(text)
            assert refused(read, path), (name, text[:20])


def test_damaged_prompt_files_are_one_error_or_prompts(tmp_path):
    from tia2.prompts.prompt_files import read_prompts

    rng = np.random.default_rng(5)
    texts = {
        "a.csv": b'prompt,style\n"two red\ncats, and a dog",x\na blue dog,y\n',
        "a.tsv": b"prompt\tn\ntwo cats\t1\n",
        "a.txt": "two cats\r\nzwei Kühe\u2028auf der Weide\n".encode(),
        "a.jsonl": b'{"prompt": "two cats"}\n{"prompt": "a dog"}\n',
        "b.CSV": "text;n\ntwo cats;1\n".encode("utf-16"),
    }
    for name, content in texts.items():
        for _ in range(60):
            path = tmp_path / name
            path.write_bytes(damaged(content, rng))
            try:
                prompts = read_prompts(path)
            except Tia2Error as error:
                one_line(error)
            else:
                assert all(prompt == prompt.strip() and prompt.encode() for prompt in prompts)


def columns(rng: np.random.Generator, length: int) -> list[pa.Array]:
    """A column of every type that a table may have, with and without gaps."""
    numbers = rng.normal(size=length)
    texts = [f"t{number}" for number in range(length)]
    few = {
        pa.int8(): ([1, None, 0], []), pa.float64(): ([1.5, 0.75],), pa.string(): (["yes", "no"],),
        pa.bool_(): ([True],), pa.list_(pa.int8()): ([[1]],),
    }  # fmt: skip
    lists = [pa.array([value] * length, pa.list_(kind)) for kind, values in few.items() for value in values]
    return [
        *lists,
        pa.array(numbers), pa.array(numbers, pa.float32()), pa.array(np.full(length, np.nan)), pa.nulls(length),
        pa.array(np.full(length, np.inf)), pa.array(rng.integers(-3, 300, length)), pa.array(["110"] * length),
        pa.array([2**63] * length, pa.uint64()), pa.array(rng.random(length) < 0.5), pa.array([""] * length),
        pa.array(texts), pa.array(texts, pa.large_string()), pa.array(texts).dictionary_encode(),
        pa.array([text.encode() for text in texts]), pa.array([None, *texts[1:]]), pa.array([{"a": 1}] * length),
        pa.array([{"bytes": b"x", "path": None}] * length), pa.array([{"bytes": None, "path": "a\0b"}] * length),
        pa.array([0] * length, pa.timestamp("s")), pa.array([0] * length, pa.date32()),
        pa.array([1] * length, pa.decimal128(5, 2)), pa.array([[1, 1, 1]] * length, pa.list_(pa.int8(), 3)),
        pa.array([[("a", 1)]] * length, pa.map_(pa.string(), pa.int64())),
    ]  # fmt: skip


def test_a_column_of_any_type_is_read_or_refused(table, tmp_path):

    import datasets

    rng = np.random.default_rng(6)
    sound = pq.read_table(table / "sound.parquet")
    count = 0
    for name in (*sound.column_names, "human_score", "label"):
        others = sound.drop_columns([name]) if name in sound.column_names else sound
        others = others.drop_columns(["votes"]) if name == "human_score" else others
        for number, column in enumerate(columns(rng, len(sound))):
            changed_table = others.append_column(name, column)
            given = path = tmp_path / "column.parquet"
            if number % 9:
                # Reading a file takes a tenth of a second each.
                try:
                    given = datasets.Dataset(changed_table)
                except (ValueError, NotImplementedError, TypeError):  # no type that datasets knows
                    given = path
            if given is path:
                path.unlink(missing_ok=True)
                pq.write_table(changed_table, path)
            count += refused(_use, given)
    assert count > 100


def _use(given) -> None:
    import tia2

    benchmark = load(given)
    try:
        assert benchmark.images([0])[0].mode == "RGB"
    except BenchmarkError as error:
        one_line(error)
    scored = tia2.score(lambda images, texts: [float(len(text)) for text in texts], benchmark, bad_images="skip")
    tia2.evaluate(scored, resamples=5)
