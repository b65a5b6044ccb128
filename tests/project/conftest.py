from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import code_survey
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def setup_cfg() -> ConfigParser:
    parser = ConfigParser(delimiters=("=",), interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


@pytest.fixture(scope="session")
def package_folders(setup_cfg: ConfigParser) -> dict[str, Path]:
    """Root packages and the folders they lie in, as package_dir maps them."""
    lines = setup_cfg["options"]["package_dir"].split("\n")
    return {name.strip(): ROOT / folder.strip() for name, folder in (line.split("=") for line in lines if line)}


@pytest.fixture(scope="module")
def modules() -> list[code_survey.Source]:
    """Every module of the library, each parsed once."""
    return code_survey.sources()
