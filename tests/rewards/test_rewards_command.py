"""`tia2 rewards`."""

from __future__ import annotations

import json

import pytest

from tia2.cli import main


@pytest.fixture(autouse=True)
def _narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_list(capsys):
    assert main(["rewards", "list"]) == 0
    out = capsys.readouterr().out
    for name in ("mini-strong", "mini-web", "mini-countblind", "mini-vivid", "clip:FOLDER_OR_HUB_ID"):
        assert name in out
    assert max(map(len, out.splitlines())) <= 80
    assert main(["rewards", "list", "--json"]) == 0
    assert {"spec", "summary", "source"} == set(json.loads(capsys.readouterr().out)[0])


def test_show(clip_folder, capsys):
    assert main(["rewards", "show", f"clip:{clip_folder}"]) == 0
    out = capsys.readouterr().out
    for fact in ("cosine", "-1.0 to 1.0", "truncate", "float32", "fingerprint", "[0.48145466, 0.4578275,"):
        assert fact in out
    assert max(map(len, out.splitlines())) <= 80
    assert main(["rewards", "show", f"clip:{clip_folder}", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["text_limit"], len(facts["fingerprint"])) == (16, 64)


def test_unknown_names_are_one_line(capsys):
    assert main(["rewards", "show", "mini-vivd"]) == 1
    assert capsys.readouterr().err.startswith("error: Unknown reward 'mini-vivd'. Did you mean 'mini-vivid'?")
