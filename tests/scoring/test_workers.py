"""`tia2 score --devices`: several processes, one table; what becomes of those that end early."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

import tia2
from tia2.errors import ScoreTableError
from tia2.scoring.engines.devices import devices_of, run_workers


def program(code: str) -> tuple[str, ...]:
    """Return a command that runs Python with the words of a worker behind it."""
    return (sys.executable, "-c", f"import os, sys, time\n{code}")


PRIMARIES = """
import numpy as np
from tia2.rewards import DualEncoder

class Primaries(DualEncoder):
    name = "primaries"
    def __init__(self, *, device=None):
        pass
    def prepare_image(self, image):
        return np.asarray(image.resize((4, 4)), dtype=np.float32)
    def embed_images(self, prepared):
        return np.stack(prepared).mean(axis=(1, 2)) + 1
    def embed_texts(self, texts):
        return np.array([[word in text for word in ("red", "green", "blue")] for text in texts], dtype=np.float32) + 0.1
"""


@pytest.mark.slow
def test_two_workers_give_the_bytes_of_one(cli, tmp_path):
    (tmp_path / "primaries.py").write_text(PRIMARIES)
    reward = f"{tmp_path / 'primaries.py'}:Primaries"
    table = tia2.score(reward, "mini", out=tmp_path / "one")
    said = cli("score", "--reward", reward, "--out", tmp_path / "two", "--devices", "cpu,cpu")
    assert said.code == 0, said.err
    assert "2 workers, on cpu, cpu: " in said.err
    assert "already scored" not in said.err
    ours, theirs = (sorted((tmp_path / name).glob("shards/*")) for name in ("one", "two"))
    assert [path.name for path in ours] == [path.name for path in theirs]
    assert len(ours) > 1
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(ours, theirs, strict=True))
    assert (tia2.ScoreTable.load(tmp_path / "two").raw == table.raw).all()


def test_every_worker_gets_its_device_and_its_part(tmp_path):
    code = f"open(os.path.join({str(tmp_path)!r}, sys.argv[-2].replace('/', '-')), 'w').write(' '.join(sys.argv[1:]))"
    assert run_workers(["--reward=mini-web"], ["cuda:0", "cpu"], program(code)) == []
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "0-2": "--reward=mini-web --device cuda:0 --part 0/2 --json",
        "1-2": "--reward=mini-web --device cpu --part 1/2 --json",
    }


def test_a_worker_that_dies_is_named_and_the_others_go_on():
    code = "if sys.argv[-2] == '0/2': os.kill(os.getpid(), 9)\ntime.sleep(0.3)"
    assert run_workers([], ["cuda:0", "cuda:1"], program(code)) == [
        "The worker on cuda:0 ended early (signal 9); the others did its part."
    ]


def test_when_all_fail_the_first_says_why():
    code = "sys.stderr.write('warning: one\\nerror: There is no reward.\\n')\nsys.exit(1)"
    with pytest.raises(ScoreTableError, match=r"^There is no reward\.$"):
        run_workers([], ["cpu", "cpu"], program(code))


def test_ctrl_c_stops_all_workers(tmp_path):
    code = f"open(os.path.join({str(tmp_path)!r}, str(os.getpid())), 'w')\ntime.sleep(300)"

    def press() -> None:
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.05)
        signal.raise_signal(signal.SIGINT)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=press, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            run_workers([], ["cpu", "cpu"], program(code))
    finally:
        signal.signal(signal.SIGINT, handler)
    for path in tmp_path.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name), 0)


@pytest.mark.parametrize("given", ["", "cpu,,cpu", ","])
def test_devices_are_named(given):
    with pytest.raises(ScoreTableError, match="expected all, or devices separated by commas"):
        devices_of(given)


def test_all_needs_a_gpu(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ScoreTableError, match="--devices all found no GPU on this machine"):
        devices_of("all")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices_of("all") == ["cuda:0", "cuda:1"]


@pytest.mark.parametrize("words", [("--device", "cpu"), ("--part", "0/2"), ("--overwrite",)])
def test_devices_stand_alone(cli, tmp_path, words):
    said = cli("score", "--reward", "mini-web", "--out", tmp_path / "t", "--devices", "cpu,cpu", *words)
    assert said.code == 2
    assert "leave out --device, --part and --overwrite" in " ".join(said.err.split())
    assert not (tmp_path / "t").exists()
