"""The folder layout of the released repository, which is also that of `data_dir=`.

human_annotations/human_labels_{subset}.json    {file name: {image, caption, human_labels}}
prompts/prompt_set_{subset}.json                {prompt: [contrastive prompt, ...]}
images/{subset}/image_{prompt}_{i}_{j}.jpg      optional; or images/{subset}.zip, .tar, .tar.gz, .tgz
"""

from __future__ import annotations

import os
from pathlib import Path

from tia2.errors import BenchmarkError

DATA_DIR_VARIABLE = "TIA2_DATA_DIR"


def labels_file(subset: str) -> str:
    """Return the path of a subset's votes, relative to the layout's root."""
    return f"human_annotations/human_labels_{subset}.json"


def prompts_file(subset: str) -> str:
    """Return the path of a subset's prompts, relative to the layout's root."""
    return f"prompts/prompt_set_{subset}.json"


def resolve_data_dir(data_dir: str | os.PathLike[str] | None) -> Path | None:
    """Return the local copy to read, as an absolute path, or None when there is none.

    Args:
        data_dir: A folder in upstream's layout. If None, the variable TIA2_DATA_DIR is asked.

    Returns:
        The folder, absolute with links resolved, so that every spelling of it is one cache entry.

    Raises:
        BenchmarkError: The folder isn't there, or holds neither annotations nor images.
    """
    origin = "data_dir" if data_dir is not None else DATA_DIR_VARIABLE
    given = data_dir if data_dir is not None else os.environ.get(DATA_DIR_VARIABLE) or None
    if given is None:
        return None
    folder = Path(given).expanduser().resolve()
    if not folder.is_dir():
        raise BenchmarkError(f"{origin} is {str(given)!r}, but {folder} is not a folder. {_EXPECTED}")
    if not has_annotations(folder) and not (folder / "images").is_dir():
        raise BenchmarkError(f"{origin} is {str(given)!r}, but {folder} holds none of these. {_EXPECTED}")
    return folder


def has_annotations(folder: Path) -> bool:
    """Return whether a folder is meant to bring its own votes and prompts."""
    return (folder / "human_annotations").is_dir() or (folder / "prompts").is_dir()


_EXPECTED = "Expected human_annotations/ and prompts/ (optionally images/); `tia2 data download --to DIR` makes one."
