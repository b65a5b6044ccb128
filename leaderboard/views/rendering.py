"""HTML from templates. Whatever a template is given is escaped, unless it comes from a template itself."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tia2.figures.text import clean

from ..data.references import is_https
from . import formats

PACKAGE = "tia2.leaderboard"


def render(template: str, **values: Any) -> str:
    """Return a whole document; text in it loses what would turn its direction or break its lines.

    Args:
        template: Name of a file in `templates`.
        **values: Values that the template shows.
    """
    return _environment(one_line=True).get_template(template).render(**values)


def macro(template: str, name: str, *values: Any) -> Markup:
    """Return a part of a page.

    Args:
        template: Name of a file in `templates`.
        name: Name of a macro in it.
        *values: Its arguments.

    Example:
        >>> macro("parts.html", "note", "<script>")
        Markup('<p class="tia2-note">&lt;script&gt;</p>')
    """
    html: Markup = getattr(_environment(one_line=False).get_template(template).module, name)(*values)
    return html


def source(name: str) -> Markup:
    """Return a style sheet or a script of `templates` as it is, fit to stand in its element."""
    return Markup((files(PACKAGE) / "templates" / name).read_text(encoding="utf-8"))


@cache  # Compiled templates; they depend on nothing but the package's files.
def _environment(one_line: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader(PACKAGE, "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_on_one_line if one_line else None,
    )
    environment.tests |= {"https": is_https, "known": _is_known}
    environment.filters |= {"figure": formats.figure, "exact": repr}
    environment.globals |= {"no_value": formats.NO_VALUE, "brackets": formats.brackets}
    return environment


def _on_one_line(value: Any) -> Any:
    return clean(value) if type(value) is str else value


def _is_known(value: float | None) -> bool:
    # NaN is the only number that isn't equal to itself.
    return value is not None and value == value
