"""Unpacking what somebody sent: only the files that a submission has, no larger than agreed, into a private folder."""

from __future__ import annotations

import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tia2.files import without_folders

from ..limits import LIMITS, MIB, Limits
from .report import RefusedError
from .texts import quote, shown

_FILES = re.compile(
    r"submission\.json|tables/[0-9]{1,2}/(?:manifest\.json|items\.parquet|shards/[0-9]{5}\.parquet)|"
    r"run/(?:run\.json|journal\.jsonl|evaluations/epoch_[0-9]{5}\.parquet)"
)
_FOLDERS = re.compile(r"tables/(?:[0-9]{1,2}/(?:shards/)?)?|run/(?:evaluations/)?")
_END, _END_SIZE, _COMMENT = b"PK\x05\x06", 22, 0xFFFF
_ZIP64, _ZIP64_SIZE = b"PK\x06\x07", 20
_DIRECTORY_ENTRY = 46 + 64
_CHUNK = MIB
BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, OverflowError, NotImplementedError,
    RuntimeError,
)  # fmt: skip
"""What zipfile raises on bytes that aren't what they say."""


@contextmanager
def unpacked(path: Path, limits: Limits = LIMITS) -> Iterator[Path]:
    """Unpack a submission for the time of a block.

    Nothing of it lands anywhere but in a temporary folder that only this user can read.

    Args:
        path: The zip.
        limits: Limits of its content.

    Yields:
        The folder.

    Raises:
        RefusedError: It is no zip, holds anything but a submission's files, or too much.
    """
    with tempfile.TemporaryDirectory(prefix="tia2-submission-", ignore_cleanup_errors=True) as folder:
        try:
            _unpack(path, Path(folder), limits)
        except RefusedError:
            raise
        except BROKEN as error:
            raise _refused(f"The file is damaged, or no zip archive ({_reason(error)}).") from None
        yield Path(folder)


def _unpack(path: Path, folder: Path, limits: Limits) -> None:
    if path.suffix.lower() != ".zip":
        raise _refused(f"A submission is a .zip that `tia2 submit` built, got {quote(path.name)}.")
    if not path.is_file():
        raise _refused(f"There is no file {quote(path.name)}.")
    size = path.stat().st_size
    if size > limits.upload:
        raise _refused(f"The file has {size / MIB:.0f} MiB; at most {limits.upload // MIB} MiB can be submitted.")
    with path.open("rb") as file:
        _check_frame(file, size, limits)
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_members(members, limits)
            left = limits.unpacked
            for member in members:
                if not member.is_dir():
                    left -= _extract(archive, member, folder, left, limits)


def _check_frame(file: IO[bytes], size: int, limits: Limits) -> None:
    """Check what zipfile would believe before it lists members: a list of millions takes gigabytes."""
    if file.read(4) != b"PK\x03\x04":
        raise _refused("The file is no zip archive, whatever its name says: `tia2 submit` builds one.")
    tail = min(size, _COMMENT + _END_SIZE + _ZIP64_SIZE)
    file.seek(size - tail)
    end = file.read(tail)
    at = end.rfind(_END)
    if at < 0 or len(end) - at < _END_SIZE:
        raise _refused("The zip archive is cut off: its end is missing.")
    if at >= _ZIP64_SIZE and end[at - _ZIP64_SIZE : at - _ZIP64_SIZE + 4] == _ZIP64:
        raise _refused("The zip archive is of the kind for more than 4 GiB, which no submission needs.")
    (directory,) = struct.unpack_from("<I", end, at + 12)
    if directory > limits.members * _DIRECTORY_ENTRY:
        raise _refused(f"The zip archive lists more than {limits.members:,} files.")
    file.seek(0)


def _check_members(members: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(members) > limits.members:
        raise _refused(f"The zip archive lists {len(members):,} files; a submission has at most {limits.members:,}.")
    seen: set[str] = set()
    for member in members:
        # As it is in the archive: zipfile cuts `filename` at a zero byte and turns separators round.
        name = member.orig_filename
        if not (_FOLDERS if name.endswith("/") else _FILES).fullmatch(name) or name != member.filename:
            # File managers put a folder on top, add files of their own, or write backslashes.
            raise _refused(
                f"The zip archive holds {quote(name)}, which is no part of a submission. Was it packed again? "
                "Send the file as `tia2 submit` wrote it."
            )
        if name in seen:
            raise _refused(f"The zip archive holds {name} twice.")
        seen.add(name)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFDIR if member.is_dir() else stat.S_IFREG):
            raise _refused(f"{name} in the zip archive is a link or another special file.")
        if member.flag_bits & 0x1:
            raise _refused(f"{name} in the zip archive is encrypted.")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _refused(f"{name} in the zip archive is compressed in an unusual way; use deflate or none.")
        _check_size(name, member.file_size, member.compress_size, limits)
    if "submission.json" not in seen:
        raise _refused("The zip archive has no submission.json: `tia2 submit` builds one that has.")
    if sum(member.file_size for member in members) > limits.unpacked:
        raise _too_large(limits)


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, left: int, limits: Limits) -> int:
    target = folder / member.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with archive.open(member) as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            # Sizes in headers are claims.
            _check_size(member.filename, size, member.compress_size, limits)
            if size > left:
                raise _too_large(limits)
            sink.write(chunk)
    return size


def _check_size(name: str, size: int, packed: int, limits: Limits) -> None:
    if name.endswith(".json") and size > limits.json:
        raise _refused(f"{name} has more than {limits.json // 1024} KiB, which no such file needs.")
    if size > MIB and size > limits.ratio * max(packed, 1):
        raise _refused(
            f"{name} unpacks to more than {limits.ratio} times its size: a zip bomb, or no file of a submission."
        )


def _too_large(limits: Limits) -> RefusedError:
    return _refused(f"The zip archive unpacks to more than {limits.unpacked // MIB} MiB.")


def _reason(error: BaseException) -> str:
    text = without_folders(" ".join(str(error).split()))
    return shown(text, 120).rstrip(".") or type(error).__name__


def _refused(problem: str) -> RefusedError:
    return RefusedError([problem])
