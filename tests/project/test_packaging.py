"""The guards that the mapping in setup.cfg needs: what is listed, what is built, and what runs from the wheel."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import venv
import zipfile
from collections import Counter
from collections.abc import Iterable
from importlib import metadata
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SHIPPED = ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "Makefile", "README.md", "mkdocs.yml")
SOURCES = ("pyproject.toml", "setup.cfg", *SHIPPED)
FOLDERS = ("tia2", "leaderboard", "finetune", "build_backend", "data_cards", "docs")


def run(*command: object, cwd: Path, **kwargs) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, **kwargs)
    if done.returncode:
        pytest.fail(f"{command} exited {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def test_packages_in_setup_cfg_are_those_on_disk(setup_cfg, package_folders):
    on_disk = set()
    for name, folder in package_folders.items():
        for path in folder.rglob("*.py"):
            on_disk.add(".".join([name, *path.parent.relative_to(folder).parts]))
            assert (path.parent / "__init__.py").exists(), f"{path.parent} has modules but no __init__.py"
    assert setup_cfg["options"]["packages"].split() == sorted(on_disk)


def test_no_module_shadows_its_package(package_folders):
    assert not (package_folders["tia2"] / "tia2.py").exists()


def test_folders_that_are_mapped_use_relative_imports_only(package_folders):
    for name in ("tia2.leaderboard", "tia2.finetune"):
        bare = name.rpartition(".")[2]
        for path in package_folders[name].rglob("*.py"):
            found = re.findall(rf"^\s*(?:from|import) +(?:tia2\.)?{bare}\b.*", path.read_text(encoding="utf-8"), re.M)
            assert not found, path


def test_the_library_never_imports_the_mapped_folders_statically(package_folders):
    for path in package_folders["tia2"].rglob("*.py"):
        if path.relative_to(package_folders["tia2"]).parts == ("people", "mapped.py"):
            continue  # The one door of a room that stands above both, as the contract of the floors says.
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(?:from|import) +tia2\.(?:leaderboard|finetune)\b", text, re.M), path


def test_extras(setup_cfg):
    extras = setup_cfg["options.extras_require"]
    everything = [
        "leaderboard",
        "people",
        "rewards",
        "finetune",
        "tensorboard",
        "wandb",
        "open_clip",
        "scale",
        "siglip",
        "video",
        "vqascore",
    ]
    assert {*everything, "dev", "all"} == set(extras)
    assert extras["all"].split() == [f"tia2[{','.join(everything)}]"]
    for name in ("finetune", "open_clip", "siglip", "vqascore"):
        assert "tia2[rewards]" in extras[name].split()
    names = {re.split(r"[<>=\[]", line)[0] for line in extras["finetune"].split()}
    assert {"diffusers", "accelerate"} <= names
    shared = {line for line in extras["finetune"].split() if re.match("accelerate|diffusers", line)}
    assert shared <= set(extras["dev"].split()), "the tests need what training the miniature world needs"


def test_values_carry_no_trailing_comments(setup_cfg):
    for section in ("options", "options.extras_require", "options.package_data"):
        for key, value in setup_cfg[section].items():
            assert "#" not in value, (section, key)
            assert ";" not in value, (section, key)


def test_a_bare_checkout_says_what_to_install(root, monkeypatch):
    spec = importlib.util.spec_from_file_location("conftest_under_test", root / "tests" / "conftest.py")
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    monkeypatch.setattr(conftest.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(pytest.exit.Exception, match=r"pip install -e '\.\[dev\]'") as stopped:
        conftest.pytest_configure()
    assert stopped.value.returncode == 4


def test_python_beside_a_clone_called_tia2_finds_the_package(root, tmp_path):
    """The default name of a clone: without help, the folder is taken for a namespace package with nothing in it."""
    clone, installed = tmp_path / "home" / "tia2", tmp_path / "installed"
    clone.mkdir(parents=True)
    for name in ("tia2", "leaderboard", "finetune", "build_backend", *SOURCES):
        (clone / name).symlink_to(root / name)
    build = "import sys; sys.path[:0] = ['build_backend']; import tia2_build; tia2_build.build_editable(sys.argv[1])"
    run(sys.executable, "-c", build, tmp_path, cwd=clone)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
        record = next(archive.read(name) for name in archive.namelist() if name.endswith("RECORD")).decode()
    assert "tia2_before_folders.pth,sha256=" in record
    # -S leaves out what this environment has installed.
    here = f"import site, sys; site.addsitedir({str(installed)!r}); sys.path.insert(0, '')\n"
    tell = "import tia2, tia2.leaderboard, tia2.finetune; print(tia2.__file__, tia2.__version__, tia2.__all__[0])"
    found = run(sys.executable, "-S", "-c", here + tell, cwd=clone.parent).split()
    assert Path(found[0]).resolve() == root / "tia2" / "__init__.py"
    # What Python does without it, so that this test can fail.
    (installed / "tia2_before_folders.pth").unlink()
    assert "has no attribute" in run(
        sys.executable, "-S", "-c", f"{here}try:\n import tia2\n print(tia2.score)\nexcept Exception as e: print(e)",
        cwd=clone.parent,
    )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory) -> Path:
    """A wheel built from an sdist built from a copy of the sources: what a release goes through."""
    work = tmp_path_factory.mktemp("build")
    copy = work / "source"
    copy.mkdir()
    for name in SOURCES:
        shutil.copy2(root / name, copy / name)
    for name in FOLDERS:
        shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", work / "dist", copy, cwd=work)
    (built,) = (work / "dist").glob("*.whl")
    return built


@pytest.mark.slow
def test_wheel_has_one_name_every_module_and_every_asset(wheel, package_folders):
    names = zipfile.ZipFile(wheel).namelist()
    (top_level,) = (name for name in names if name.endswith("top_level.txt"))
    assert zipfile.ZipFile(wheel).read(top_level).decode().split() == ["tia2"]
    packed = {name for name in names if ".dist-info/" not in name}
    expected = set()
    for package, folder in package_folders.items():
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                expected.add(f"{package.replace('.', '/')}/{path.relative_to(folder).as_posix()}")
    assert packed == expected


@pytest.mark.slow
def test_wheel_runs_outside_the_checkout(wheel, setup_cfg, tmp_path):
    target = tmp_path / "site"
    pip = (sys.executable, "-m", "pip", "install", "--no-deps", "--no-compile", "--quiet")
    run(*pip, "--target", target, wheel, cwd=tmp_path)
    environment = {"PYTHONPATH": str(target), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    code = (
        "import importlib, sys, tia2\n"
        "for name in sys.argv[2:]: importlib.import_module(name)\n"
        "wrong = {n: m.__file__ for n, m in sys.modules.items()\n"
        "         if n.split('.')[0] == 'tia2' and not (m.__file__ or '').startswith(sys.argv[1])}\n"
        "sys.exit(f'from elsewhere: {wrong}' if wrong else 0)\n"
    )
    run(sys.executable, "-c", code, target, *setup_cfg["options"]["packages"].split(), cwd=Path("/"), env=environment)
    assert "quickstart" in run(sys.executable, target / "bin" / "tia2", "--help", cwd=Path("/"), env=environment)


DISTRIBUTION = {"PIL": "pillow", "sklearn": "scikit-learn"}
OPTIONAL = {
    "accelerate", "av", "diffusers", "gradio", "httpx", "open_clip", "peft", "safetensors", "starlette", "tokenizers",
    "ray", "torch", "transformers", "uvicorn", "wandb", "yaml",
}  # fmt: skip
"""What extras bring, themselves or with what they need: gradio its starlette, huggingface_hub its httpx."""
"""What only an extra brings: imported where it is used, with a hint when it's missing."""


def test_every_import_is_declared(setup_cfg, package_folders):
    declared = {re.split(r"[<>=\[]", line)[0] for line in setup_cfg["options"]["install_requires"].split()}
    used = {}
    for path in (path for folder in package_folders.values() for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            else:
                continue
            for name in names:
                used.setdefault(name.split(".")[0], path)
    outside = {DISTRIBUTION.get(name, name): path for name, path in used.items() if name not in sys.stdlib_module_names}
    # Type checkers know tia2.finetune by its folder.
    for own in ("tia2", "finetune", "leaderboard"):
        outside.pop(own, None)
    assert set(outside) - OPTIONAL <= declared, outside
    assert declared <= set(outside), "declared, but never imported"


def closure(requirements: Iterable[str], extra: str) -> dict[str, Distribution]:
    """The distributions that pip would install for these requirements, as they are in the running environment."""
    chosen: dict[str, Distribution] = {}
    waiting = [(Requirement(line), extra) for line in requirements]
    seen = set()
    while waiting:
        requirement, wanted = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": wanted}):
            continue
        distribution = metadata.distribution(requirement.name)
        assert requirement.specifier.contains(distribution.version, prereleases=True), requirement
        name = canonicalize_name(requirement.name)
        chosen[name] = distribution
        for further in {"", *requirement.extras} - {more for known, more in seen if known == name}:
            seen.add((name, further))
            waiting += [(Requirement(line), further) for line in distribution.requires or ()]
    return chosen


def owners() -> Counter[str]:
    """How many distributions of the running environment have files in each folder or file beside their metadata."""
    records = (distribution.read_text("RECORD") or "" for distribution in metadata.distributions())
    return Counter(name for record in records for name in {re.split("[/,]", line)[0] for line in record.splitlines()})


def link(distribution: Distribution, target: Path, shared: Counter[str]) -> None:
    """Put a distribution into a folder for packages, as links to what its record lists.

    A folder in which no other distribution has a file is one link, so that what Python compiled there is there too.
    """
    for file in distribution.files or ():
        if file.parts[0] == "..":
            continue
        part = file if shared[file.parts[0]] > 1 else Path(file.parts[0])
        source, link = Path(distribution.locate_file(part)), target / part
        if source.exists() and not link.is_symlink():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(source.resolve())


def ask(endpoint: str, *arguments: object) -> str:
    """Call an endpoint of gradio's as curl would: one request for an event, one for what comes of it."""
    body = json.dumps({"data": arguments}).encode()
    request = urllib.request.Request(endpoint, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{endpoint}/{event}", timeout=60) as answer:
        return answer.read().decode()


@pytest.mark.slow
def test_the_leaderboard_runs_from_the_wheel_without_torch(wheel, root, tmp_path):
    """What a Space does: install `tia2[leaderboard]` in a fresh environment, and run app.py as it is.

    What pip would download is linked from the running environment: exactly what the wheel declares, and what that
    declares in turn. Whatever isn't declared isn't there.
    """
    fresh = tmp_path / "fresh"
    venv.create(fresh, with_pip=False, symlinks=os.name != "nt")
    python = fresh / ("Scripts" if os.name == "nt" else "bin") / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    zipfile.ZipFile(wheel).extractall(packages)
    (installed,) = metadata.distributions(path=[str(packages)])
    shared = owners()
    for distribution in closure(installed.requires, "leaderboard").values():
        link(distribution, packages, shared)
    code = "from importlib.metadata import distributions; print(*{d.name.lower() for d in distributions()})"
    names = set(run(python, "-I", "-c", code, cwd=tmp_path).split())
    assert {"tia2", "gradio"} <= names
    assert not {"torch", "transformers"} & names
    hidden = "from importlib.util import find_spec; print(*map(find_spec, ('torch', 'transformers')))"
    assert run(python, "-I", "-c", hidden, cwd=tmp_path).split() == ["None", "None"]
    app = shutil.copy(root / "leaderboard" / "app.py", tmp_path / "app.py")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "HF_HOME": str(tmp_path / "hf"),
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
    }
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen([python, app], cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 300
        while True:
            said = (tmp_path / "log").read_text()
            assert running.poll() is None, said
            assert time.monotonic() < deadline, said
            try:
                board = ask(f"http://127.0.0.1:{port}/gradio_api/call/leaderboard", "mini", "overall", "auroc")
                break
            except OSError:
                time.sleep(0.2)
        assert "mini-strong + TextNorm (cv)" in board
        assert '"rank": 1' in board
    finally:
        running.terminate()
        running.wait(30)
