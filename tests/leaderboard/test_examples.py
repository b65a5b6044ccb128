"""The examples in docstrings run. pytest finds those of tia2/ itself; leaderboard/ lies elsewhere and is mapped."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import pytest

import tia2.leaderboard

NAMES = sorted(
    found.name
    for found in pkgutil.walk_packages(tia2.leaderboard.__path__, "tia2.leaderboard.")
    if found.name != "tia2.leaderboard.app"
)


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_true(name):
    if ".pages" in name:
        pytest.importorskip("gradio")
    failed, _ = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    tried = sum(len(test.examples) for name in NAMES for test in finder.find(import_module(name)))
    assert tried > 60
