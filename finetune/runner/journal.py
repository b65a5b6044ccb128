"""A run's journal: one line per epoch and evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tia2.errors import FinetuneError
from tia2.files import write_atomically

EPOCH, EVALUATION = "epoch", "evaluation"
"""The kinds of records."""

_FIELDS = MappingProxyType({EPOCH: set[str](), EVALUATION: {"updates", "kl", "step_kl"}})


class Journal:
    """Records as lines of JSON, each with its kind and its epoch.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record.

        Raises:
            FinetuneError: The file can't be written.
        """
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_line(record))
        except OSError as error:
            raise FinetuneError(f"{self.path} can't be written: {error.strerror or error}.") from None

    def records(self) -> list[dict[str, Any]]:
        """Return the records in order; an end without its newline, as a killed run leaves it, is passed over.

        Raises:
            FinetuneError: A line is damaged, or the file can't be read.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FinetuneError(f"{self.path} can't be read: {error.strerror or error}.") from None
        return [self._record(number, line) for number, line in enumerate(content.split(b"\n")[:-1], start=1)]

    def forget_after(self, epoch: int) -> None:
        """Drop the records of later epochs, and an unfinished end.

        Args:
            epoch: The last epoch to keep.
        """
        kept = [record for record in self.records() if record["epoch"] <= epoch]
        write_atomically(self.path, "".join(map(_line, kept)).encode(), FinetuneError)

    def _record(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            record = json.loads(line.decode())
            if not isinstance(record["epoch"], int) or not _FIELDS[record["kind"]] <= set(record):
                raise ValueError
        except (ValueError, TypeError, LookupError):
            raise FinetuneError(
                f"{self.path} is damaged in line {number}. Restore it from a copy, or delete that line: reports then "
                "leave its epoch out."
            ) from None
        checked: dict[str, Any] = record
        return checked


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"
