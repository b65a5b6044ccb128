"""`tia2 score`."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tia2.cli import main
from tia2.scoring import ScoreTable


@pytest.fixture
def my_rewards(tmp_path, monkeypatch):
    """A file with rewards, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "mine.py").write_text(
        "def letters(images, texts):\n    return [len(text) for text in texts]\n"
        "def nothing(images, texts):\n    return [float('nan')] * len(texts)\n"
        "def stop(images, texts):\n    raise KeyboardInterrupt\n"
    )
    return tmp_path


def test_scores_and_says_what_is_next(my_rewards, benchmark_file, capsys):
    command = ["score", "--reward", "mine.py:letters", "--benchmark", str(benchmark_file)]
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert "letters" in out
    assert "runs/small/letters" in out
    assert "Next: tia2 evaluate runs/small/letters" in err
    assert max(map(len, out.splitlines())) <= 80
    table = ScoreTable.load("runs/small/letters")
    assert table.raw[0] == len("a red star")
    assert table.manifest.reward.spec == "mine.py:letters"


def test_several_rewards_and_json(my_rewards, benchmark_file, clip_folder, capsys):
    command = ["score", "--reward", "mine.py:letters", "--reward", f"clip:{clip_folder}", "--out", "two", "--json"]
    assert main([*command, "--benchmark", str(benchmark_file)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(row["reward"], row["items"], row["rewards"]) for row in found] == [("letters", 20, 55), ("tiny", 20, 55)]
    for row in found:
        assert np.isfinite(ScoreTable.load(row["folder"]).raw).all()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--reward", "mini-stron"], 1, "error: Unknown reward 'mini-stron'. Did you mean 'mini-strong'?"),
        (["--reward", "mine.py:nothing"], 1, "error: Reward 'nothing' gave nan for item counting/image_0_0_0 with"),
        (["--reward", "mine.py:letters", "--device", "cpu"], 1, "takes no device"),
        (["--reward", "mine.py:letters", "--batch-size", "0"], 2, "--batch-size"),
        (["--reward", "mine.py:letters", "--benchmark", "no/such/folder"], 1, "is no file or folder"),
        (["--reward", "mine.py:letters", "-o", "loud"], 2, "error: --option 'loud' is not of the form KEY=VALUE"),
        (["--reward", "mine.py:letters", "-o", "loud=1"], 1, "takes no loud"),
        (["--reward", "mini-strong", "-o", "text_policy=guess"], 1, "text_policy is 'guess'; expected 'truncate' or"),
        ([], 2, "--reward"),
        (["--reward", "mine.py:stop"], 130, "Interrupted; what was done is kept."),
    ],
)
def test_errors_are_one_line(my_rewards, benchmark_file, capsys, words, code, message):
    given = words if "--benchmark" in words else [*words, "--benchmark", str(benchmark_file)]
    assert main(["score", *given]) == code
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_two_rewards_of_one_name_are_refused(my_rewards, benchmark_file, capsys):
    twice = ["--reward", "mine.py:letters"] * 2
    assert main(["score", *twice, "--benchmark", str(benchmark_file)]) == 1
    assert "Two of the rewards are called 'letters'" in capsys.readouterr().err


def test_another_table_is_refused_and_overwritten_on_demand(my_rewards, benchmark_file, clip_folder, capsys):
    base = ["score", "--benchmark", str(benchmark_file), "--out", "here", "--reward"]
    assert main([*base, "mine.py:letters"]) == 0
    assert main([*base, f"clip:{clip_folder}"]) == 1
    assert "here holds another score table: reward model letters" in capsys.readouterr().err
    assert main([*base, f"clip:{clip_folder}", "--overwrite"]) == 0
    assert ScoreTable.load("here").name == "tiny"


def test_options_reach_the_reward(my_rewards, benchmark_file, capsys):
    (my_rewards / "scaled.py").write_text(
        "class Scaled:\n"
        "    def __init__(self, factor, label):\n        self.factor, self.name = factor, label\n"
        "    def score(self, images, texts):\n        return [self.factor * len(text) for text in texts]\n"
    )
    command = ["score", "--reward", "scaled.py:Scaled", "-o", "factor=2.5", "-o", "label=loud", "--out", "t"]
    assert main([*command, "--benchmark", str(benchmark_file)]) == 0
    table = ScoreTable.load("t")
    assert (table.name, table.raw[0]) == ("loud", 2.5 * len("a red star"))


def test_a_finished_table_is_evaluated_without_its_model(my_rewards, benchmark_file, capsys):
    assert main(["score", "--reward", "mine.py:letters", "--benchmark", str(benchmark_file), "--out", "t"]) == 0
    (my_rewards / "mine.py").write_text("raise SystemError('loaded')")
    benchmark_file.rename(benchmark_file.with_suffix(".gone"))
    try:
        assert main(["evaluate", "t"]) == 0
    finally:
        benchmark_file.with_suffix(".gone").rename(benchmark_file)
    assert "letters" in capsys.readouterr().out
