"""House rules that no linter checks the way this project means them."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import code_survey
import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = sorted(path for folder in ("tia2", "leaderboard", "finetune") for path in (ROOT / folder).rglob("*.py"))
IDS = [str(path.relative_to(ROOT)) for path in LIBRARY]
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


@pytest.fixture(params=LIBRARY, ids=IDS)
def source(request) -> tuple[Path, str, ast.Module]:
    text = request.param.read_text(encoding="utf-8")
    return request.param, text, ast.parse(text)


def test_no_assert_print_or_broad_except(source):
    path, _, tree = source
    for node in ast.walk(tree):
        where = f"{path}:{getattr(node, 'lineno', '?')}"
        assert not isinstance(node, ast.Assert), where
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", where
        if isinstance(node, ast.ExceptHandler):
            caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else BROAD
            swallows = not isinstance(node.body[-1], ast.Raise)
            assert not swallows or not caught & BROAD, where


def test_everything_public_has_a_docstring(source):
    path, _, tree = source
    assert ast.get_docstring(tree), path
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for owner in [tree, *classes]:
        for node in owner.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                overload = any("overload" in ast.unparse(decorator) for decorator in node.decorator_list)
                assert overload or ast.get_docstring(node), f"{path}:{node.lineno} {node.name}"


@pytest.fixture(scope="module")
def modules() -> list[code_survey.Source]:
    return code_survey.sources()


@pytest.mark.parametrize("rule", code_survey.RULES)
def test_the_survey_finds_nothing(rule, modules):
    findings = sorted(set(code_survey.RULES[rule](modules)))
    assert not findings, "\n".join(map(str, findings))


def test_no_global_random_state(source):
    path, _, tree = source
    allowed = {"default_rng", "Generator", "SeedSequence", "PCG64", "BitGenerator"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"np.random", "numpy.random"}:
            assert node.attr in allowed, f"{path}:{node.lineno} np.random.{node.attr}"


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
