"""The order of the packages, which import-linter checks in `make lint`: written down once, complete, and not evaded."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

FLOORS, CIRCLES = "importlinter:contract:floors", "importlinter:contract:circles"


@pytest.fixture(scope="module")
def floors(setup_cfg) -> list[list[str]]:
    """The layers of the contract, top first."""
    lines = setup_cfg[FLOORS]["layers"].strip().split("\n")
    return [re.split(r" *[|:] *", line.strip()) for line in lines]


def children(package: Path) -> set[str]:
    """The names of a package's modules and packages."""
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    return modules | {path.parent.name for path in package.glob("*/__init__.py")}


def test_every_room_has_a_floor(floors, package_folders):
    rooms = [room for floor in floors for room in floor]
    assert len(rooms) == len(set(rooms))
    assert set(rooms) == {f"tia2.{name}" for name in children(package_folders["tia2"])} | {"leaderboard", "finetune"}


def test_contributors_see_the_same_floors(floors, root):
    _, _, page = (root / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## The house")
    drawn = [line.strip() for line in page.splitlines() if line.startswith("    ")]
    pictured = [re.split(r"\s{2,}", line)[0].split() for line in drawn]
    assert [sorted(rooms) for rooms in pictured] == [
        sorted(room.removeprefix("tia2.") for room in floor) for floor in floors
    ]


def test_what_an_addition_touches_is_there(root):
    _, _, page = (root / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## To add something")
    rows = [line for line in page.partition("\n## ")[0].splitlines() if line.startswith("| a")]
    assert len(rows) == 7
    for row in rows:
        paths = re.findall(r"`([\w/.]+)`", row)
        assert len(paths) == 2
        assert all((root / path).exists() for path in paths), row


def test_nothing_is_exempt(setup_cfg):
    contracts = [name for name in setup_cfg.sections() if name.startswith("importlinter:contract:")]
    assert {FLOORS, CIRCLES} < set(contracts)
    assert not [name for name in contracts if "ignore_imports" in setup_cfg[name]]


@pytest.mark.slow
def test_the_contracts_hold(root):
    program = Path(sys.executable).with_name("lint-imports")
    if not program.exists():
        pytest.skip("needs import-linter, which the extra 'dev' brings")
    done = subprocess.run([program, "--no-cache"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_library_does_not_name_the_mapped_folders_in_strings(modules):
    """What would import them behind the back of the contracts; entry points are how they are reached."""
    name = re.compile(r"\b(tia2\.)?(leaderboard|finetune)\.\w+|tia2\.(leaderboard|finetune)\b")
    findings = []
    for module in modules:
        if not module.name.startswith("tia2/"):
            continue
        docstrings = {text for _, text in module.docstrings}
        findings += [
            f"{module.name}:{line}" for line, text in module.strings if text not in docstrings and name.search(text)
        ]
    assert findings == []


def test_fine_tuning_knows_nothing_of_the_board_above_it(modules):
    """Nor by the name that `package_dir` maps, under which import-linter doesn't see it."""
    for module in modules:
        for node in module.nodes if module.name.startswith("finetune/") else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            assert not [name for name in names if "leaderboard" in name.split(".")], f"{module.name}:{node.lineno}"


def test_modules_import_from_where_things_are(modules, package_folders):
    """`tia2/__init__.py` stands above everything that it offers."""
    for module in modules:
        for node in module.nodes:
            if module.name != "tia2/__init__.py" and isinstance(node, ast.Import):
                assert not any(alias.name == "tia2" for alias in node.names), f"{module.name}:{node.lineno}"
            if isinstance(node, ast.ImportFrom) and node.module == "tia2" and node.level == 0:
                offered = {alias.name for alias in node.names} - children(package_folders["tia2"])
                assert not offered, f"{module.name}:{node.lineno} {offered}"


@pytest.mark.parametrize(
    "name", ["analysis", "calibration", "evaluation", "finetune", "leaderboard", "prompts", "rewards"]
)
def test_packages_appear_when_they_are_used(name):
    import tia2

    assert name in dir(tia2)
    assert getattr(tia2, name) is importlib.import_module(f"tia2.{name}")


def test_everything_that_tia2_lists_is_there():
    import tia2

    for name in dir(tia2):
        assert getattr(tia2, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tia2.nothing


def test_python_m_tia2_is_the_command(shell):
    said = shell("--version", code="import runpy; runpy.run_module('tia2', run_name='__main__')")
    assert said.code == 0
    assert said.out.startswith("tia2 ")
