"""Several processes that score into one folder, one per device of this machine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from tia2.errors import ScoreTableError

ALL = "all"
PROGRAM = (sys.executable, "-m", "tia2", "score")
_PAUSE = 0.1
"""Seconds between two looks at the workers."""
_PATIENCE = 60
"""Seconds that workers have to write what they have begun, once they are asked to stop."""


def devices_of(given: str) -> list[str]:
    """Return the devices that a text names: names separated by commas, or `all` for every GPU of this machine.

    Args:
        given: Text such as "cuda:0,cuda:1", or "all". A device that is named twice gets two workers.

    Raises:
        ScoreTableError: No device is named, or there is no GPU.

    Example:
        >>> devices_of("cpu, cpu")
        ['cpu', 'cpu']
    """
    if given.strip() == ALL:
        import torch

        count = torch.cuda.device_count()
        if not count:
            raise ScoreTableError(
                "--devices all found no GPU on this machine. Leave it out, or name devices: --devices cpu,cpu."
            )
        return [f"cuda:{number}" for number in range(count)]
    devices = [device.strip() for device in given.split(",")]
    if not all(devices):
        raise ScoreTableError(f"--devices is {given!r}; expected all, or devices separated by commas: cuda:0,cuda:1.")
    return devices


def words_of(settings: Mapping[str, Any]) -> list[str]:
    """Return options of a command as its words.

    Args:
        settings: Values by the option's name: a list for one that is repeated, True for one without a value, None or
            False for one that isn't given.

    Example:
        >>> words_of({"reward": ["a", "b"], "overwrite": False, "batch-size": 8, "json": True})
        ['--reward=a', '--reward=b', '--batch-size=8', '--json']
    """
    words: list[str] = []
    for setting, given in settings.items():
        if isinstance(given, list):
            words += [f"--{setting}={value}" for value in given]
        elif given is True:
            words.append(f"--{setting}")
        elif given is not None and given is not False:
            words.append(f"--{setting}={given}")
    return words


def run_workers(words: Sequence[str], devices: Sequence[str], program: Sequence[str] = PROGRAM) -> list[str]:
    """Run `tia2 score` once per device, each with a part of its own, until all workers have ended.

    The first worker shows its progress. A worker that ends early leaves its part to the others; so the table is
    complete once one of them ends well.

    Args:
        words: Options of `tia2 score`, without --device and --part.
        devices: Devices, one per worker.
        program: Command that the words follow.

    Returns:
        One sentence per worker that ended early while others went on.

    Raises:
        ScoreTableError: All workers ended early; the message is what the first one said.
    """
    workers: list[_Worker] = []
    try:
        for number, device in enumerate(devices):
            share = ("--device", device, "--part", f"{number}/{len(devices)}", "--json")
            workers.append(_Worker.begin([*program, *words, *share], device, quiet=number > 0))
        while any(worker.process.poll() is None for worker in workers):
            time.sleep(_PAUSE)
    finally:
        # Ctrl-C in a terminal reaches them as well; a shard that is whole by then is kept.
        for worker in workers:
            worker.end()
    failed = [worker for worker in workers if worker.process.returncode]
    if len(failed) == len(workers):
        raise ScoreTableError(failed[0].reason())
    return [
        f"The worker on {worker.device} ended early ({worker.reason()}); the others did its part." for worker in failed
    ]


@dataclass(frozen=True)
class _Worker:
    """A process that scores.

    Attributes:
        process: Process.
        device: Device that it uses.
        said: File of its errors.
    """

    process: subprocess.Popen[bytes]
    device: str
    said: IO[bytes]

    @classmethod
    def begin(cls, command: Sequence[str], device: str, *, quiet: bool) -> _Worker:
        said = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the worker has ended and was asked for its reason
        shown = None if not quiet and sys.stderr.isatty() else said
        return cls(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=shown), device, said)

    def end(self) -> None:
        """Ask the process to stop, and wait until it has."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def reason(self) -> str:
        """Return the last line that it said, or the number by which it ended."""
        self.said.seek(0)
        lines = self.said.read().decode(errors="replace").strip().splitlines()
        code = self.process.returncode
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        return lines[-1].removeprefix("error: ") if lines and code > 0 else ended
