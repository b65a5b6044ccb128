"use strict";
// Going back and forward, keys, picking two entries, and the address and citation of what is shown.
(() => {
  const one = query => document.querySelector(query);
  window.tia2Shown = usual => {
    const { title, fixed, here } = JSON.parse(usual || "{}");
    if (title) document.title = title;
    if (here) window.tia2Tab = here;
    if (location.hash === "#tia2-detail") one("#tia2-detail")?.scrollIntoView({ block: "start" });
    const url = new URL(location.href), before = url.search;
    for (const [name, text] of Object.entries(fixed ?? {})) {
      if (text) url.searchParams.set(name, text); else url.searchParams.delete(name);
    }
    url.search = url.search.replaceAll("%2C", ",").replaceAll("%7E", "~");
    if (Object.keys(fixed ?? {}).length && url.search !== before) history.replaceState(history.state, "", url);
  };
  // Every step has an address that says all, so going back is opening it again.
  addEventListener("popstate", () => location.reload());
  const say = text => { one("#tia2-copied").textContent = text; };
  const copy = async (text, what) => {
    try {
      await navigator.clipboard.writeText(text);
      say(`${what} copied.`);
    } catch {
      say(`Copying isn't allowed here: ${text}`);
    }
  };
  // A figure on paper has a white page, the ink of paper, and says what it is.
  const save = async (button, ending) => {
    const above = [...document.querySelectorAll(".js-plotly-plot")].filter(plot => plot.checkVisibility()
      && plot.compareDocumentPosition(button) & Node.DOCUMENT_POSITION_FOLLOWING).at(-1);
    if (!above || !window.Plotly) return;
    const about = one("#tia2-about").dataset, date = new Date().toISOString().slice(0, 10), margin = above.layout.margin ?? {};
    const subset = [...document.querySelectorAll("fieldset")].find(box => box.checkVisibility() && box.innerText.startsWith("Subset"))
      ?.querySelector("label:has(input:checked)")?.innerText.trim();
    const name = button.dataset.name, part = subset && !name.includes(subset) && !name.includes("over all") ? [subset] : [];
    const title = [name, ...part, about.title, date].join(" · ") + ("simulated" in about ? " · simulated votes" : "");
    const layout = {
      ...above.layout, paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff", font: { ...above.layout.font, color: "#1f2933" },
      margin: { ...margin, t: (margin.t ?? 30) + 34 }, height: above.offsetHeight + 34, width: above.offsetWidth,
      title: { text: title.replace(/[<>&]/g, sign => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;" })[sign]), x: 0.01, xanchor: "left",
        y: 0.99, yanchor: "top", font: { size: 13 } },
    };
    const filename = `tia2-${title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")}`;
    const figure = { data: above.data, layout }, size = { height: layout.height, width: layout.width };
    if (ending === "pdf") await print(figure, size, title);
    else await window.Plotly.downloadImage(figure, { format: ending, filename, ...size, scale: ending === "png" ? 2 : 1 });
  };
  // Browsers write PDF themselves, with letters of every script as letters: a page of the figure's size is printed.
  const print = async (figure, size, title) => {
    const address = await window.Plotly.toImage(figure, { format: "svg", ...size });
    const frame = document.body.appendChild(document.createElement("iframe")), was = document.title;
    frame.style.cssText = "position: absolute; left: -9999px; width: 0; height: 0; border: 0";
    frame.tabIndex = -1;
    frame.setAttribute("aria-hidden", "true");
    const page = frame.contentDocument, style = page.createElement("style"), image = new Image();
    style.textContent = `@page { size: ${size.width}px ${size.height}px; margin: 0; } body { margin: 0; } img { display: block; }`;
    Object.assign(image, { ...size, src: address, alt: title });
    page.head.append(style);
    page.body.append(image);
    await image.decode();
    frame.contentWindow.addEventListener("afterprint", () => {
      document.title = was;
      frame.remove();
    });
    // The file is named for one or the other title.
    document.title = page.title = title;
    frame.contentWindow.print();
  };
  // What had the focus was taken away or can't be used any more: keys go on from here.
  window.tia2Refocus = query => {
    const active = document.activeElement, element = one(query);
    if (!element || (active && active !== document.body && !active.disabled)) return;
    if (element.tabIndex < 0) element.tabIndex = -1;
    element.focus({ preventScroll: true });
  };
  window.tia2Answered = id => requestAnimationFrame(() => {
    const box = one(`#${id}`);
    box?.scrollIntoView({ block: "nearest" });
    window.tia2Refocus(`#${id}`);
    one("#tia2-aloud").textContent = box?.querySelector("textarea")?.value ?? "";
  });
  const cite = () => {
    const date = new Date().toISOString().slice(0, 10), address = location.href.replace(/[{}\\^`|\s]/g, encodeURIComponent);
    return one("#tia2-about").dataset.cite.replaceAll("DATE", date).replace("PERMALINK", () => address);
  };
  // Rows that are folded stand in their button, or are asked for when it is pressed.
  const ask = async (endpoint, ...data) => {
    const answer = await fetch(`gradio_api/run/${endpoint}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ data }) });
    if (!answer.ok) throw new Error(answer.statusText);
    return (await answer.json()).data[0];
  };
  const unfold = async button => {
    if (button.getAttribute("aria-busy") === "true") return;
    const open = button.getAttribute("aria-expanded") !== "true", model = button.dataset.unfold;
    const rows = () => document.querySelectorAll(`[data-of="${CSS.escape(model)}"]`);
    if (open && !rows().length) {
      button.setAttribute("aria-busy", "true");
      try {
        const html = button.dataset.rows ?? await ask("variants", location.search, model);
        button.closest("tr").insertAdjacentHTML("afterend", html);
        showPicked();
      } catch {
        say("The other entries couldn't be fetched: try again.");
        return;
      } finally {
        button.removeAttribute("aria-busy");
      }
    }
    button.setAttribute("aria-expanded", String(open));
    for (const row of rows()) row.hidden = !open;
  };
  addEventListener("click", event => {
    const button = event.target.closest?.("button");
    if (!button) return;
    if ("copy" in button.dataset) copy(location.href, "Link");
    if ("copyCite" in button.dataset) copy(cite(), "Citation");
    if ("figure" in button.dataset) save(button, button.dataset.figure);
    if ("cite" in button.dataset) {
      const box = one("#tia2-cite");
      box.hidden = !box.hidden;
      button.setAttribute("aria-expanded", String(!box.hidden));
      one("#tia2-cite pre").textContent = cite();
    }
    if ("enlarge" in button.dataset) {
      const large = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(large));
      button.closest("li").classList.toggle("tia2-large", large);
    }
    if ("unfold" in button.dataset) unfold(button);
    if ("unpick" in button.dataset) {
      picked = [];
      showPicked();
      window.tia2Refocus("#tia2-board .tia2-board-scroll");
    }
  });
  // A point of a figure that has an address leads there.
  addEventListener("click", event => {
    const door = event.target.closest?.(".js-plotly-plot")?._hoverdata?.[0]?.customdata;
    if (typeof door === "string" && door.startsWith("?")) location.href = door;
  }, true);
  // Two entries to compare: a third lets go of the first. They stay picked when other rows are shown.
  let picked = [];
  const benchmark = () => one("#tia2-about")?.dataset.title;
  const showPicked = () => {
    picked = picked.filter(entry => entry.benchmark === benchmark());
    for (const box of document.querySelectorAll("input[data-pick]")) box.checked = picked.some(({ id }) => id === box.dataset.pick);
    const bar = one("#tia2-picked"), [first, second] = picked;
    if (!bar) return;
    bar.hidden = !first;
    bar.querySelector("span").textContent = first && !second ? `Pick another to compare with ${first.name}.` : "";
    const link = bar.querySelector("a");
    link.hidden = !second;
    if (!second) return;
    const query = new URLSearchParams({ tab: "compare", a: first.id, b: second.id }), here = new URLSearchParams(location.search);
    for (const name of ["benchmark", "subset"]) if (here.get(name)) query.set(name, here.get(name));
    link.href = `?${query}`;
    link.textContent = `Compare ${first.name} with ${second.name}`;
  };
  addEventListener("change", event => {
    const box = event.target.closest?.("input[data-pick]");
    if (!box) return;
    const { pick: id, name } = box.dataset;
    picked = picked.filter(entry => entry.id !== id).slice(box.checked ? -1 : 0);
    if (box.checked) picked.push({ id, name, benchmark: benchmark() });
    showPicked();
  });
  // Stands at the end of the board's table: what is in view is painted before the rows below it are drawn.
  customElements.define("tia2-drawn", class extends HTMLElement {
    connectedCallback() {
      showPicked();
      const later = this.parentElement.querySelector("template");
      if (later) requestAnimationFrame(() => requestAnimationFrame(() => {
        later.replaceWith(later.content);
        showPicked();
      }));
    }
  });
  // What is typed into a menu searches it, so it must not be added to what was chosen.
  const menus = 'input[role="combobox"], .wrap input[role="listbox"]';
  let named = "";
  addEventListener("focusin", event => {
    if (!event.target.matches?.(menus)) return;
    const box = event.target, was = box.value;
    named = was;
    box.select();
    // The press that brought the focus places the caret after this.
    setTimeout(() => { if (box.value === was) box.select(); });
  });
  // A menu that is filled shows all of it, until the next key: that is pressed here for what was typed before it came.
  window.tia2Offered = () => {
    const box = document.activeElement;
    if (!box?.matches(menus) || box.value === named) return;
    box.dispatchEvent(new KeyboardEvent("keydown", { key: "Shift", bubbles: true }));
  };
  addEventListener("keydown", event => {
    const tab = event.target.closest?.('[role="tab"]');
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (!tab || step === undefined) return;
    const tabs = [...tab.closest('[role="tablist"]').querySelectorAll('[role="tab"]')].filter(other => other.getClientRects().length);
    const place = tabs.indexOf(tab) + step;
    const next = step === -Infinity ? tabs[0] : step === Infinity ? tabs.at(-1) : tabs[(place + tabs.length) % tabs.length];
    event.preventDefault();
    next.focus();
    next.click();
  });
})();
