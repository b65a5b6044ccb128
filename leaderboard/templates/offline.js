
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
