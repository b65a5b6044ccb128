"""Prompt files as editors, spreadsheets and scripts write them: every prompt whole, once, or one error."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tia2.errors import BenchmarkError, PromptError, UnknownNameError
from tia2.prompts.prompt_files import read_prompts

CASES = Path(__file__).parent / "cases"


def read(tmp_path, name: str, content: str | bytes, column: str | None = None) -> list[str]:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_prompts(path, column)


def test_a_line_break_in_quotes_is_part_of_the_prompt():
    assert read_prompts(CASES / "multi.csv") == ["two red\ncats on a mat", "a blue dog"]


@pytest.mark.parametrize("name", ["ls.jsonl", "ls.txt"])
def test_a_line_separator_is_part_of_the_prompt(name):
    assert read_prompts(CASES / name) == ["two red\u2028cats on a mat", "three dogs"]


@pytest.mark.parametrize("inside", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_only_line_feeds_and_returns_end_a_line(tmp_path, inside):
    prompt = f"two red{inside}cats"
    assert read(tmp_path, "a.txt", f"{prompt}\r\nthree dogs\ra pig\n") == [prompt, "three dogs", "a pig"]
    rows = f'{json.dumps({"prompt": prompt}, ensure_ascii=False)}\r\n{{"prompt": "three dogs"}}\n'
    assert read(tmp_path, "a.jsonl", rows) == [prompt, "three dogs"]
    assert read(tmp_path, "a.csv", f'prompt,n\n"{prompt}",1\n') == [prompt]


def test_suffixes_in_capitals(tmp_path):
    assert read_prompts(CASES / "upper.CSV") == ["two cats"]
    assert read(tmp_path, "a.JSON", '["two cats"]') == ["two cats"]
    assert read(tmp_path, "a.JsonL", '{"prompt": "two cats"}\n') == ["two cats"]
    assert read(tmp_path, "a.ndjson", '{"prompt": "two cats"}\n') == ["two cats"]
    assert read(tmp_path, "a.TSV", "prompt\tn\ntwo cats\t1\n") == ["two cats"]


@pytest.mark.parametrize(
    "text",
    [
        "prompt;style\ntwo cats, one dog;x\n",
        '\ufeffprompt;style\r\n"two cats, one dog";x\r\n',
        "sep=;\nprompt;style\ntwo cats, one dog;x\n",
        "style\tprompt\nx\ttwo cats, one dog\n",
        'prompt\n"two cats, one dog"\n',
    ],
)
def test_separators_of_spreadsheets(tmp_path, text):
    assert read(tmp_path, "a.csv", text) == ["two cats, one dog"]
    assert read(tmp_path, "a.csv", text.encode("utf-16")) == ["two cats, one dog"]


def test_the_wanted_column_decides_about_the_separator(tmp_path):
    assert read(tmp_path, "c.csv", "text;c\ntwo cats, one dog;3\n", "text") == ["two cats, one dog"]
    with pytest.raises(UnknownNameError, match="column"):
        read(tmp_path, "d.csv", "text;c\n1;3\n", "prompt")


def test_a_long_field(tmp_path):
    long = "two cats " * 40_000
    limit = csv.field_size_limit()
    assert read(tmp_path, "a.csv", f"prompt\n{long}\nthree dogs\n") == [long.strip(), "three dogs"]
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("prompt\ntwo cats, one dog\n", r"row 2: expected 1 fields as in the first row, got 2.*belongs in quotes"),
        ('prompt,n\n"two cats,1\na dog,2\n', "can't be read as a table: unexpected end of data"),
        ('prompt,n\n"two" cats,1\n', "can't be read as a table"),
        ("n,m\n1,2\n", "which column holds the prompts"),
    ],
)
def test_half_a_prompt_is_never_read(tmp_path, content, message):
    with pytest.raises(PromptError, match=message):
        read(tmp_path, "a.csv", content)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '{"prompts": ["two cats"]}', "is an object with the key 'prompts': give its list alone"),
        ("a.json", '{"prompt": "two cats"}', "is an object with the key 'prompt'"),
        ("a.csv", "prompt,prompt\na,b\n", "has 2 columns called 'prompt'"),
        ("a.txt", "two cats\n".encode("utf-16-le"), "holds zero bytes, as UTF-16 does"),
        ("a.csv", "prompt\ntwo cats\n".encode("utf-16-be"), "holds zero bytes"),
    ],
)
def test_what_only_looks_like_prompts_is_refused(tmp_path, name, content, message):
    with pytest.raises(PromptError, match=message):
        read(tmp_path, name, content)


def test_rows_of_other_lengths(tmp_path):
    assert read(tmp_path, "a.csv", "prompt,n\ntwo cats\n\na dog,2,,\n") == ["two cats", "a dog"]
    assert read(tmp_path, "b.csv", "n,prompt\n1\n2,a dog\n") == ["a dog"]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_half_a_character_is_one_error(tmp_path, name):
    row = '{"prompt": "two \\ud800 cats"}'
    with pytest.raises(PromptError, match="half a character"):
        read(tmp_path, name, f"[{row}]" if name == "a.json" else row)


def test_half_a_character_among_contrastive_prompts_is_one_error(tmp_path):
    from datasets import Dataset

    from tia2.benchmark import load, with_contrastive_prompts

    row = {"item_id": "a/0", "subset": "a", "prompt_id": "a/0", "prompt": "two cats", "votes": [1]}
    path = tmp_path / "sets.json"
    path.write_text('{"two cats": ["three \\udfff cats"]}')
    with pytest.raises(BenchmarkError, match="A contrastive prompt of 'two cats' holds half a character"):
        with_contrastive_prompts(load(Dataset.from_list([row])), path)
    path.write_text('{"two cats": ["drei Kühe 🐄"]}')
    changed = with_contrastive_prompts(load(Dataset.from_list([row])), path)
    assert changed.items["contrastive_prompts"][0] == ["drei Kühe 🐄"]
