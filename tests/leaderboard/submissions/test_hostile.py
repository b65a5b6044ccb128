"""What must be refused is refused in one clear sentence, and leaves nothing behind."""

from __future__ import annotations

import io
import json
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tia2.calibration import Mean, Raw
from tia2.leaderboard.submissions.checking.report import RefusedError
from tia2.leaderboard.submissions.limits import Limits
from tia2.leaderboard.submissions.queue import Queue
from tia2.leaderboard.submissions.web import receive_upload
from tia2.scoring.manifest import ScoredBenchmark

APART = True
"""Files are read in a process of their own, as on a server, but in cases that say otherwise."""
ITEMS, SHARD, MANIFEST = "tables/0/items.parquet", "tables/0/shards/00000.parquet", "tables/0/manifest.json"
CASES: dict[str, tuple[Callable[[SimpleNamespace], Path], str, bool]] = {}


def case(name: str, says: str, *, torn: bool = False):
    """Keep a case; `torn` are Parquet files that may harm the process that reads them."""

    def keep(make):
        CASES[name] = (make, says, torn)
        return make

    return keep


def with_member(c, name: str, content: bytes = b"x", mode: int | None = None) -> Path:
    path = c.good()
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo(name)
        if mode is not None:
            info.create_system, info.external_attr = 3, mode << 16
        archive.writestr(info, content)
    return path


def replaced(c, name: str, content: bytes) -> Path:
    path = c.good()
    return c.rewrite(path, {**c.files_of(path), name: content})


def parquet_of(table: pa.Table, **options) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def columns(c, name: str) -> pa.Table:
    return pq.read_table(io.BytesIO(c.files_of(c.good())[name]))


# Text

for field, says in {
    "name": "The name must begin with a letter",
    "description": "The description holds what looks like markup",
    "licence": "The licence holds what looks like markup",
    "training_data": "The training data holds what looks like markup",
    "cite": "The citation holds what looks like markup",
    "contact": "The contact must be an address",
    "paper": "The paper must be an address",
    "organisation": "The organisation holds what looks like markup",
    "code": "The code's address must be an address",
    "weights": "The weights' address must be an address",
}.items():

    @case(f"script in {field}", says)
    def script(c, field=field):
        return c.carded(**{field: "<script>alert(1)</script>"})


for name, values, says in (
    ("formula in the name", {"name": "=HYPERLINK(1)"}, "must begin with a letter or digit, got '=HYPERLINK(1)'"),
    ("LaTeX in the name", {"name": r"x \input{/etc/passwd}"}, "The name may hold letters, digits"),
    ("LaTeX in the citation", {"cite": r"@misc{x, title={\write18{id}}}"}, r"holds the TeX command '\\write'"),
    ("look-alike", {"name": "рісk-ѕсоrе"}, "can be mistaken for 'pick-score', which is on the board"),
    ("look-alike in full width", {"name": "ｐｉｃｋ-ｓｃｏｒｅ"}, "'pick-score', which is on the board"),
    ("same address", {"name": "Pick Score"}, "has the same address as 'pick-score'"),
    ("taken name", {"name": "pick-score"}, "is taken by a model on the board"),
    ("zero width", {"name": "pick\u200b-score"}, "U+200B ZERO WIDTH SPACE"),
    ("bidi override", {"name": "abc\u202edef"}, "U+202E RIGHT-TO-LEFT OVERRIDE"),
    ("bidi in the description", {"description": "a\u2066b"}, "U+2066 LEFT-TO-RIGHT ISOLATE"),
    ("zero byte", {"name": "a\x00b"}, "U+0000 control character"),
    ("not composed", {"name": "Cafe\u0301"}, "composed form (NFC)"),
    ("stacked marks", {"name": "x" + "\u0316" * 9}, "stacks more than 2 marks"),
    (
        "eight hundred marks",
        {"description": "x" + "\u0336" * 800},
        "The description stacks more than 4 marks on a letter.",
    ),
    ("marks in the licence", {"licence": "MIT" + "\u0489" * 20}, "The licence stacks more than 4 marks"),
    ("marks in the citation", {"cite": "@misc{x" + "\u0336" * 9 + "}"}, "The citation stacks more than 4 marks"),
    ("a letter that nobody sees", {"name": "pick\u3164score"}, "U+3164 HANGUL FILLER"),
    ("an entry's name", {"name": "pick-score + TextNorm"}, "is like those that the board gives ('+ TextNorm')"),
    ("a published name", {"name": "CLIP (as published)"}, "is like those that the board gives ('as published')"),
    ("a Windows device", {"name": "nul"}, "is that of a device on Windows"),
    ("javascript as contact", {"contact": "javascript:alert(1)"}, "must be an address like https://example.org/me"),
    ("marks in the organisation", {"organisation": "A" + "\u0336" * 9}, "The organisation stacks more than 4 marks"),
    ("a host without a name as code", {"code": "https://localhost/x"}, "must be an address like"),
    ("data as paper", {"paper": "data:text/html,hello"}, "must be an address like"),
    ("credentials in an address", {"contact": "https://user:secret@example.org/"}, "must be an address like"),
    ("no encryption", {"contact": "http://example.org/"}, "must be an address like"),
    ("quote in an address", {"contact": 'https://example.org/"onclick="alert(1)'}, "must be an address like"),
    ("bare number as host", {"contact": "https://2130706433/"}, "must be an address like"),
):

    @case(name, says)
    def text(c, values=values):
        return c.carded(**values)


@case("name too long", "submission.json doesn't fit, at 'card.name': String should have at most 60")
def _(c):
    return c.edit_json(c.good(), "submission.json", lambda found: found["card"].update(name="x" * 61))


@case("control characters in the manifest", "tables/0/manifest.json: 'reward.card.notes' holds a character")
def _(c):
    return c.edit_json(c.good(), MANIFEST, lambda found: found["reward"]["card"].update(notes="a\x1b[31mb"))


@case("marks in the manifest", "'reward.card.notes' stacks more than 4 marks on a letter")
def _(c):
    return c.edit_json(c.good(), MANIFEST, lambda found: found["reward"]["card"].update(notes="x" + "\u0336" * 50))


# Zips


@case("path upwards", "holds '../evil.json', which is no part of a submission")
def _(c):
    return with_member(c, "../evil.json")


@case("absolute path", "holds '/etc/cron.d/x', which is no part")
def _(c):
    return with_member(c, "/etc/cron.d/x")


@case("backslash", "which is no part of a submission")
def _(c):
    return with_member(c, "tables\\0\\manifest.json")


AGAIN = "which is no part of a submission. Was it packed again? Send the file as `tia2 submit` wrote it."


@case("packed again by a file manager", AGAIN)
def _(c):
    return with_member(c, "__MACOSX/._submission.json")


@case("a folder on top", AGAIN)
def _(c):
    return with_member(c, "mine/submission.json")


@case("drive letter", "holds 'C:/x', which is no part")
def _(c):
    return with_member(c, "C:/x")


@case("look-alike path", "which is no part of a submission")
def _(c):
    return with_member(c, "tables/٠/manifest.json")


@case("zero byte in a path", "which is no part of a submission")
def _(c):
    path = with_member(c, "tables/0/shards/00099.parquetXY")
    path.write_bytes(path.read_bytes().replace(b"00099.parquetXY", b"00099.parquet\0Y"))
    return path


@case("link", "is a link or another special file")
def _(c):
    return with_member(c, "tables/0/shards/00009.parquet", b"/etc/passwd", stat.S_IFLNK | 0o777)


@case("member twice", "holds tables/0/manifest.json twice")
@pytest.mark.filterwarnings("ignore:Duplicate name")
def _(c):
    return with_member(c, MANIFEST)


@case("member of another name", "holds 'run.py', which is no part")
def _(c):
    return with_member(c, "run.py", b"import os")


@case("nested zip", "holds 'tables/0/more.zip', which is no part")
def _(c):
    path = c.good()
    return with_member(c, "tables/0/more.zip", path.read_bytes())


@case("zip as Parquet", "items.parquet is damaged or no Parquet file", torn=True)
def _(c):
    return replaced(c, ITEMS, c.good().read_bytes())


@case("zip bomb", "unpacks to more than 100 times its size")
def _(c):
    return replaced(c, ITEMS, bytes(50 << 20))


@case("zip bomb with lies in its headers", "damaged")
def _(c):
    path = replaced(c, ITEMS, bytes(50 << 20))
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 50 << 20), struct.pack("<I", 1000)))
    return path


@case("encrypted", "is encrypted")
def _(c):
    path = c.good()
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 8] |= 1
    path.write_bytes(content)
    return path


@case("truncated zip", "cut off")
def _(c):
    path = c.good()
    path.write_bytes(path.read_bytes()[:-400])
    return path


@case("zip with damage inside", "is damaged")
def _(c):
    path = c.good()
    content = bytearray(path.read_bytes())
    at = content.index(b"PAR1") + 20
    content[at : at + 8] = b"\xff" * 8
    path.write_bytes(content)
    return path


@case("Parquet that calls itself a zip", "no zip archive, whatever its name says")
def _(c):
    path = c.good()
    path.write_bytes(c.files_of(path)[ITEMS])
    return path


@case("zip that calls itself something else", "is a .zip that `tia2 submit` built, got 'submission.exe'")
def _(c):
    return c.good().rename(c.tmp_path / "submission.exe")


@case("too many members", "lists more than 4,096 files")
def _(c):
    path = c.good()
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, len(content) - 22 + 12, 1 << 30)
    path.write_bytes(content)
    return path


@case("no submission.json", "has no submission.json")
def _(c):
    path = c.good()
    files = c.files_of(path)
    del files["submission.json"]
    return c.rewrite(path, files)


@case("unusual compression", "compressed in an unusual way")
def _(c):
    path = c.good()
    files = c.files_of(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


# JSON


@case("100 MB of JSON", "submission.json has more than 256 KiB")
def _(c):
    return replaced(c, "submission.json", b"[" * (100 << 20))


@case("deeply nested JSON", "doesn't fit")
def _(c):
    return replaced(c, "submission.json", b"[" * 100_000 + b"]" * 100_000)


@case("deeply nested manifest", "tables/0/manifest.json doesn't fit")
def _(c):
    path = c.good()
    found = json.loads(c.files_of(path)[MANIFEST])
    text = json.dumps(found).replace('"versions": {', '"versions": {"x": ' + "[" * 50_000 + "]" * 50_000 + ", ")
    return c.rewrite(path, {**c.files_of(path), MANIFEST: text.encode()})


@case("unknown field", "at 'run_this': Extra inputs are not permitted")
def _(c):
    return c.edit_json(c.good(), "submission.json", lambda found: found.update(run_this="rm -rf /"))


@case("newer version", "at 'schema_version'")
def _(c):
    return c.edit_json(c.good(), "submission.json", lambda found: found.update(schema_version=2))


@case("not UTF-8", "submission.json doesn't fit")
def _(c):
    return replaced(c, "submission.json", b"\xff\xfe{}")


@case("benchmark as a path", "has no benchmark '../../etc/passwd'; it has small")
def _(c):
    return c.edit_json(c.good(), "submission.json", lambda found: found.update(benchmark="../../etc/passwd"))


@case("number of 4,000 digits", "doesn't fit")
def _(c):
    path = c.good()
    text = c.files_of(path)[MANIFEST].decode().replace('"batch_size": 8', '"batch_size": ' + "9" * 5000)
    return c.rewrite(path, {**c.files_of(path), MANIFEST: text.encode()})


@case("number out of range", "'batch_size' is a number out of any range")
def _(c):
    return c.edit_json(c.good(), MANIFEST, lambda found: found.update(batch_size=10**30))


@case("shards of nothing", "gives a shard size of 0")
def _(c):
    return c.edit_json(c.good(), MANIFEST, lambda found: found.update(shard_size=0))


@case("not complete", "says that the score table is not complete")
def _(c):
    return c.edit_json(c.good(), MANIFEST, lambda found: found.update(complete=False))


@case("missing shard", "lacks shards/00001.parquet")
def _(c):
    path = c.good()
    files = c.files_of(path)
    del files["tables/0/shards/00001.parquet"]
    return c.rewrite(path, files)


@case("surplus table", "speaks of 1 score tables, the zip archive holds tables/0, tables/7")
def _(c):
    return with_member(c, "tables/7/manifest.json")


@case("infinite temperature", "gives a default temperature of inf")
def _(c):
    path = c.good()
    text = c.files_of(path)[MANIFEST].decode().replace('"default_temperature": 0.5', '"default_temperature": 1e999')
    return c.rewrite(path, {**c.files_of(path), MANIFEST: text.encode()})


# Parquet


@case("truncated Parquet", "items.parquet is damaged or no Parquet file", torn=True)
def _(c):
    return replaced(c, ITEMS, c.files_of(c.good())[ITEMS][:-100])


@case("Parquet with half its data", "is damaged or no Parquet file", torn=True)
def _(c):
    whole = c.files_of(c.good())[ITEMS]
    return replaced(c, ITEMS, whole[:4] + whole[len(whole) // 2 :])


@case("footer length lies", "is damaged or no Parquet file", torn=True)
def _(c):
    whole = bytearray(c.files_of(c.good())[ITEMS])
    struct.pack_into("<I", whole, len(whole) - 8, 0x7FFFFFF0)
    return replaced(c, ITEMS, bytes(whole))


@case("random footer", "is damaged or no Parquet file", torn=True)
def _(c):
    whole = bytearray(c.files_of(c.good())[ITEMS])
    noise = np.random.default_rng(0).integers(0, 256, 400, np.uint8).tobytes()
    whole[-408:-8] = noise
    return replaced(c, ITEMS, bytes(whole))


@case("huge row count", "says it has", torn=True)
def _(c):
    # A thrift varint of the right row count in the footer, made one of another that is as long.
    whole = c.files_of(c.good())[ITEMS]
    footer = whole[-struct.unpack("<I", whole[-8:-4])[0] - 8 :]
    changed = footer.replace(b"\x16\xa0\x01\x19", b"\x16\xfe\x7f\x19", 1)
    assert changed != footer
    return replaced(c, ITEMS, whole[: -len(footer)] + changed)


@case("wrong types", "column label must be bool, got int64")
def _(c):
    table = columns(c, ITEMS)
    place = table.column_names.index("label")
    return replaced(c, ITEMS, parquet_of(table.set_column(place, "label", table["label"].cast(pa.int64()))))


@case("rewards in double precision", "column rewards must be list<element: float>, got list<element: double>")
def _(c):
    table = columns(c, SHARD)
    return replaced(c, SHARD, parquet_of(table.set_column(2, "rewards", table["rewards"].cast(pa.list_(pa.float64())))))


@case("extra column", "must have the columns item_id, subset")
def _(c):
    table = columns(c, ITEMS)
    return replaced(c, ITEMS, parquet_of(table.append_column("pickle", pa.array([b"x"] * len(table)))))


@case("no contrastive column", "must have the columns item_id, subset")
def _(c):
    return replaced(c, ITEMS, parquet_of(columns(c, ITEMS).drop_columns(["texts"])))


@case("empty places", "column texts has lists with an empty place")
def _(c):
    table = columns(c, ITEMS)
    texts = pa.array([[None, "a", "b"]] * len(table), pa.list_(pa.string()))
    return replaced(c, ITEMS, parquet_of(table.set_column(len(table.column_names) - 1, "texts", texts)))


@case("no ids", "column item_id has no value in 80 rows")
def _(c):
    table = columns(c, ITEMS)
    return replaced(c, ITEMS, parquet_of(table.set_column(0, "item_id", pa.nulls(len(table), pa.string()))))


@case("many row groups", "has 80 row groups")
def _(c):
    return replaced(c, ITEMS, parquet_of(columns(c, ITEMS), row_group_size=1))


@case("dictionary bomb", "takes more memory to read than a score table of this benchmark does", torn=True)
def _(c):
    # 8 MiB once in the dictionary, meant 80 times over: 640 MiB when read.
    table = columns(c, ITEMS)
    rng = np.random.default_rng(0)
    word = rng.integers(97, 123, 8 << 20, np.uint8).tobytes().decode()
    bomb = pa.DictionaryArray.from_arrays(pa.array([0] * len(table), pa.int32()), pa.array([word]))
    made = table.set_column(3, "prompt", bomb).cast(table.schema.remove_metadata())
    path = replaced(
        c, ITEMS, parquet_of(made, compression="snappy", dictionary_pagesize_limit=64 << 20, store_schema=False)
    )
    assert path.stat().st_size < 20 << 20
    return path


@case("list bomb", "column texts has 100,000 values in a row; the benchmark has at most 3 texts", torn=True)
def _(c):
    table = columns(c, ITEMS)
    texts = pa.array([["a"] * 100_000] + [["a"]] * (len(table) - 1), pa.list_(pa.string()))
    return replaced(c, ITEMS, parquet_of(table.set_column(len(table.column_names) - 1, "texts", texts)))


@case("shard of another table", "belongs to another score table")
def _(c):
    return c.edit_json(c.good(), MANIFEST, lambda found: found["reward"].update(fingerprint="0" * 64))


@case("checksum", "its content doesn't match its checksum")
def _(c):
    table = columns(c, SHARD)
    rewards = pa.array([[9.0, 9.0, 9.0]] * len(table), pa.list_(pa.float32()))
    return replaced(c, SHARD, parquet_of(table.set_column(2, "rewards", rewards)))


# What they say


@case("NaN", "has 1 rewards that are NaN or infinite, the first is of 'counting/image_0_3'")
def _(c):
    rewards = c.rewards()
    rewards[3, 1] = np.nan
    return c.pack(c.make_table(rewards))


@case("NaN for a whole item", "has 3 rewards that are NaN or infinite")
def _(c):
    rewards = c.rewards()
    rewards[3] = np.nan
    return c.pack(c.make_table(rewards))


@case("infinity", "has 2 rewards that are NaN or infinite")
def _(c):
    rewards = c.rewards()
    rewards[5, :2] = np.inf, -np.inf
    return c.pack(c.make_table(rewards))


@case("item twice", "lists 'counting/image_0_0' twice")
def _(c):
    items = c.items.copy()
    items.loc[1, "item_id"] = items.loc[0, "item_id"]
    return c.pack(c.make_table(items=items))


@case("foreign item", "has 1 items that small hasn't, the first is 'counting/mine'")
def _(c):
    items = c.items.copy()
    items.loc[1, "item_id"] = "counting/mine"
    return c.pack(c.make_table(items=items))


@case("missing items", "says that it is on all of small, but has 79 of its 80 items")
def _(c):
    return c.pack(c.make_table(items=c.items.iloc[1:].reset_index(drop=True)))


@case("ten million rows", "speaks of 10,000,000 items; small has 80")
def _(c):
    return c.edit_json(c.good(), MANIFEST, lambda found: found["benchmark"].update(items=10**7))


@case("wrong fingerprint", "was scored on another version of small")
def _(c):
    of = ScoredBenchmark(name="small", fingerprint="ab" * 32, votes_fingerprint="cd" * 32, items=80)
    return c.pack(c.make_table(of=of))


@case("other prompt", "was scored with other texts than the benchmark's: for 'counting/image_0_0' it has 'easier'")
def _(c):
    items = c.items.copy()
    items.loc[0, "prompt"] = "easier"
    return c.pack(c.make_table(items=items))


@case(
    "missing contrastive prompts", "has no rewards for the contrastive prompts of 'counting/image_0_0'; 2 were expected"
)
def _(c):
    return c.pack(c.make_table(items=c.items.assign(contrastive_prompts=[[]] * 80)), calibrations=[Raw()])


@case("constant rewards", "gives every item the same reward, 1")
def _(c):
    return c.pack(c.make_table(np.ones((80, 3))))


@case("no such ensemble", "An ensemble needs at least two score tables")
def _(c):
    return c.pack(c.make_table(), calibrations=[Mean()])


@case("one model twice", "tables/1 is of a reward model that another score table is of")
def _(c):
    both = (c.make_table(), c.make_table(seed=2))
    return c.pack(*both, calibrations=[Mean()])


@case("tables on different items", "tables/0 and tables/1 have different items")
def _(c):
    of = ScoredBenchmark(name="half", fingerprint="ab" * 32, votes_fingerprint="cd" * 32, items=40)
    half = c.make_table(name="half", items=c.items.iloc[:40], of=of)
    return c.pack(c.make_table(), half, calibrations=[Mean()])


@case("calibration twice", "The calibration raw is listed twice")
def _(c):
    return c.pack(c.make_table(), calibrations=[Raw(), Raw()])


@case("no fingerprint", "names a reward model without a fingerprint")
def _(c):
    table = c.make_table()
    reward = table.manifest.reward.model_copy(update={"fingerprint": "<b>mine</b>"})
    table.manifest = table.manifest.model_copy(update={"reward": reward})
    return c.pack(table)


@pytest.fixture
def context(tools, pack, make_table, benchmark, card, tmp_path):
    def rewards():
        return make_table().rewards.copy()

    def carded(**fields):
        return pack(make_table(), card=card.model_copy(update=fields))

    return SimpleNamespace(
        **vars(tools),
        pack=pack,
        make_table=make_table,
        rewards=rewards,
        carded=carded,
        items=benchmark.items,
        tmp_path=tmp_path,
        good=lambda: pack(make_table()),
    )


def refused(store, path: Path, tools, limits: Limits | None = None) -> str:
    with Queue(store):
        pass
    before = tools.contents(store.folder)
    with Queue(store, limits or Limits()) as queue, pytest.raises(RefusedError) as caught:
        queue.receive(path, "somebody")
    assert tools.contents(store.folder) == before, "nothing is written"
    (problem,) = caught.value.problems
    assert str(caught.value) == problem
    assert "\n" not in problem
    assert "Traceback" not in problem
    assert "/tmp" not in problem, "no path of ours"
    assert problem.isprintable()
    assert problem.endswith(".")
    assert len(problem) < 400
    return problem


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_in_one_sentence_and_leaves_nothing(name, store, context, tools, check_here):
    make, says, torn = CASES[name]
    if not torn:
        check_here()
    assert says in refused(store, make(context), tools)


def test_there_are_enough():
    assert len(CASES) >= 25


def test_too_large(store, good, tools):
    assert "at most 0 MiB can be submitted" in refused(store, good, tools, Limits(upload=1000))


def test_too_large_unpacked(store, good, tools):
    assert "unpacks to more than" in refused(store, good, tools, Limits(unpacked=1000))


def test_an_upload_is_told_why(store, context):
    make, says, _ = CASES["zero width"]
    outcome = receive_upload(store, make(context), "somebody")
    assert outcome.id is None
    (line,) = outcome.lines
    assert line.startswith("Refused: ")
    assert says in line


def test_something_that_is_no_file(store, tmp_path):
    (tmp_path / "folder.zip").mkdir()
    for name in ("nothing.zip", "folder.zip"):
        outcome = receive_upload(store, tmp_path / name, "somebody", apart=False)
        assert outcome.lines == (f"Refused: There is no file '{name}'.",)
