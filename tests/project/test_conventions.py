"""House rules that no linter checks the way this project means them."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path

import code_survey
import pytest

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = (
    "tia2",
    "tia2.analysis",
    "tia2.benchmark",
    "tia2.calibration",
    "tia2.evaluation",
    "tia2.figures",
    "tia2.finetune",
    "tia2.quickstart",
    "tia2.rewards",
    "tia2.scoring",
)
BROAD = {"Exception", "BaseException"}


def check(findings: Iterable[code_survey.Finding]) -> None:
    listed = sorted(set(findings))
    assert not listed, "\n".join(map(str, listed))


def asserts_prints_and_broad_excepts(module: code_survey.Source) -> Iterator[code_survey.Finding]:
    for node in module.nodes:
        if isinstance(node, ast.Assert):
            yield code_survey.Finding(module.name, node.lineno, "assert")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield code_survey.Finding(module.name, node.lineno, "print")
        if isinstance(node, ast.ExceptHandler):
            caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else BROAD
            swallows = not isinstance(node.body[-1], ast.Raise)
            if swallows and caught & BROAD:
                yield code_survey.Finding(module.name, node.lineno, "broad except")


def test_no_assert_print_or_broad_except(modules):
    check(finding for module in modules for finding in asserts_prints_and_broad_excepts(module))


def public_without_docstring(module: code_survey.Source) -> Iterator[code_survey.Finding]:
    if not ast.get_docstring(module.tree):
        yield code_survey.Finding(module.name, 1, "the module")
    classes = [node for node in module.tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for owner in [module.tree, *classes]:
        for node in owner.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                overload = any("overload" in ast.unparse(decorator) for decorator in node.decorator_list)
                if not overload and not ast.get_docstring(node):
                    yield code_survey.Finding(module.name, node.lineno, node.name)


def test_everything_public_has_a_docstring(modules):
    check(finding for module in modules for finding in public_without_docstring(module))


@pytest.mark.parametrize("rule", code_survey.RULES)
def test_the_survey_finds_nothing(rule, modules):
    check(code_survey.RULES[rule](modules))


def global_random_state(module: code_survey.Source) -> Iterator[code_survey.Finding]:
    allowed = {"default_rng", "Generator", "SeedSequence", "PCG64", "BitGenerator"}
    for node in module.nodes:
        other = isinstance(node, ast.Attribute) and node.attr not in allowed
        if other and ast.unparse(node.value) in {"np.random", "numpy.random"}:
            yield code_survey.Finding(module.name, node.lineno, f"np.random.{node.attr}")


def test_no_global_random_state(modules):
    check(finding for module in modules for finding in global_random_state(module))


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_exist_and_say_what_they_are(module):
    loaded = importlib.import_module(module)
    assert loaded.__all__, module
    for name in loaded.__all__:
        value = getattr(loaded, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert inspect.getdoc(value), f"{module}.{name}"


def test_version_is_in_the_changelog():
    version = importlib.import_module("tia2").__version__
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
