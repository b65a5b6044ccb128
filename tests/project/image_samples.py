"""A small sound file of every image format that Pillow reads, and damaged copies of files."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

SIDE = 8
PIXELS = bytes(range(SIDE * SIDE))
STUBS = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
"""Formats that Pillow names and doesn't decode by itself."""


def samples() -> dict[str, list[bytes]]:
    """Return files by format: written by Pillow in several modes where it can, by hand where it can't."""
    Image.init()
    files = {name: [content] for name, content in BY_HAND.items()}
    for name in sorted(set(Image.OPEN) - set(files)):
        files[name] = list(_written(name))
    return files


def _written(name: str) -> Iterator[bytes]:
    rng = np.random.default_rng(0)
    colours = Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
    for mode in ("RGB", "L", "P", "RGBA", "1", "F"):
        for options in OPTIONS.get(name, ({},)):
            file = io.BytesIO()
            # Not all formats take all modes, and some say so by errors of their own.
            try:
                colours.convert(mode).save(file, name, **options)
            except Exception:
                continue
            yield file.getvalue()


OPTIONS = {
    "BLP": ({"blp_version": "BLP1"}, {"blp_version": "BLP2"}),
    "DDS": ({}, {"pixel_format": "DXT1"}, {"pixel_format": "BC5"}),
    "GIF": ({}, {"save_all": True, "append_images": [Image.new("RGB", (SIDE, SIDE))]}),
    "ICO": ({"sizes": [(SIDE, SIDE)]}, {"sizes": [(SIDE, SIDE)], "bitmap_format": "bmp"}),
    "TIFF": tuple({"compression": name} for name in (None, "tiff_lzw", "packbits", "tiff_adobe_deflate")),
    "JPEG": ({}, {"progressive": True}),
    "SGI": ({}, {"rle": True}),
    "TGA": ({}, {"compression": "tga_rle"}),
}


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with one thing wrong: cut off, bits turned, a number made extreme, a part gone or there twice."""
    end = len(content)
    if end < 4:
        return bytes(rng.integers(0, 256, 8, dtype=np.uint8))
    # Headers decide most; half of the damage is there.
    place = int(rng.integers(0, end if rng.random() < 0.5 else min(end, 64)))
    match int(rng.integers(0, 5)):
        case 0:
            return content[:place]
        case 1:
            changed = bytearray(content)
            for _ in range(int(rng.integers(1, 6))):
                changed[int(rng.integers(0, min(end, 128)))] ^= 1 << int(rng.integers(0, 8))
            return bytes(changed)
        case 2:
            extreme = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0")[int(rng.integers(0, 4))]
            return content[:place] + extreme + content[place + 4 :]
        case 3:
            return content[:place] + content[place + int(rng.integers(1, 32)) :]
        case _:
            return content[:place] + content[max(0, place - 16) : place] + content[place:]


def _cursor() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), "red").save(file, "ICO", sizes=[(SIDE, SIDE)], bitmap_format="bmp")
    return b"\0\0\2\0" + file.getvalue()[4:]


def _pcx_in_dcx() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), "red").save(file, "PCX")
    return struct.pack("<III", 987654321, 12, 0) + file.getvalue()


def _fits() -> bytes:
    cards = ["SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    2"]
    cards += [f"NAXIS1  = {SIDE:20}", f"NAXIS2  = {SIDE:20}", "END"]
    return "".join(card.ljust(80) for card in cards).encode().ljust(2880) + PIXELS.ljust(2880, b"\0")


def _fli() -> bytes:
    chunk = struct.pack("<IH", 6 + len(PIXELS), 16) + PIXELS
    frame = struct.pack("<IHH8x", 16 + len(chunk), 0xF1FA, 1) + chunk
    header = struct.pack("<IHHHHHHI", 128 + len(frame), 0xAF12, 1, SIDE, SIDE, 8, 3, 10)
    return header.ljust(128, b"\0") + frame


def _mcidas() -> bytes:
    words = [0] * 64
    words[1], words[8], words[9], words[10], words[13] = 4, SIDE, SIDE, 1, 1
    words[33] = 256
    return struct.pack(">64i", *words) + PIXELS


def _pixar() -> bytes:
    header = bytearray(512)
    header[:4] = b"\200\350\0\0"
    struct.pack_into("<HHHH", header, 416, SIDE, SIDE, 0, 0)
    struct.pack_into("<HH", header, 424, 14, 2)
    return bytes(header).ljust(1024, b"\0") + PIXELS * 3


def _photo_cd() -> bytes:
    header = bytearray(96 * 2048)
    header[2048:2052] = b"PCD_"
    return bytes(header) + bytes(768 * 512 * 3 // 2)


def _psd() -> bytes:
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, SIDE, SIDE, 8, 3)
    return header + struct.pack(">III", 0, 0, 0) + struct.pack(">H", 0) + PIXELS * 3


def _xpm() -> bytes:
    rows = ",\n".join(f'"{"ab" * (SIDE // 2)}"' for _ in range(SIDE))
    head = f'/* XPM */\nstatic char *a[] = {{\n"{SIDE} {SIDE} 2 1",\n"a c #ff0000",\n"b c #00ff00",\n'
    return f"{head}{rows}}};\n".encode()


def _iptc() -> bytes:
    def field(record: int, tag: int, content: bytes) -> bytes:
        return bytes([0x1C, record, tag]) + struct.pack(">H", len(content)) + content

    size = struct.pack(">I", SIDE)
    return (
        field(3, 60, b"\x01\x00") + field(3, 65, b"\x01") + field(3, 20, size) + field(3, 30, size)
        + field(3, 120, b"\x01") + field(8, 10, PIXELS)
    )  # fmt: skip


BY_HAND = {
    "BUFR": b"BUFR" + bytes(32),
    "CUR": _cursor(),
    "DCX": _pcx_in_dcx(),
    "FITS": _fits(),
    "FLI": _fli(),
    "FTEX": b"FTEX" + struct.pack("<iiiiiiiii", 0, SIDE, SIDE, 1, 1, 1, 32, 3 * len(PIXELS), 0) + PIXELS * 3,
    "GBR": struct.pack(">IIIII", 30, 2, SIDE, SIDE, 1) + b"GIMP" + struct.pack(">I", 10) + b"a\0" + PIXELS,
    "GRIB": b"GRIB\0\0\0\1" + bytes(32),
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(32),
    "IMT": b"pixel n8\nwidth 8\nheight 8\n\x0c" + PIXELS,
    "IPTC": _iptc(),
    "MCIDAS": _mcidas(),
    "MPEG": b"\0\0\1\xb3" + bytes([0, 0x80, 8]) + bytes(16),
    "PCD": _photo_cd(),
    "PIXAR": _pixar(),
    "PSD": _psd(),
    "SUN": struct.pack(">IIIIIIII", 0x59A66A95, SIDE, SIDE, 8, SIDE * SIDE, 1, 0, 0) + PIXELS,
    "WMF": b"\xd7\xcd\xc6\x9a\0\0" + struct.pack("<hhhhHI", 0, 0, 100, 100, 96, 0) + b"\0\0\1\0\t\0" + bytes(32),
    "XPM": _xpm(),
    "XVTHUMB": b"P7 332\n#XVVERSION:1\n#END_OF_COMMENTS\n8 8 255\n" + PIXELS,
}
