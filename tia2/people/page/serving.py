"""Serving a study."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tia2.errors import StudyError, missing_dependency

if TYPE_CHECKING:
    from tia2.people.store.study import Study

FIRST_PORT, PORTS = 7870, 100


@contextmanager
def serving(
    study: Study,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    public_hosts: Sequence[str] = (),
    join: bool = False,
) -> Iterator[str]:
    """Serve a study while a block runs.

    Args:
        study: The study.
        host: Address to listen at.
        port: Port to listen at; the next free one from 7870 on if None.
        public_hosts: Names that the page is served under, beside this machine's.
        join: Whether anybody who reaches the page may become a rater under a new name.

    Yields:
        The address.

    Raises:
        MissingDependencyError: Starlette and uvicorn aren't installed.
        StudyError: The port is taken.
    """
    try:
        import uvicorn

        from tia2.people.page.app import page_app
        from tia2.people.page.protection import served_names
    except ModuleNotFoundError as error:
        raise missing_dependency(f"The page needs {error.name}, which isn't installed", "people") from None
    app = page_app(study, served_names(public_hosts, host), join=join)
    listener = _listening(host, port)
    # Neither lines about requests, which would hold ids, nor a header that says what serves the page.
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::1", "::") else host
        yield f"http://{shown}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def until_stopped() -> None:
    """Wait for Ctrl-C."""
    while True:
        time.sleep(3600)


def _listening(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ports = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else [port]
    problem = "no port is free"
    for number in ports:
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
            listener.listen(128)
        except OSError as error:
            listener.close()
            problem = error.strerror or str(error)
            continue
        return listener
    raise StudyError(f"Nothing can be served at {host}, port {ports[0]}: {problem}.")
