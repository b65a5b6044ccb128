"""The layouts that are known, by name."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from tia2.benchmark.layouts.evalmuse import EVALMUSE
from tia2.benchmark.layouts.hpdv2 import HPDV2
from tia2.benchmark.layouts.imagerewarddb import IMAGEREWARDDB
from tia2.benchmark.layouts.layout import Layout
from tia2.benchmark.layouts.pick_a_pic import PICK_A_PIC
from tia2.benchmark.layouts.richhf import RICHHF

LAYOUTS = MappingProxyType({layout.name: layout for layout in (PICK_A_PIC, IMAGEREWARDDB, HPDV2, EVALMUSE, RICHHF)})
"""By name, in the order in which they are tried: ImageRewardDB's images have ranks as HPDv2's prompts do."""


def layout_of(columns: Iterable[str]) -> Layout | None:
    """Return the layout that a table with these columns is in, None where it is none.

    Args:
        columns: Names of the columns.

    Example:
        >>> layout_of(["prompt", "image_path", "rank"]).name
        'hpdv2'
        >>> layout_of(["prompt", "image", "rating"]) is None
        True
    """
    names = list(columns)
    return next((layout for layout in LAYOUTS.values() if layout.fits(names)), None)
