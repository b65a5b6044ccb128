"""The app: a header, the tabs, and the server that shows them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import gradio as gr
from starlette.middleware import Middleware

from tia2.errors import LeaderboardError, first_line

from ..data.board import Board
from ..data.boards import Live
from ..data.store import Store
from ..exports.bibtex import reference_of_view
from ..submissions.limits import LIMITS, MIB
from ..views.rendering import macro
from .api import add_api
from .entrance.guard import Guard, served_names, trusting
from .entrance.uploads import Uploads
from .parts import Frame
from .surroundings import prepare_temporary_folder, without_proxies
from .tabs.order import CHAPTERS
from .theme import css, head, icon, theme
from .visitors import FilledMenus, LatestQuestions
from .wiring import MountedTab, add_variants, visit, wire

TEMPLATE = "app.html"
SENTENCE = "How well reward models for text-to-image agree with people, how sure that is, and where they fail."
HOUR = 3600
WAITING = 256


def build_app(source: Live | Store | str | os.PathLike[str]) -> gr.Blocks:
    """Return the app; `launch` serves it.

    Args:
        source: The boards, or the store or folder that they come from.

    Example:
        >>> build_app("runs/leaderboard")  # doctest: +SKIP
    """
    return _build(_live(source)).app


class _Built(NamedTuple):
    app: gr.Blocks
    tabs: list[MountedTab]
    endpoints: dict[str, Callable[..., Any]]


def _build(live: Live) -> _Built:
    name = live.store.name
    with gr.Blocks(title=name, analytics_enabled=False, fill_width=True, delete_cache=(HOUR, 24 * HOUR)) as app:
        board = live.board()
        busy = gr.HTML(macro(TEMPLATE, "busy"), elem_id="tia2-busy")
        gr.HTML(macro(TEMPLATE, "header", name, SENTENCE))
        benchmark = gr.Dropdown(
            [(listed.benchmark.title, key) for key, listed in live.boards.items()],
            value=board.benchmark.name,
            label="Benchmark",
            visible=len(live.boards) > 1,
            elem_id="tia2-benchmark",
        )
        notice = gr.HTML(notice_of(board))
        missing = gr.HTML(elem_id="tia2-missing")
        gr.HTML(macro(TEMPLATE, "share"), elem_id="tia2-share")
        address, first, asked = (gr.Textbox(visible=False) for _ in range(3))
        tabs = []
        with gr.Tabs(elem_id="tia2-tabs") as container:
            for chapter in CHAPTERS:
                with gr.Tab(chapter.title, id=chapter.id) as item:
                    tabs.append(MountedTab(chapter.build(live), item))
        endpoints = {**add_api(live), **add_variants(live, tabs[0].tab)}
        frame = Frame(
            benchmark, notice, missing, container, address, first, asked, busy, LatestQuestions(), FilledMenus()
        )
        wire(app, live, tabs, frame, notice_of)
    app.queue(default_concurrency_limit=4, max_size=WAITING)
    return _Built(app, tabs, endpoints)


def launch(
    source: Live | Store | str | os.PathLike[str],
    *,
    host: str | None = None,
    port: int | None = None,
    open_browser: bool = False,
    wait: bool = True,
    public_hosts: Sequence[str] = (),
    proxies: Sequence[str] = (),
) -> gr.Blocks:
    """Build the app and serve it.

    Args:
        source: The boards, or the store or folder that they come from.
        host: Address to listen at; what the environment says if None, else this machine only.
        port: The next free one from 7860 on if None.
        open_browser: Whether to open a browser.
        wait: Whether to return only when the server is stopped.
        public_hosts: Names that it is served under, beside this machine's; with those in `TIA2_HOSTS`.
        proxies: Addresses or networks of proxies that say where visitors come from; with those in `TIA2_PROXIES`.

    Returns:
        The app; its `local_url` says where it is.

    Raises:
        LeaderboardError: There is no port to listen at, or no folder for temporary files.
    """
    live = _live(source)
    prepare_temporary_folder(live.store.folder)
    app, tabs, endpoints = _build(live)
    guard = Middleware(Guard, names=served_names(public_hosts, host), endpoints=endpoints, uploads=Uploads())
    _open_tabs(live, tabs, tabs[:1])
    try:
        with without_proxies(), trusting(proxies):
            app.launch(
                **options(live, guard),
                server_name=host,
                server_port=port,
                inbrowser=open_browser,
                prevent_thread_lock=True,
            )
    except OSError as error:
        raise LeaderboardError(
            f"The leaderboard can't be served: {first_line(error)} Is the machine very busy, or the port taken? Try "
            "again, or choose another with --port."
        ) from None
    # Only the first tab is waited for: whoever comes can read it while the others get ready.
    live.prepare(lambda: _open_tabs(live, tabs, tabs[1:]))
    if wait:
        app.block_thread()
    return app


def _open_tabs(live: Live, tabs: Sequence[MountedTab], opened: Sequence[MountedTab]) -> None:
    """Open tabs as a visitor does, so that the first one needn't wait for what that loads."""
    for tab, _ in opened:
        with suppress(gr.Error, OSError):  # for visitors to see
            visit(live, tabs, notice_of, {"tab": tab.id})


def options(live: Live, guard: Middleware) -> dict[str, Any]:
    """Return what `gradio.Blocks.launch` takes beside where to listen: looks, limits, and what is never served.

    Args:
        live: The boards.
        guard: The guard in front of the app.
    """
    return {
        "theme": theme(),
        "css": css(),
        "head": head(),
        "favicon_path": icon(),
        "quiet": True,
        "ssr_mode": False,
        # Gradio asks its own server for a page and gives up when that takes more than three seconds, as on a busy
        # machine. The server has answered by then: `launch` waits for its startup events, as long as they take.
        "_frontend": False,
        "run_history": False,
        "footer_links": ["api", "settings"],
        "max_file_size": f"{LIMITS.upload // MIB}mb",
        "blocked_paths": [os.path.abspath(live.store.folder)],
        "app_kwargs": {"middleware": [guard]},
    }


def notice_of(board: Board) -> str:
    """Return what is said of a benchmark above its tabs."""
    record = board.benchmark
    size = f"{len(board):,} entries, {len(board.prompts):,} prompts, {record.items:,} items."
    return macro(TEMPLATE, "notice", record, size, reference_of_view(board))


def _live(source: Live | Store | str | os.PathLike[str]) -> Live:
    if isinstance(source, Live):
        return source
    return Live(source if isinstance(source, Store) else Store(source))
