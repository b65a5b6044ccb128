"""TFRecord files of tf.train.Example, read without TensorFlow.

A record is its length (8 bytes, little endian), a checksum of that (4), the bytes, and a checksum of these (4). An
Example is a protocol buffer: field 1 of fields 1 (key, value) whose value is a list of bytes (1), floats (2) or whole
numbers (3).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from tia2.errors import BenchmarkError

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MASK = 0xA282EAD8


def tfrecord_examples(path: Path, wanted: Collection[str]) -> Iterator[dict[str, list[Any]]]:
    """Yield some features of every example of a file.

    The checksum of each record's length is checked. That of its bytes, which are mostly heat maps, isn't: in Python it
    would take minutes for a file of a gigabyte.

    Args:
        path: The file.
        wanted: Names of the features.

    Raises:
        BenchmarkError: It can't be read, is cut short, or is no such file.
    """
    number = 0
    try:
        with path.open("rb") as file:
            while head := file.read(12):
                length = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else 0
                if len(head) < 12 or struct.unpack("<I", head[8:])[0] != _masked(head[:8]):
                    raise BenchmarkError(f"{path}: record {number} is damaged, or the file is no TFRecord.")
                body = file.read(length + 4)
                if len(body) < length + 4:
                    raise BenchmarkError(f"{path} ends within record {number}.")
                yield _example(body[:-4], wanted)
                number += 1
    except OSError as error:
        raise BenchmarkError(f"{path} can't be read: {error.strerror or error}.") from None
    except (ValueError, IndexError, KeyError, struct.error) as error:
        raise BenchmarkError(f"{path}: record {number} is no tf.train.Example ({error}).") from None


def _example(content: bytes, wanted: Collection[str]) -> dict[str, list[Any]]:
    features: dict[str, list[Any]] = {}
    for field, message in _fields(content):
        for inner, entry in _fields(message) if field == 1 else ():
            if inner == 1:
                parts = dict(_fields(entry))
                name = parts[1].decode()
                if name in wanted:
                    features[name] = _values(parts.get(2, b""))
    return features


def _values(feature: bytes) -> list[Any]:
    for kind, values in _fields(feature):
        if kind == 1:
            return [text for _, text in _fields(values)]
        if kind == 2:
            return [
                number for _, packed in _fields(values) for number in struct.unpack(f"<{len(packed) // 4}f", packed)
            ]
        if kind == 3:
            return [number for _, packed in _fields(values) for number in _varints(packed)]
    return []


def _fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the fields of a message: number and bytes, whole numbers as their varint."""
    position = 0
    while position < len(content):
        key, position = _varint(content, position)
        start = position
        if key & 7 == _LENGTH:
            length, start = _varint(content, position)
            position = start + length
        elif key & 7 == _VARINT:
            _, position = _varint(content, position)
        elif key & 7 in (_FIXED32, _FIXED64):
            position += 4 if key & 7 == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {key & 7}")
        if position > len(content):
            raise ValueError("it is cut short")
        yield key >> 3, content[start:position]


def _varints(content: bytes) -> Iterator[int]:
    position = 0
    while position < len(content):
        number, position = _varint(content, position)
        yield number - (1 << 64) if number >> 63 else number


def _varint(content: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = content[position]
        number |= (byte & 0x7F) << shift
        position += 1
        if not byte & 0x80:
            return number, position
        shift += 7


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_CRC32C = _table()


def _masked(content: bytes) -> int:
    """Return the masked CRC-32C that TFRecord keeps."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17 & 0xFFFFFFFF)) + _MASK) & 0xFFFFFFFF
