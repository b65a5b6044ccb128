"""What stands in the page's head: a description, and a script that fetches ahead what other tabs take long to start."""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr

HEAVY = "PlotlyPlot-*.js"
"""Gradio's script that draws figures: 4.6 MB, which take more than a second to fetch and start."""
HEAD = """
<meta name="description" content="How well reward models for text-to-image agree with people.">
<script>
  document.documentElement.lang = "en";
  addEventListener("pointerdown", () => { window.tia2Clicked = performance.now(); }, true);
  window.tia2Prepare = () => navigator.connection?.saveData || (window.requestIdleCallback ?? setTimeout)(async () => {
    await Promise.all(MODULES.map(one => import(one)));
    // A first figure, that nobody sees, compiles what the others need.
    const place = document.body.appendChild(document.createElement("div"));
    place.style.cssText = "position: absolute; left: -9999px; width: 300px; height: 200px; visibility: hidden";
    const trace = {x: [0, 1], y: [0, 1], name: "", error_x: {array: [1, 1]}};
    await window.Plotly?.newPlot(place, [trace, {...trace, type: "bar"}], {showlegend: true, width: 300, height: 200});
    window.Plotly?.purge(place);
    place.remove();
  });
</script>
"""


def head() -> str:
    """Return it."""
    folder = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
    modules = [f"./assets/{path.name}" for path in sorted(folder.glob(HEAVY))]
    return HEAD.replace("MODULES", json.dumps(modules))
