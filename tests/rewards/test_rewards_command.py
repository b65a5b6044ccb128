"""`tia2 rewards list` and `show`."""

from __future__ import annotations

import json

import pytest

from tia2.cli import main
from tia2.rewards import registry


@pytest.fixture(autouse=True)
def _narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def nothing_is_loaded(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("loaded or fetched something")

    monkeypatch.setattr("tia2.rewards.load_reward", refuse)
    monkeypatch.setattr("tia2.rewards.loading.hub._fetch", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)


def test_list(capsys):
    assert main(["rewards", "list"]) == 0
    out = capsys.readouterr().out
    for name in ("mini-strong", "mini-web", "mini-countblind", "mini-vivid", "clip:FOLDER_OR_HUB_ID"):
        assert name in out
    assert max(map(len, out.splitlines())) <= 80
    assert main(["rewards", "list", "--json"]) == 0
    assert {"spec", "summary", "source"} == set(json.loads(capsys.readouterr().out)[0])


@pytest.mark.parametrize(
    ("spec", "facts"),
    [
        ("pickscore", ("yuvalkirstain/PickScore_v1", "logit", "77", "MIT", "arXiv:2305.01569", "no fixed bounds")),
        ("clip:openai/clip-vit-large-patch14", ("openai/clip-vit-large-patch14", "-1.0 to 1.0", "truncate")),
        ("siglip:google/siglip2-base-patch16-224", ("google/siglip2-base-patch16-224", "sigmoid", "64")),
        ("aesthetic", ("control", "TextNorm", "ignored", "default temperature  -")),
        ("paper-clip", ("clip-vit-base-patch32", "arXiv:2404.01863", "Assumed")),
        ("mini-strong", ("cosine", "tia2 miniworld train mini-strong")),
    ],
)
def test_show_loads_nothing(nothing_is_loaded, capsys, spec, facts):
    assert main(["rewards", "show", spec]) == 0
    told = capsys.readouterr()
    for fact in facts:
        assert fact in told.out, fact
    assert "fingerprint" not in told.out
    assert f"tia2 rewards show {spec} --load" in told.err
    assert max(map(len, told.out.splitlines())) <= 80
    assert main(["rewards", "show", spec, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == registry.card(spec).model_dump(mode="json")


def test_show_can_load(clip_folder, capsys):
    assert main(["rewards", "show", f"clip:{clip_folder}", "--load"]) == 0
    told = capsys.readouterr()
    for fact in ("cosine", "-1.0 to 1.0", "truncate", "float32", "fingerprint", "[0.48145466, 0.4578275,"):
        assert fact in told.out
    assert max(map(len, told.out.splitlines())) <= 80
    assert told.err == ""
    assert main(["rewards", "show", f"clip:{clip_folder}", "--load", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["text_limit"], len(facts["fingerprint"])) == (16, 64)


def test_show_loads_for_an_option(clip_folder, capsys):
    assert main(["rewards", "show", f"clip:{clip_folder}", "-o", "text_policy=error", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["text_policy"] == "error"
    assert main(["rewards", "show", f"clip:{clip_folder}", "--revision", "main"]) == 1
    assert "is for models from the hub" in capsys.readouterr().err


def test_show_loads_a_reward_of_ones_own(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("def bright(images, texts):\n    return [0.0] * len(images)\n")
    assert main(["rewards", "show", f"{tmp_path / 'mine.py'}:bright", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["kind"], len(facts["fingerprint"])) == ("function", 64)


def test_unknown_names_are_one_line(capsys):
    for command in ("show", "verify"):
        assert main(["rewards", command, "mini-vivd"]) == 1
        err = capsys.readouterr().err
        assert err.startswith("error: Unknown reward 'mini-vivd'. Did you mean 'mini-vivid'?")
        assert err.count("\n") == 1


def test_help_documents_the_exit_codes(capsys):
    assert main(["rewards", "verify", "--help"]) == 0
    out = capsys.readouterr().out
    for code in ("Exit code 0", "Exit code 1", "Exit code 3"):
        assert code in out
