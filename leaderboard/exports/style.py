"""How the offline page looks, and what it does when a header is clicked."""

from __future__ import annotations

CSS = """
:root { --page: #ffffff; --ink: #1f2933; --quiet: #5b6672; --line: #dde2e7; --soft: #f4f6f8; --accent: #2f6690; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181d; --ink: #e6e9ec; --quiet: #a3adb8; --line: #333b44; --soft: #1d232a; --accent: #7fb4d8; }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; background: var(--page); color: var(--ink); font: 16px/1.5 Arial, sans-serif; }
body { max-width: 76rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .3rem; }
p, dd, li { max-width: 46rem; }
a { color: var(--accent); }
nav a { display: inline-block; margin-right: 1rem; }
.quiet, figcaption { color: var(--quiet); font-size: .9rem; }
.warning { border-left: 3px solid #b8860b; padding-left: .7rem; }
label { display: block; margin: 1rem 0; }
input { font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--line); border-radius: 4px;
  padding: .3rem .5rem; width: min(22rem, 100%); }
.scroll { overflow: auto; max-height: 44rem; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: .875rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .5rem .6rem; color: var(--quiet); }
th, td { padding: .35rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
thead th { position: sticky; top: 0; background: var(--soft); z-index: 2; padding: 0; }
thead button { all: unset; box-sizing: border-box; cursor: pointer; width: 100%; padding: .45rem .6rem;
  font-weight: bold; }
thead button:focus-visible, a:focus-visible, .scroll:focus-visible, summary:focus-visible {
  outline: 2px solid var(--accent); outline-offset: -2px; }
th[aria-sort="ascending"] button::after { content: " ▲"; }
th[aria-sort="descending"] button::after { content: " ▼"; }
.text { text-align: left; }
tbody th { position: sticky; left: 0; background: var(--page); font-weight: normal; text-align: left; z-index: 1;
  white-space: normal; min-width: min(16rem, 38vw); max-width: 20rem; overflow-wrap: anywhere; }
.chip { border: 1px solid var(--line); border-radius: 1em; padding: 0 .5em; margin-left: .3em; font-size: .7rem;
  color: var(--quiet); white-space: nowrap; }
.bound { font-style: italic; }
.people th, .people td { background: var(--soft); }
figure { margin: 1.5rem 0; }
dt { font-weight: bold; margin-top: .6rem; }
dd { margin: 0; overflow-wrap: anywhere; }
details { border-bottom: 1px solid var(--line); padding: .35rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
@media print { .scroll { max-height: none; overflow: visible; } label { display: none; } }
"""

SCRIPT = """
"use strict";
const figures = JSON.parse(document.getElementById("figures").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--quiet").trim();
for (const [id, figure] of Object.entries(figures)) {
  const place = document.getElementById(id);
  figure.layout.font.color = ink();
  Plotly.newPlot(place, figure.data, figure.layout, {responsive: true, displayModeBar: false});
  dark.addEventListener("change", () => Plotly.relayout(place, {"font.color": ink()}));
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = Array.from(table.tHead.rows[0].cells), body = table.tBodies[0];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const first = head.dataset.first, other = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    const sign = order === "ascending" ? 1 : -1, number = head.dataset.kind === "number";
    const key = (row) => row.cells[column].dataset.value;
    const rows = Array.from(body.rows).map((row) => [key(row), row]);
    rows.sort(([a], [b]) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      return sign * (number ? Number(a) - Number(b) : a.localeCompare(b));
    });
    body.append(...rows.map(([, row]) => row));
    heads.forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order);
  }));
}
const filter = document.getElementById("filter");
filter.addEventListener("input", () => {
  const wanted = filter.value.toLowerCase();
  for (const row of document.querySelectorAll("table.sortable > tbody:first-of-type > tr")) {
    row.hidden = !row.dataset.name.includes(wanted);
  }
});
"""
