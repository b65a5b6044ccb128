"""Small files that lie on the web and on no hub: example images, and the weights of one head."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tia2.errors import DownloadError
from tia2.files import cache_dir, replacing, write_atomically

if TYPE_CHECKING:
    import requests

TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes."""

PIECE = 1 << 20
"""Number of bytes of a large file that are held at a time."""


def fetch_url(url: str, sha256: str | None = None) -> Path:
    """Download a file, unless it is in the cache already, and return its path.

    Args:
        url: Address of the file, http or https.
        sha256: Expected digest, in hex; any file will do if None.

    Raises:
        DownloadError: Not reachable, not there, or not the expected file; a file that isn't is not kept.
    """
    path = _cached(url)
    if not path.is_file() or sha256 not in (None, hashlib.sha256(path.read_bytes()).hexdigest()):
        write_atomically(path, _download(url, sha256), DownloadError, "HF_HOME moves the cache.")
    return path


def fetch_large(url: str) -> Path:
    """Download a file of weights piece by piece, unless it is in the cache already, and return its path.

    Args:
        url: Address of the file, http or https.

    Raises:
        DownloadError: Not reachable, not there, or cut off; what came is not kept.
    """
    import requests

    path = _cached(url)
    if path.is_file():
        return path
    try:
        answer = requests.get(url, timeout=TIMEOUT, stream=True)
    except (requests.RequestException, OSError) as error:
        raise DownloadError(f"Could not download {url}: {_in_words(error)}.") from error
    with answer:
        _check_answer(url, answer)
        with replacing(path, DownloadError, "HF_HOME moves the cache.") as temporary, temporary.open("wb") as file:
            try:
                for piece in answer.iter_content(PIECE):
                    file.write(piece)
            except requests.RequestException as error:  # an OSError, which `replacing` would take for a full disk
                raise DownloadError(f"Could not download {url}: {_in_words(error)}.") from error
            promised = None if answer.headers.get("Content-Encoding") else answer.headers.get("Content-Length")
            if promised is not None and int(promised) != file.tell():
                raise DownloadError(f"Could not download {url}: {file.tell()} of {promised} bytes came.")
    return path


def is_unreachable(error: BaseException) -> bool:
    """Whether an error, or one that it stems from, says that a server could not be reached.

    Example:
        >>> is_unreachable(ConnectionRefusedError()), is_unreachable(ValueError())
        (True, False)
    """
    import requests
    from huggingface_hub.errors import LocalEntryNotFoundError

    unreachable = (ConnectionError, TimeoutError, LocalEntryNotFoundError, requests.RequestException)
    link: BaseException | None = error
    while link is not None:
        # The hub's client speaks through httpx, which goes by several package names.
        names = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(link).__mro__}
        if isinstance(link, unreachable) or names & {"httpx.TransportError", "httpx2.TransportError"}:
            return True
        link = link.__cause__ or link.__context__
    return False


def _download(url: str, sha256: str | None) -> bytes:
    import requests

    try:
        answer = requests.get(url, timeout=TIMEOUT)
    except (requests.RequestException, OSError) as error:
        raise DownloadError(f"Could not download {url}: {_in_words(error)}.") from error
    _check_answer(url, answer)
    digest = hashlib.sha256(answer.content).hexdigest()
    if sha256 not in (None, digest):
        raise DownloadError(
            f"{url} is not the published file: expected sha256 {str(sha256)[:12]}…, got {digest[:12]}…. "
            "It was not kept."
        )
    return answer.content


def _cached(url: str) -> Path:
    name = Path(unquote(urlsplit(url).path)).name or "file"
    return cache_dir() / "rewards" / hashlib.sha256(url.encode()).hexdigest()[:16] / name


def _check_answer(url: str, answer: requests.Response) -> None:
    if answer.status_code != 200:
        raise DownloadError(f"Could not download {url}: the server answered {answer.status_code} {answer.reason}.")


def _in_words(error: OSError) -> str:
    import requests

    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    return "no connection" if isinstance(error, requests.ConnectionError) else "the connection was cut off"
