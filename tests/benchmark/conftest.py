"""A tiny benchmark in upstream's layout, and caches that no test shares with the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tia2.benchmark.configs import SUBSETS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def isolated_caches(tmp_path, monkeypatch):
    """Give each test caches of its own, and no settings from outside."""
    import datasets
    import huggingface_hub.constants

    from tia2.benchmark import builder

    home = tmp_path / "hf-home"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", home / "datasets")
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", home / "datasets" / "downloads")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HOME", str(home))
    monkeypatch.setenv("HF_HOME", str(home))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(home / "datasets"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("TIA2_DATA_DIR", raising=False)
    monkeypatch.delenv("TIA2_BASE_URL", raising=False)
    builder._tell_once.cache_clear()
    return home


def jpeg(seed: int, size: tuple[int, int] = (16, 16)) -> bytes:
    """Return a small JPEG that differs from seed to seed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG")
    return stream.getvalue()


class Layout:
    """A folder in upstream's layout: 2 prompts of 3 items in each subset, votes [1, 1, 0], [1, 0, -1], [0, 0, 0]."""

    votes = ([1, 1, 0], [1, 0, -1], [0, 0, 0])

    def __init__(self, root: Path) -> None:
        self.root = root
        for subset in SUBSETS:
            prompts = {f"{subset} prompt {number}": [f"{subset} other {number}", "same"] for number in range(2)}
            labels = {}
            for number, prompt in enumerate(prompts):
                for column, votes in enumerate(self.votes):
                    name = f"image_{number}_0_{column}.jpg"
                    labels[name] = {"image": name, "caption": prompt, "human_labels": votes}
            # Reversed, for the order of prompts in one released file isn't that of the votes.
            self.write(f"prompts/prompt_set_{subset}.json", dict(reversed(prompts.items())))
            self.write(f"human_annotations/human_labels_{subset}.json", labels)

    def write(self, path: str, content: object) -> Path:
        """Write text as it is, anything else as JSON."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return target

    def read(self, path: str) -> dict:
        """Read JSON."""
        return json.loads((self.root / path).read_text(encoding="utf-8"))

    def pictures(self, subset: str) -> dict[str, bytes]:
        """Return a JPEG for each item of a subset."""
        labels = self.read(f"human_annotations/human_labels_{subset}.json")
        return {name: jpeg(hash_of(f"{subset}/{name}")) for name in labels}

    def add_images(self, subset: str, kind: str = "folder", inside: str = "", **changes: bytes | None) -> Path:
        """Write a subset's images as files or as an archive; `changes` replace (or, None, leave out) some."""
        pictures = self.pictures(subset)
        for stem, content in changes.items():
            pictures.pop(f"{stem}.jpg", None)
            if content is not None:
                pictures[f"{stem}.jpg"] = content
        images = self.root / "images"
        images.mkdir(exist_ok=True)
        if kind == "folder":
            folder = images / subset / inside
            folder.mkdir(parents=True)
            for name, content in pictures.items():
                (folder / name).write_bytes(content)
            return images / subset
        path = images / f"{subset}.{kind}"
        if kind == "zip":
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in pictures.items():
                    archive.writestr(f"{inside}{name}", content)
        else:
            with tarfile.open(path, "w:gz" if kind in ("tar.gz", "tgz") else "w") as archive:
                for name, content in pictures.items():
                    member = tarfile.TarInfo(f"{inside}{name}")
                    member.size = len(content)
                    archive.addfile(member, BytesIO(content))
        return path


def hash_of(text: str) -> int:
    """Return a number for a text, the same in every process."""
    return zlib.crc32(text.encode())


@pytest.fixture
def layout(tmp_path) -> Layout:
    """A tiny benchmark without images; `layout.root` is its folder."""
    return Layout(tmp_path / "tiny")


@pytest.fixture
def make_jpeg():
    """Return a function (seed, size) -> bytes."""
    return jpeg


@pytest.fixture
def run_python(tmp_path):
    """Run Python code in a process of its own and return (exit code, stdout, stderr)."""

    def run(code: str, cwd: Path | None = None, **environment: str):
        work = cwd or tmp_path / "elsewhere"
        work.mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=work,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


FORKS = """
import datasets, json, os, sys, traceback
sys.argv = ["-c"]
for line in sys.stdin:
    task = json.loads(line)
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(task[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    os.chdir(task["cwd"])
    exec(task["code"], {"__name__": "__main__"})
    break
"""


@pytest.fixture(scope="module")
def datasets_imported(tmp_path_factory) -> Iterator[subprocess.Popen[str]]:
    """A process that has imported datasets and nothing of tia2's, and forks for each task that it is given."""
    caches = tmp_path_factory.mktemp("caches")
    environment = {**os.environ, "HF_HOME": str(caches), "HF_DATASETS_CACHE": str(caches / "datasets")}
    command = [sys.executable, "-c", FORKS]
    with subprocess.Popen(
        command, cwd=caches, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def run_after_datasets(datasets_imported, tmp_path):
    """Do what `run_python` does in a fork of a process that has imported datasets, which takes a second."""

    def run(code: str, cwd: Path | None = None):
        work = cwd or tmp_path / "elsewhere"
        work.mkdir(exist_ok=True)
        written = {name: tmp_path / name for name in ("stdout", "stderr")}
        task = {"code": code, "cwd": str(work), **{name: str(path) for name, path in written.items()}}
        datasets_imported.stdin.write(json.dumps(task) + "\n")
        datasets_imported.stdin.flush()
        status = int(datasets_imported.stdout.readline())
        return status, *(path.read_text(encoding="utf-8") for path in written.values())

    return run


@pytest.fixture
def repository() -> Path:
    """The repository's root."""
    return ROOT
