"""Shared fixtures. Upstream material lies beside the checkout and is never part of it."""

from __future__ import annotations

import gc
import importlib.util
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import entry_points
from io import StringIO
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

import pytest
from _pytest.doctest import DoctestModule
from filelock import FileLock
from hypothesis import HealthCheck, settings

# A busy machine is no reason to fail.
settings.register_profile("tia2", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tia2")

COMMAND = "import sys; from tia2.cli import main; sys.exit(main())"
"""What the program `tia2` does."""

TESTS = Path(__file__).resolve().parent
IMPORTED = pytest.StashKey[int]()
"""How many modules were imported when the garbage collector was last told that they stay."""

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_configure() -> None:
    # Torch, transformers and gradio make objects by the hundred thousand, few of them garbage. Looking for garbage
    # after every 700, which is Python's default, takes a sixth of the tests' time.
    gc.set_threshold(10_000, 10, 10)
    # Where Python is told to keep no compiled files, each process that tests start would compile all modules again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Python that is started in the background of a script ignores Ctrl-C, which tests press.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        found = importlib.util.find_spec("tia2.leaderboard")
    except ModuleNotFoundError:
        found = None
    if found is None:
        pytest.exit("tia2 is not installed in this environment: run `pip install -e '.[dev]'` first", returncode=4)
    if "leaderboard" not in {point.name for point in entry_points(group="tia2.commands")}:
        pytest.exit("tia2's entry points have changed since: run `pip install --no-deps -e .` again", returncode=4)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Look for examples in docstrings of the library only: searching the modules of tests takes seconds."""
    collectors = yield
    in_tests = file_path.is_relative_to(TESTS)
    return [collector for collector in collectors if not (in_tests and isinstance(collector, DoctestModule))]


def pytest_sessionstart(session: pytest.Session) -> None:
    # Several processes take the files in the order below, rather than those with the most tests first.
    if hasattr(session.config.option, "loadscopereorder"):
        session.config.option.loadscopereorder = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that have the most slow tests: one that is begun last keeps a single process busy."""
    if hasattr(config, "workerinput"):
        slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
        items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish() -> None:
    # Modules and tests stay to the end: the collector need not look at a million objects of theirs again and again.
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def imports_stay(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nor need it look at what tests import on the way, which is most of all objects in the end.

    Where memory runs out, tia2 asks for a collection each time, which would take half a second.
    """
    yield
    stash = request.config.stash
    if len(sys.modules) > stash.get(IMPORTED, 0) + 200:
        gc.collect()
        gc.freeze()
        stash[IMPORTED] = len(sys.modules)


def _shared_folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs the upstream material in {folder}, which is not there")
    return folder


@pytest.fixture(scope="session")
def tia2_dir() -> Path:
    """The released annotations, in the upstream layout."""
    return _shared_folder("tia2")


@pytest.fixture(scope="session")
def oracles_dir() -> Path:
    """Scores that upstream code of the reward models gave on tiny weights."""
    return _shared_folder("oracles")


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys, monkeypatch) -> Callable[..., Said]:
    """Run a command in this process, as wide as a terminal of 80 columns."""
    from datasets import disable_progress_bars

    from tia2.cli import main

    disable_progress_bars()  # A command in a process of its own does so through the environment.
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: object) -> Said:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def shell() -> Callable[..., Said]:
    """Run a command in a process of its own."""

    def run(*words: object, code: str = COMMAND, **kwargs) -> Said:
        done = subprocess.run(
            [sys.executable, "-c", code, *(str(word) for word in words)], capture_output=True, text=True, **kwargs
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run


class QuickstartSaid(NamedTuple):
    """What `tia2 quickstart` said, and the folder into which it wrote; not to be changed."""

    said: Said
    folder: Path


@pytest.fixture(scope="session")
def quickstart(once) -> QuickstartSaid:
    """The quickstart on the benchmark and the reward models that ship, run once for all tests."""

    def fill(folder: Path) -> None:
        from tia2.cli import main

        # In this process, which has imported most of what it needs: a third of its time in one of its own.
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(StringIO()) as out,
            redirect_stderr(StringIO()) as err,
        ):
            patch.chdir(folder)
            patch.setenv("COLUMNS", "80")
            code = main(["quickstart", "--out", str(folder / "out")])
        said = Said(code, out.getvalue(), err.getvalue())
        (folder / "said.json").write_text(json.dumps(said), encoding="utf-8")

    folder = once("quickstart", fill)
    return QuickstartSaid(Said(*json.loads((folder / "said.json").read_text(encoding="utf-8"))), folder / "out")


FORKED = """
import gc, os, signal, sys
gc.freeze()  # What was imported before the fork: looking at all of it for garbage would copy the memory it lies in.
# A test run in the background of a script ignores Ctrl-C, and so would what it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
for stream, path in zip((sys.stdout, sys.stderr), {streams!r}):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, stream.fileno())
sys.argv[1:] = {words!r}
exec({code!r}, {{"__name__": "__main__"}})
"""
PRELOADED = (
    "numpy", "pandas", "datasets", "PIL.Image", "pyarrow.parquet", "scipy.stats", "tia2.cli", "tia2.benchmark",
    "tia2.calibration", "tia2.commands.score", "tia2.commands.prompts", "tia2.evaluation", "tia2.prompts",
    "tia2.rewards", "tia2.scoring", "tia2.leaderboard.data.board", "tia2.leaderboard.data.index", "pytest",
)  # fmt: skip
"""What the programs import that tests start in order to kill them, and pytest, which a new process imports first."""


class Forked(NamedTuple):
    """A process that a test may kill, and the file of what it writes to stderr."""

    process: BaseProcess
    err: Path

    def wait(self, seconds: float | None = None) -> int | None:
        """Return its exit code once it has ended, below 0 for the signal that ended it; None if it runs on."""
        self.process.join(seconds)
        return self.process.exitcode


@pytest.fixture(scope="session")
def fork(tmp_path_factory) -> Callable[..., Forked]:
    """Start a program in a process of its own: code as for `python -c`, and words for sys.argv.

    It is a fork of a process that has imported tia2 and has no threads, so that it begins at once.
    """
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload([*PRELOADED])

    def start(*words: object, code: str = COMMAND) -> Forked:
        folder = tmp_path_factory.mktemp("forked")
        streams = (str(folder / "out"), str(folder / "err"))
        program = FORKED.format(streams=streams, words=[str(word) for word in words], code=code)
        process = context.Process(target=exec, args=(program, {}), daemon=True)
        process.start()
        return Forked(process, folder / "err")

    start(code="").wait()  # The first one waits until everything is imported.
    return start


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Make a folder once for all processes that run tests: its name, and what fills it. It is only read."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    base = tmp_path_factory.getbasetemp() if alone else tmp_path_factory.getbasetemp().parent

    def get(name: str, fill: Callable[[Path], object]) -> Path:
        folder = base / name
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                folder.mkdir()
                try:
                    fill(folder)
                except BaseException:
                    shutil.rmtree(folder)
                    raise
        return folder

    return get
