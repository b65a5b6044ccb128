"""What a tab of the app is made of, so that the app can wire addresses and refreshes the same way for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..board import Board

Query = Mapping[str, str]
"""The parameters of the page's address, as text. Anybody may write anything there."""


class Param(NamedTuple):
    """A control whose value stands in the page's address.

    Attributes:
        name: In the address.
        component: The control.
        restore: Returns an update of the control (choices and value) for a board and an address; unknown text gives the
            default, never an error.
        render: For a control that changes a small part of the tab: called as the tab's `render`, returns one value an
            output of `outputs`. None if the whole tab is shown anew.
        outputs: What that fills.
        after: Events, such as the `success` of a click's handler, after which the control counts as changed.
    """

    name: str
    component: Any
    restore: Callable[[Board, Query], Any]
    render: Callable[..., Any] | None = None
    outputs: Sequence[Any] = ()
    after: Sequence[Any] = ()


class Tab(NamedTuple):
    """A tab: its controls, and how they become what is shown.

    Attributes:
        id: In the address, as `tab`.
        params: The controls.
        render: Called with the benchmark's name and the value of every control in order; returns one value an output.
        outputs: The components that `render` fills.
    """

    id: str
    params: Sequence[Param]
    render: Callable[..., Any]
    outputs: Sequence[Any]
