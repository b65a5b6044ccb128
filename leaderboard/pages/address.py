"""What stands in the page's address, and how text from there becomes a value: only what is on a list gets through."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import parse_qsl

from .parts import Query

SEPARATOR = ","
"""Between the values of a control that has several. No id or name of ours has one."""
LONGEST = 8000
WRITE = """
(address, ...values) => {
  const names = NAMES, tab = TAB, usual = values.pop() || "{}", first = JSON.parse(usual);
  if (tab && tab !== window.tia2Tab) {
    if (!window.tia2Tab || !SELECTS) return [STAY, ...values, usual];
    window.tia2Tab = tab;
  } else if (SELECTS) return [STAY, ...values, usual];
  const url = new URL(window.location.href), before = url.search;
  const put = (name, value) => {
    const text = Array.isArray(value) ? value.join(",") : String(value ?? "");
    if (text === (first[name] ?? "")) url.searchParams.delete(name); else url.searchParams.set(name, text);
  };
  names.forEach((name, place) => put(name, values[place]));
  if (tab) put("tab", tab);
  url.search = url.search.replaceAll("%2C", ",").replaceAll("%7E", "~");
  if (!SELECTS && url.search === before) return [STAY, ...values, usual];
  const was = new URLSearchParams(before), typed = TYPED;
  const step = ["tab", ...names].some(name => !typed.includes(name) && was.get(name) !== url.searchParams.get(name));
  window.history[step ? "pushState" : "replaceState"](window.history.state, "", url);
  return [url.search, ...values, usual];
}
"""
"""Writes controls into the address, leaving out what the page would show without them; returns what it was given."""
DONE = """
(asked) => {
  const done = (window.tia2Done ??= {});
  if (!asked || (TAB && JSON.parse(asked).tab !== TAB) || done[TAB] === asked) return [STAY];
  done[TAB] = asked;
  return [asked];
}
"""
STAY = "#"
"""An address that says: leave everything as it is. Tabs and text boxes report what the page itself changed, too."""
READY = '(usual) => { window.tia2Tab = JSON.parse(usual || "{}").here; window.tia2Shown(usual); window.tia2Prepare(); }'
"""From then on, selecting a tab is a visitor's doing; and there is time to fetch what other tabs need."""
SHOWN = "(usual) => window.tia2Shown(usual)"
"""Puts what is shown into the title, and takes out of the address what isn't there."""
TYPED = ("q", "lt", "ip")
"""Controls that change with every letter or pixel: going back leads past them."""


def pick(query: Query, name: str, options: Iterable[str], default: str) -> str:
    """Return a parameter if it is one of the options, else the default.

    Example:
        >>> pick({"metric": "<b>"}, "metric", ["auroc", "kendall"], "auroc")
        'auroc'
    """
    text = query.get(name, default)
    return text if text in set(options) else default


def pick_many(query: Query, name: str, options: Iterable[str], default: Sequence[str] = ()) -> list[str]:
    """Return those of a parameter's values that are among the options, in the options' order.

    Example:
        >>> pick_many({"chips": "cv,unheard of"}, "chips", ["raw", "cv"])
        ['cv']
    """
    if name not in query:
        return list(default)
    wanted = set(query[name].split(SEPARATOR))
    return [option for option in options if option in wanted]


def pick_number(query: Query, name: str, low: float, high: float, default: float) -> float:
    """Return a parameter if it is a number in the range, else the default.

    Example:
        >>> pick_number({"t": "nan"}, "t", 0, 1, 0.5)
        0.5
    """
    try:
        number = float(query.get(name, default))
    except ValueError:
        return default
    return number if math.isfinite(number) and low <= number <= high else default


def pick_text(query: Query, name: str, longest: int = 80) -> str:
    """Return a parameter as one line of text, cut where it gets too long.

    Example:
        >>> pick_text({"q": "two  cats "}, "q")
        'two cats'
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in query.get(name, "")).split())[
        :longest
    ]


def as_text(value: object) -> str:
    """Return a control's value as the address has it, the way the page's script writes it.

    Example:
        >>> as_text(["raw", "cv"]), as_text(None), as_text(2.0), as_text(True)
        ('raw,cv', '', '2', 'true')
    """
    if isinstance(value, (list, tuple)):
        return SEPARATOR.join(map(as_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def writer(names: Sequence[str], tab: str = "", selects: bool = False) -> str:
    """Return the script that writes controls into the address.

    Its event's inputs are the address, the controls, and the values on a first visit.

    Args:
        names: The parameters' names, in the order of the controls.
        tab: The id of the controls' tab, to be written too; empty to leave it as it is.
        selects: Whether the event is that the tab was selected.
    """
    return _filled(WRITE, {"NAMES": list(names), "TAB": tab, "SELECTS": selects, "STAY": STAY, "TYPED": list(TYPED)})


def unless_done(tab: str) -> str:
    """Return the script that passes on what a tab was asked for, once; else, and for other tabs, `STAY`.

    Its event's input is what `Frame.asked` carries. An event may report success though it left everything as it was.

    Args:
        tab: The tab's id; empty for any tab.
    """
    return _filled(DONE, {"TAB": tab, "STAY": STAY})


def unknown(query: Query, name: str, value: object, options: Iterable[str]) -> list[str]:
    """Return what an address asks for that isn't there, in its own words.

    Args:
        query: The page's address.
        name: A parameter's name.
        value: Value of its control after the address was read.
        options: Values that there are.

    Example:
        >>> unknown({"chips": "cv,nope"}, "chips", ["cv"], ["raw", "cv"]), unknown({}, "chips", [], [])
        (['nope'], [])
    """
    text = query.get(name, "")
    asked = text.split(SEPARATOR) if isinstance(value, list) else [text]
    there = {*options, as_text(value)}
    return [word for word in asked if word and word not in there]


def parse(address: str) -> dict[str, str]:
    """Return the parameters of an address's query text.

    Example:
        >>> parse("?tab=plots&chips=")
        {'tab': 'plots', 'chips': ''}
    """
    return dict(parse_qsl(address[:LONGEST].partition("#")[0].lstrip("?"), keep_blank_values=True, errors="replace"))


def _filled(script: str, words: Mapping[str, object]) -> str:
    for word, value in words.items():
        script = script.replace(word, json.dumps(value))
    return script.strip()
