"""The benchmark of DDPO runs, on both kinds of model, and finds its two sides equal."""

import runpy
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("diffusers", reason="fine-tuning needs diffusers: pip install 'tia2[finetune]'")

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "ddpo.py"


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mini", "narrow"])
def test_both_sides_give_the_same_gradients(model, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--tiny", "--device", "cpu", "--model", model])
    monkeypatch.setattr(sys, "path", list(sys.path))
    threads = torch.get_num_threads()
    try:
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPT), run_name="__main__")
    finally:
        torch.set_num_threads(threads)
    printed = capsys.readouterr().out
    assert ended.value.code == 0, printed
    assert "FAILED" not in printed
    assert "straight, batches of 8 and 4" in printed
    assert "at the identical algorithm: " in printed
    assert "TextNorm against raw: " in printed
