"""The figure of a comparison shows every prompt that was compared."""

from __future__ import annotations

import numpy as np
import pytest

from tia2.cli import main
from tia2.evaluation import compare, evaluate
from tia2.figures.comparison import comparison_figure


@pytest.fixture(scope="module")
def comparison(tables):
    return compare(*(evaluate(tables[name]) for name in ("bright", "dark")))


def test_every_prompt_is_shown_once(comparison):
    figure = comparison_figure(comparison)
    shown = sorted(value for panel in figure.panels for value in panel.values)
    np.testing.assert_allclose(shown, sorted(prompt["difference"] for prompt in comparison.prompts))
    rows = {row.subset: row for row in comparison.differences}
    for panel in figure.panels:
        row = rows[panel.title.split(":")[0]]
        assert (panel.mean, panel.low, panel.high) == (row.difference, row.low, row.high)
    assert "bright" in figure.title


@pytest.mark.parametrize("name", ["difference.pdf", "difference.html"])
def test_the_command_writes_what_the_suffix_says(comparison, tables, tmp_path, capsys, name):
    del comparison
    assert main(["compare", str(tables["bright"]), str(tables["dark"]), "--figure", str(tmp_path / name)]) == 0
    capsys.readouterr()
    start = (tmp_path / name).read_bytes()[:15]
    assert start.startswith(b"%PDF" if name.endswith("pdf") else b"<!DOCTYPE html>")
