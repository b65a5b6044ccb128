"""Folders of whole files, on this machine or in an object store: named by a path, or by a URL such as s3://bucket/name.

Example:
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as path:
    ...     folder = stored_folder(path)
    ...     folder.write("a.txt", b"whole")
    ...     folder.names(), folder.create("a.txt", b"too late")
    (['a.txt'], False)
"""

from __future__ import annotations

from tia2.storage.folders import LocalFolder, StoredFolder, absolute, is_url, joined, stored_folder

__all__ = ["LocalFolder", "StoredFolder", "absolute", "is_url", "joined", "stored_folder"]
