"""Addresses that lead from a figure to what stands behind it."""

from __future__ import annotations

from urllib.parse import quote_plus

from ..data.board import Board


def items_door(board: Board, prompt_id: str, entry_id: str, beside: str = "") -> str:
    """Return the address of a prompt's images as an entry orders them, those most at odds with people first.

    Args:
        board: The board.
        prompt_id: Id of the prompt.
        entry_id: Id of the entry.
        beside: Id of another entry, whose ranks stand beside; none if empty.

    Returns:
        The query part of an address; empty for a board without items.

    Example:
        >>> items_door(board, "counting/3", "mini-web")  # doctest: +SKIP
        '?benchmark=mini&tab=items&prompt=counting%2F3&ie=mini-web&order=disagreement'
    """
    if not board.benchmark.items_kept:
        return ""
    # Not `urlencode`, which takes three times as long: a page of the board's table has hundreds of these.
    benchmark, prompt, entry, other = map(quote_plus, (board.benchmark.name, prompt_id, entry_id, beside))
    address = f"?benchmark={benchmark}&tab=items&prompt={prompt}&ie={entry}&order=disagreement"
    return f"{address}&with={other}" if other else address
