"""Two processes at one folder, and Ctrl-C: one writes at a time, and what was stopped resumes to the bit."""

import shutil
import signal
import subprocess
import sys

import pytest

from tia2.errors import FinetuneError
from tia2.finetune.policy.model import DiffusionModel
from tia2.finetune.runner.run import Run


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


HOLDER = """
import sys
from pathlib import Path
from tia2.finetune.runner.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_written_by_one_process_and_a_dead_one_holds_nothing(tmp_path, finished_tiny, tiny):
    path = shutil.copytree(finished_tiny.path, tmp_path / "run")
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        assert (path / "run.lock").read_text().split()[0] == str(holder.pid)
        before = files(path)
        with pytest.raises(FinetuneError, match=f"is being written by process {holder.pid} on .+: wait until it ends"):
            Run(path, tiny())
        assert files(path) == before
        holder.kill()
    assert (path / "run.lock").is_file()
    Run(path, tiny()).go()
    assert not (path / "run.lock").exists()


def test_without_locks_in_the_file_system_the_process_in_the_file_decides(tmp_path, monkeypatch):
    import fcntl
    import platform

    from tia2.finetune.runner.lock import locked

    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path), pytest.raises(FinetuneError, match="is being written by process"), locked(tmp_path):
        pass
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / "run.lock").write_text(f"{dead.pid} {platform.node()}\n")
    with locked(tmp_path):
        pass


@pytest.mark.slow
def test_ctrl_c_at_any_moment_resumes_to_the_same_run(tmp_path, assert_equal_runs, finished_tiny, tiny, monkeypatch):
    """In measuring the base model's KL, then in training, then in the last evaluation."""
    predict, left = DiffusionModel.predict, 0

    def interrupted(self, *args):
        nonlocal left
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGINT)
        return predict(self, *args)

    monkeypatch.setattr(DiffusionModel, "predict", interrupted)
    for moment in (3, 14, 19):
        left = moment
        with pytest.raises(KeyboardInterrupt):
            Run(tmp_path / "run", tiny()).go()
        assert not (tmp_path / "run" / "run.lock").exists()
    assert_equal_runs(finished_tiny, Run(tmp_path / "run", tiny()).go())
