"""`tia2 prompts contrast`: every kind of input, the files it writes, and what it says when something is wrong."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time

import pandas as pd
import pytest

from tia2.calibration import contrastive_prompts

PROMPTS = ["two cats", "a red book and a yellow vase", "Lego Arnold Schwarzenegger."]


def saved(folder):
    from datasets import Dataset

    Dataset.from_dict({"prompt": PROMPTS, "number": [1, 2, 3]}).save_to_disk(str(folder))


INPUTS = {
    "lines.txt": lambda path: path.write_text("\ufeff" + "\r\n".join([*PROMPTS, "", "  two cats "]), encoding="utf-8"),
    "prompts.md": lambda path: path.write_text("\n".join(PROMPTS)),
    "list.json": lambda path: path.write_text(json.dumps(PROMPTS)),
    "released.json": lambda path: path.write_text(json.dumps({prompt: ["x"] for prompt in PROMPTS})),
    "objects.json": lambda path: path.write_text(json.dumps([{"prompt": prompt, "n": 1} for prompt in PROMPTS])),
    "lines.jsonl": lambda path: path.write_text("\n".join(json.dumps({"caption": prompt}) for prompt in PROMPTS)),
    "table.csv": lambda path: pd.DataFrame({"n": 1, "prompt": [*PROMPTS, "two cats"]}).to_csv(path, index=False),
    "table.tsv": lambda path: pd.DataFrame({"prompt": PROMPTS}).to_csv(path, index=False, sep="\t"),
    "table.parquet": lambda path: pd.DataFrame({"n": 1, "text": PROMPTS}).to_parquet(path),
    "saved": saved,
}


@pytest.mark.parametrize("name", INPUTS)
def test_every_kind_of_input_gives_the_same_file(cli, tmp_path, name):
    INPUTS[name](tmp_path / name)
    said = cli("prompts", "contrast", tmp_path / name, "--out", tmp_path / "out.json")
    assert said.code == 0, said.err
    assert said.out == ""
    assert json.loads((tmp_path / "out.json").read_text()) == {text: contrastive_prompts(text) for text in PROMPTS}
    assert "1 of 3 prompts have no contrastive prompts: 'Lego Arnold Schwarzenegger.'" in " ".join(said.err.split())


def test_a_benchmark_by_its_name_and_the_released_layout(cli, tmp_path):
    assert len(json.loads(cli("prompts", "contrast", "mini").out)) == 60
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "prompt_set_counting.json").write_text(json.dumps({"a cat": []}))
    assert json.loads(cli("prompts", "contrast", tmp_path).out) == {"a cat": ["two cats", "three cats"]}


@pytest.mark.upstream
def test_the_released_folder(cli, tia2_dir, tmp_path):
    said = cli("prompts", "contrast", tia2_dir, "--style", "released", "--out", tmp_path / "out.json")
    assert said.code == 0
    made = json.loads((tmp_path / "out.json").read_text())
    counting = json.loads((tia2_dir / "prompts" / "prompt_set_counting.json").read_text())
    assert len(made) == 550
    assert counting.items() <= made.items()


@pytest.mark.upstream
def test_a_benchmark_takes_the_file_as_its_prompts(cli, tia2_dir, tmp_path, monkeypatch):
    from tia2.benchmark import load

    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "human_annotations").mkdir()
    labels = "human_annotations/human_labels_comprehensive.json"
    (tmp_path / labels).write_bytes((tia2_dir / labels).read_bytes())
    out = tmp_path / "prompts" / "prompt_set_comprehensive.json"
    source = tia2_dir / "prompts" / "prompt_set_comprehensive.json"
    assert cli("prompts", "contrast", source, "--out", out).code == 0
    items = load("comprehensive", data_dir=tmp_path).items.drop_duplicates("prompt")
    made = {row.prompt: list(row.contrastive_prompts) for row in items.itertuples()}
    assert made == {prompt: contrastive_prompts(prompt) for prompt in made}
    assert len(made) == 100


def test_a_single_prompt_is_answered_on_the_terminal(cli):
    assert cli("prompts", "contrast", "two cats").out == "a cat\nthree cats\nfour cats\n"
    assert json.loads(cli("prompts", "contrast", "two cats", "--json").out) == {
        "two cats": ["a cat", "three cats", "four cats"]
    }
    said = cli("prompts", "contrast", "Lego Arnold [bold]Schwarzenegger")
    assert (said.code, said.out) == (0, "")
    assert "no contrastive prompts: 'Lego Arnold [bold]Schwarzenegger'" in " ".join(said.err.split())


def test_the_record_beside_it_says_how_it_was_made(cli, tmp_path):
    out = tmp_path / "made" / "out.json"
    cli("prompts", "contrast", "two cats on a “mat”", "--out", out)
    record = json.loads(out.with_name("out.provenance.json").read_text())
    assert record["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert record["rules"] == {"version": 1, "style": "default"}
    assert record["language_model"] is None
    assert record["prompts"] == {"two cats on a “mat”": {"by_rule": len(contrastive_prompts("two cats on a “mat”"))}}
    assert sorted(path.name for path in out.parent.iterdir()) == ["out.json", "out.provenance.json"]


def test_what_tia2_did_not_make_is_not_replaced(cli, tmp_path):
    out = tmp_path / "precious.json"
    out.write_text("mine")
    said = cli("prompts", "contrast", "two cats", "--out", out)
    assert (said.code, out.read_text()) == (1, "mine")
    assert "--overwrite" in said.err
    assert cli("prompts", "contrast", "two cats", "--out", out, "--overwrite").code == 0
    assert cli("prompts", "contrast", "two dogs", "--out", out).code == 0
    assert list(json.loads(out.read_text())) == ["two dogs"]


WRONG = {
    "nothing": (["nothing"], 1, "'nothing' is no file, folder or dataset"),
    "missing file": (["none of it.csv"], 1, "'none of it.csv' is no file"),
    "style": (["two cats", "--style", "relesed"], 1, "Did you mean 'released'?"),
    "no rules": (["two cats", "--no-rules"], 2, "--no-rules leaves nothing to do without --llm"),
    "no model": (["two cats", "--base-url", "http://localhost/v1"], 2, "name one with --llm"),
    "local with url": (["two cats", "--llm", "local:x", "--base-url", "http://localhost/v1"], 2, "no --base-url"),
    "out": (["two cats", "--out", "made.txt"], 1, "Expected a .json file"),
}


@pytest.mark.parametrize(("words", "code", "line"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_one_line(cli, words, code, line):
    said = cli("prompts", "contrast", *words)
    assert (said.code, said.out) == (code, "")
    assert line in said.err
    assert len(said.err.strip().splitlines()) == 1


BROKEN = {
    "empty.txt": (b"\n \n", "holds no prompts"),
    "latin.txt": ("zwei Kühe".encode("latin-1"), "is not UTF-8 text"),
    "half.json": (b'["two cats"', "is not valid JSON"),
    "number.json": (b"3", "expected a list of prompts"),
    "mixed.json": (b'["two cats", 3]', "got int in place 2"),
    "surrogate.json": (b'["two \\ud800"]', "half a character"),
    "deep.json": (b"[" * 100_000, "is not valid JSON"),
    "columns.csv": (b"a,b\n1,2\n", "which column holds the prompts? --column takes one of a, b"),
    "bad.parquet": (b"PAR1", "can't be read"),
    "half.jsonl": (b'{"prompt": "two cats"}\n{"pro', "is not valid JSON"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_line(cli, tmp_path, name):
    content, line = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    said = cli("prompts", "contrast", tmp_path / name, "--out", tmp_path / "out.json")
    assert (said.code, said.out) == (1, "")
    assert line in said.err
    assert name in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not (tmp_path / "out.json").exists()


def test_an_unknown_column_is_named(cli, tmp_path):
    INPUTS["table.csv"](tmp_path / "table.csv")
    assert "Did you mean 'prompt'?" in cli("prompts", "contrast", tmp_path / "table.csv", "--column", "promt").err
    assert "got int" not in cli("prompts", "contrast", tmp_path / "table.csv", "--column", "prompt").err


@pytest.mark.network
def test_a_language_model_adds_to_the_rules(cli, endpoint, tmp_path):
    out, cache = tmp_path / "out.json", tmp_path / "cache"
    words = ("--llm", "tiny", "--base-url", endpoint.url, "--number", 3, "--cache", cache, "--out", out)
    (tmp_path / "in.txt").write_text("\n".join(PROMPTS))
    assert cli("prompts", "contrast", tmp_path / "in.txt", *words).code == 0
    made = json.loads(out.read_text())
    for prompt in PROMPTS:
        by_rule = contrastive_prompts(prompt)
        assert made[prompt][: len(by_rule)] == by_rule
        assert len(set(made[prompt])) == len(by_rule) + 3
    record = json.loads((tmp_path / "out.provenance.json").read_text())
    assert record["language_model"]["model"] == "tiny"
    assert record["language_model"]["parameters"]["base_url"] == endpoint.url
    template = record["language_model"]["template"]
    assert hashlib.sha256(template["text"].encode()).hexdigest() == template["sha256"]
    assert record["prompts"]["two cats"]["by_model"] == 3
    cli("prompts", "contrast", tmp_path / "in.txt", *words)
    assert len(endpoint.questions) == 3


@pytest.mark.network
def test_a_prompt_that_fails_is_named_and_the_others_are_written(cli, endpoint, tmp_path):
    out = tmp_path / "out.json"
    (tmp_path / "in.txt").write_text("\n".join(PROMPTS))
    endpoint.stubborn = {"two cats": "no json"}
    words = ("--llm", "tiny", "--base-url", endpoint.url, "--number", 2, "--no-rules", "--attempts", 2)
    said = cli("prompts", "contrast", tmp_path / "in.txt", *words, "--cache", tmp_path / "cache", "--out", out)
    assert said.code == 1
    assert list(json.loads(out.read_text())) == PROMPTS[1:]
    assert "error: No contrastive prompts for 'two cats': the answer is not JSON" in said.err
    assert "1 of 3 prompts failed; the same command tries only these again." in said.err
    endpoint.stubborn = {}
    before = len(endpoint.questions)
    said = cli("prompts", "contrast", tmp_path / "in.txt", *words, "--cache", tmp_path / "cache", "--out", out)
    assert (said.code, len(endpoint.questions)) == (0, before + 1)
    assert list(json.loads(out.read_text())) == PROMPTS


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on(cli, fork, endpoint, tmp_path, signal_):
    prompts = [f"{number} red cats" for number in ("two", "three", "four", "five", "six")]
    (tmp_path / "in.txt").write_text("\n".join(prompts))
    endpoint.stubborn = {prompts[3]: "hang"}
    words = ["prompts", "contrast", tmp_path / "in.txt", "--out", tmp_path / "out.json", "--cache", tmp_path / "cache"]
    words += ["--llm", "tiny", "--base-url", endpoint.url, "--number", 2, "--workers", 1, "--timeout", 30]
    started = fork(*words)
    for _ in range(6000):
        if len(endpoint.questions) >= 4:
            break
        time.sleep(0.05)
    os.kill(started.process.pid, signal_)
    code = started.wait(300)
    assert code == {signal.SIGKILL: -9, signal.SIGINT: 130}[signal_], started.err.read_text(encoding="utf-8")
    assert len(list((tmp_path / "cache").iterdir())) == 3
    assert not (tmp_path / "out.json").exists()
    endpoint.stubborn = {}
    before = len(endpoint.questions)
    assert cli(*words).code == 0
    assert len(endpoint.questions) == before + 2
    assert list(json.loads((tmp_path / "out.json").read_text())) == prompts
