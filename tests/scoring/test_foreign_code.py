"""A reward's code runs in this process: what it prints, changes or sets spoils nothing."""

from __future__ import annotations

import json
import re
import sys
import warnings

import numpy as np
import pytest
from PIL import ImageFile

import tia2
from tia2.errors import BenchmarkError
from tia2.rewards import CrossEncoder, DualEncoder, FunctionReward
from tia2.scoring import ScoreTable

LOUD = """
import os
print("imported")
os.system("echo from another process")

class Loud:
    def __init__(self):
        print("made")
    def score(self, images, texts):
        print("called")
        return [float(len(text)) for text in texts]

def wanders(images, texts):
    return [float(len(text)) for text in texts]
os.makedirs("elsewhere", exist_ok=True)
os.chdir("elsewhere")
"""


@pytest.fixture
def loud(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loud.py").write_text(LOUD.replace("os.chdir", "str"))
    (tmp_path / "wanders.py").write_text(LOUD)
    return tmp_path


def test_what_a_reward_prints_does_not_spoil_json(loud, shell, benchmark_file):
    words = ["--reward", "loud.py:Loud", "--benchmark", benchmark_file, "--out", "t"]
    said = shell("score", *words, "--json", cwd=loud)
    assert said.code == 0, said.err
    assert json.loads(said.out)[0]["reward"] == "Loud"
    for line in ("imported", "made", "called", "from another process"):
        assert line in said.err


@pytest.mark.parametrize("command", ["evaluate", "rewards show", "rewards check"])
def test_nor_that_of_other_commands(loud, cli, benchmark_file, command):
    words = {
        "evaluate": ["--reward", "loud.py:Loud", "--benchmark", benchmark_file],
        "rewards show": ["loud.py:Loud"],
        "rewards check": ["loud.py:Loud", "--only", "finite"],
    }[command]
    said = cli(*command.split(), *words, "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)
    assert "imported\nmade" in said.err


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys\nsys.exit(0)", r"ends\.py' ends the program while it is imported \(exit code 0\)"),
        ("class ends:\n    def __init__(self):\n        raise SystemExit(3)", "can't be loaded: SystemExit: 3"),
        ("def ends(images, texts):\n    raise SystemExit(0)", r"ended the program \(exit code 0\)"),
    ],
    ids=["imported", "made", "called"],
)
def test_a_reward_that_ends_the_program_is_an_error(loud, cli, benchmark_file, code, message):
    """With exit code 0, nothing scored would look like done."""
    (loud / "ends.py").write_text(code)
    said = cli("score", "--reward", "ends.py:ends", "--benchmark", benchmark_file, "--out", "t")
    assert said.code == 1
    assert re.search(message, said.err), said.err


def test_a_reward_that_changes_the_folder_moves_no_table(loud, cli, benchmark_file):
    words = ["--reward", "wanders.py:wanders", "--reward", "loud.py:Loud", "--benchmark", benchmark_file]
    said = cli("score", *words, "--out", "both", "--json")
    assert said.code == 0
    assert [row["folder"] for row in json.loads(said.out)] == ["both/wanders", "both/Loud"]
    assert ScoreTable.load(loud / "both" / "wanders").name == "wanders"
    assert ScoreTable.load(loud / "both" / "Loud").name == "Loud"
    assert not (loud / "elsewhere" / "both").exists()


def test_the_folder_may_change_in_python_too(loud, benchmark_file, monkeypatch):
    table = tia2.score("wanders.py:wanders", benchmark_file, "t")
    assert ScoreTable.load(loud / "t").rewards.tobytes() == table.rewards.tobytes()


def test_truncated_images_are_refused_whatever_was_set(make_benchmark, rows, red, monkeypatch, tmp_path):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    whole = rows[7]["image"]["bytes"]
    cut = [*rows[:7], {**rows[7], "image": {"bytes": whole[: len(whole) // 2], "path": None}}, *rows[8:]]
    benchmark = make_benchmark(cut)
    with pytest.raises(BenchmarkError, match=r"image of counting/image_1_0_2 is damaged"):
        tia2.score(red, benchmark)
    assert tia2.score(red, benchmark, bad_images="skip").skipped == ["counting/image_1_0_2"]
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True
    (result,) = tia2.benchmark.check(benchmark)
    assert list(result.corrupt) == ["counting/image_1_0_2"]


class Dual(DualEncoder):
    offset = 1e9

    def embed_images(self, prepared):
        return np.array([np.asarray(image).mean((0, 1)) for image in prepared])

    def embed_texts(self, texts):
        return np.ones((len(texts), 3))

    def similarity(self, image_features, text_features):
        return self.offset + np.float64(image_features) @ np.float64(text_features).T


class Cross(CrossEncoder):
    def embed_images(self, prepared):
        return [float(np.asarray(image).mean()) for image in prepared]

    def score_batch(self, image_features, texts):
        return [1e9 + image_features[0]] * len(texts)


def offset(images, texts):
    return [1e9 + float(np.asarray(image).mean()) for image in images]


@pytest.mark.parametrize("reward", [offset, Dual(), Cross()], ids=["function", "dual", "cross"])
@pytest.mark.parametrize("batch_size", [1, 64])
def test_rewards_that_float32_makes_equal_are_counted_once(benchmark_, reward, batch_size):
    with pytest.warns(UserWarning, match=r"^55 of 55 rewards of '\w+' differ .* float32") as caught:
        tia2.score(reward, benchmark_, batch_size=batch_size)
    assert len(caught) == 1


def test_rewards_that_are_equal_anyway_are_not_counted(benchmark_):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tia2.score(lambda images, texts: [1e9 + 0.1] * len(texts), benchmark_)
        tia2.score(lambda images, texts: [float(np.asarray(image).mean()) for image in images], benchmark_)
        tia2.score(FunctionReward(lambda images, texts: np.ones(len(texts), np.float16), fingerprint="x"), benchmark_)


def test_nothing_is_printed_elsewhere_by_the_redirection(capfd):
    from tia2 import console

    sys.stdout.write("before\n")
    with console.foreign_output_to_stderr():
        sys.stdout.write("inside\n")
    sys.stdout.write("after\n")
    out, err = capfd.readouterr()
    assert (out, err) == ("before\nafter\n", "inside\n")
