"""The Space of the examples starts the page on the study that it fetched once."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

SPACE = Path(__file__).resolve().parents[3] / "examples" / "voting_space"


@pytest.fixture
def space(tmp_path, new_study):
    """Its script here, with a folder for `/data`, and with `hf` and `tia2` that say what they are asked."""
    study = new_study()
    programs = tmp_path / "bin"
    programs.mkdir()
    data = tmp_path / "data"
    for name, script in {
        "hf": f'echo "hf $*"; cp -r {study.folder} {data}/incoming',
        "tia2": 'echo "tia2 $*"',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    data.mkdir()
    start = (SPACE / "start.sh").read_text(encoding="utf-8").replace("/data", str(data))
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "STUDY": "org/votes"}

    def run() -> list[str]:
        done = subprocess.run(["sh", "-c", start], env=environment, capture_output=True, text=True, check=True)
        return done.stdout.replace(str(data), "/data").splitlines()

    return run, data


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a shell")
def test_the_study_is_fetched_once_and_served(space):
    run, data = space
    served = "tia2 people vote /data/study --host 0.0.0.0 --port 7860"
    assert run() == ["hf download org/votes --repo-type dataset --local-dir /data/incoming", served]
    assert (data / "study" / "study.json").is_file()
    (data / "study" / "kept").write_text("votes")
    assert run() == [served]
    assert (data / "study" / "kept").read_text() == "votes"


def test_what_it_starts_is_a_command_with_links_of_its_name(cli, new_study, monkeypatch):
    monkeypatch.setenv("SPACE_HOST", "org-votes.hf.space")
    study = new_study()
    study.add_rater("Ann")
    said = cli("people", "vote", study.folder, "--links", "--host", "0.0.0.0", "--port", 7860)
    token = next(rater.token for rater in study.raters())
    assert f"Ann: https://org-votes.hf.space/#t={token}" in said.out, said.err
    named = cli("people", "vote", study.folder, "--links", "--public-host", "votes.example.org")
    assert f"Ann: https://votes.example.org/#t={token}" in named.out
    header = yaml.safe_load((SPACE / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert (header["sdk"], header["app_port"]) == ("docker", 7860)
    dockerfile = (SPACE / "Dockerfile").read_text(encoding="utf-8")
    assert "start.sh" in dockerfile
    assert f"EXPOSE {header['app_port']}" in dockerfile
