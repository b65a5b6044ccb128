"""The released annotations: a pinned commit, a checksum for every file, and a download that keeps whole files only."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tia2.benchmark.configs import SUBSETS
from tia2.benchmark.upstream.layout import DATA_DIR_VARIABLE, has_annotations, labels_file, prompts_file
from tia2.errors import DownloadError
from tia2.files import cache_dir, replacing

if TYPE_CHECKING:
    import requests

REPOSITORY = "kykim0/TextNorm"
COMMIT = "5ed52025b1c4a62f31765165a14dff41d304b4a9"
IMAGES_URL = "https://drive.google.com/drive/folders/1sgWSzlFm740PFCngcRmsgN2J5oPYncCW"
BASE_URL_VARIABLE = "TIA2_BASE_URL"
SHA256 = {
    labels_file("comprehensive"): "eeb31f73d1cf53c3a169c303d66f40b02f1f52cd0c1198efcfe283a6158ce0cf",
    labels_file("counting"): "58b9a8a4bc934cc3fd60e01f851fd82b2dc8df1d1c60f27a8b568ebb50520d17",
    labels_file("composition"): "f7b1710c969f72b4d9c80e8360a01bb4666a877aa83e1d200cd28ef19ca48d46",
    prompts_file("comprehensive"): "e99dc45050babe26656f2012fb8ba118452cebc6eb034af5d11e0b2f3f197a60",
    prompts_file("counting"): "09e9364d29d2e6ac20e2c8a1e701e7fe53a69835ade83fe4236bf423eea4b52b",
    prompts_file("composition"): "de5da1f63d6f5051824aba05355820ecc76e14cd65217f4f15b22bf44fbd3136",
}
ATTEMPTS = 4
FIRST_WAIT = 0.5
TIMEOUT = (10.0, 30.0)
_CHUNK = 1 << 16
_ELSEWHERE = f"A local copy works too: --data-dir, data_dir= or {DATA_DIR_VARIABLE}."


def base_url() -> str:
    """Return where the files are fetched from: the pinned commit on GitHub, or the mirror that TIA2_BASE_URL names."""
    default = f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}"
    return (os.environ.get(BASE_URL_VARIABLE) or default).rstrip("/")


def annotation_files(subsets: Iterable[str] = SUBSETS) -> list[str]:
    """Return the relative paths of the subsets' votes and prompts."""
    return [path for subset in subsets for path in (labels_file(subset), prompts_file(subset))]


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def annotations_root(data_dir: Path | None, subsets: Iterable[str]) -> Path:
    """Return a folder with the subsets' annotations: the local copy's own, or downloaded ones.

    Args:
        data_dir: A resolved local copy, or None. One that holds images alone gets the released annotations.
        subsets: The subsets that are needed.

    Returns:
        A folder in upstream's layout.

    Raises:
        DownloadError: A file could not be fetched whole and unaltered.
    """
    if data_dir is not None and has_annotations(data_dir):
        return data_dir
    root = cache_dir() / "annotations" / COMMIT
    fetch_annotations(root, subsets)
    return root


def fetch_annotations(
    root: Path, subsets: Iterable[str] = SUBSETS, report: Callable[[str, bool], None] | None = None
) -> None:
    """Put the subsets' released annotations under a folder; what is there and unaltered stays.

    Args:
        root: The folder to fill, in upstream's layout.
        subsets: The subsets to fetch.
        report: Called for each file with its relative path and whether it had to be fetched.

    Raises:
        DownloadError: A file could not be fetched whole and unaltered; files that are complete are kept.
    """
    for path in annotation_files(subsets):
        target = root / path
        stale = not (target.is_file() and sha256_of(target) == SHA256[path])
        if stale:
            download(f"{base_url()}/{path}", target, SHA256[path])
        if report is not None:
            report(path, stale)


def download(url: str, target: Path, sha256: str) -> None:
    """Fetch one file, check it, and put it in place at once.

    A server error (5xx, 429), a cut-off, a timeout or a refused connection is tried again, with a growing pause;
    a missing file or a wrong checksum is not, for it would not get better.

    Args:
        url: The address.
        target: Where the file goes; parent folders are made.
        sha256: The expected checksum, in hex.

    Raises:
        DownloadError: It failed; the text says why and what to do.
    """
    import requests

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        # Before anything is fetched, since what can't be kept need not be asked for.
        raise DownloadError(
            f"{target} can't be written: {error.strerror or error}. HF_HOME moves the cache. {_ELSEWHERE}"
        ) from None
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with requests.get(url, stream=True, timeout=TIMEOUT) as response:
                problem = _status_problem(url, response)
                if problem is None:
                    _keep_if_intact(url, response, target, sha256)
                    return
        except requests.RequestException as error:
            problem = _in_words(error)
        if attempt < ATTEMPTS:
            time.sleep(FIRST_WAIT * 2 ** (attempt - 1))
    raise DownloadError(f"Could not download {url}: {problem}, {ATTEMPTS} times in a row. {_ELSEWHERE}")


def _status_problem(url: str, response: requests.Response) -> str | None:
    """Return what is wrong for now, None when nothing is; raise for what stays wrong."""
    status = response.status_code
    if status >= 500 or status == 429:
        return f"the server answered {status} {response.reason}"
    if status != 200:
        raise DownloadError(f"Could not download {url}: the server answered {status} {response.reason}. {_ELSEWHERE}")
    return None


def _keep_if_intact(url: str, response: requests.Response, target: Path, sha256: str) -> None:
    digest = hashlib.sha256()
    with replacing(target, DownloadError, f"HF_HOME moves the cache. {_ELSEWHERE}") as unfinished:
        with unfinished.open("wb") as stream:
            for chunk in response.iter_content(_CHUNK):
                digest.update(chunk)
                stream.write(chunk)
        if digest.hexdigest() != sha256:
            raise DownloadError(
                f"{url} is not the released file: expected sha256 {sha256[:12]}…, got {digest.hexdigest()[:12]}… "
                f"({unfinished.stat().st_size:,} bytes). It was not kept. {_ELSEWHERE}"
            )


def _in_words(error: requests.RequestException) -> str:
    import requests

    if isinstance(error, requests.ConnectTimeout | requests.ReadTimeout):
        return "the server did not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return "the connection was cut off before the end"
    if isinstance(error, requests.ConnectionError):
        text = str(error)
        return "the server did not answer in time" if "timed out" in text else "no connection"
    return f"{type(error).__name__}: {error}"
