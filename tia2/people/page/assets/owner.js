"use strict";
const token = new URLSearchParams(location.hash.slice(1)).get("t") || "";
const $ = (id) => document.getElementById(id);
const options = { headers: { Authorization: "Bearer " + token }, cache: "no-store" };
const pictures = new Map();

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}
const share = (value) => (value === null ? "–" : Math.round(100 * value) + " %");
const number = (value, digits) => (value === null ? "–" : value.toFixed(digits));

function fact(text, words) {
  const box = document.createElement("div");
  box.append(element("b", text), element("span", words));
  return box;
}

function draw(alphas) {
  const known = alphas.map((alpha, at) => [at, alpha]).filter(([, alpha]) => alpha !== null);
  const space = "http://www.w3.org/2000/svg";
  // As wide as it is shown, so that its letters keep their size on a phone.
  const width = Math.max(240, $("alpha").clientWidth);
  $("alpha").setAttribute("viewBox", "0 0 " + width + " 160");
  const y = (alpha) => 150 - 140 * Math.max(0, Math.min(1, alpha));
  const parts = [0, 0.5, 1].flatMap((level) => {
    const rule = document.createElementNS(space, "line");
    for (const [key, value] of Object.entries({ x1: 30, x2: width, y1: y(level), y2: y(level) })) rule.setAttribute(key, value);
    const label = document.createElementNS(space, "text");
    label.setAttribute("x", 2);
    label.setAttribute("y", y(level) + 4);
    label.textContent = level;
    return [rule, label];
  });
  const curve = document.createElementNS(space, "polyline");
  const last = Math.max(1, alphas.length - 1);
  curve.setAttribute("points", known.map(([at, alpha]) => (34 + ((width - 40) * at) / last) + "," + y(alpha)).join(" "));
  $("alpha").replaceChildren(...parts, curve);
}

async function picture(item) {
  if (!pictures.has(item)) {
    const answered = await fetch("/api/owner/picture/" + item + "/0", options);
    pictures.set(item, answered.ok ? URL.createObjectURL(await answered.blob()) : "");
  }
  return pictures.get(item);
}

async function disputes(list) {
  $("disputes").replaceChildren(...await Promise.all(list.map(async (disputed) => {
    const entry = document.createElement("li");
    const source = await picture(disputed.number);
    if (source) {
      const image = new Image();
      image.src = source;
      image.alt = disputed.prompt;
      entry.append(image);
    }
    entry.append(element("p", disputed.prompt), element("p", disputed.key + ": " + disputed.votes + " votes, " + disputed.aspect + " "
      + number(disputed.mean, 2), "quiet"));
    return entry;
  })));
}

async function refresh() {
  try {
    const answered = await fetch("/api/owner", options);
    const state = await answered.json();
    if (state.error) { $("facts").replaceChildren(element("p", state.error)); return; }
    document.title = $("name").textContent = state.name;
    $("when").textContent = new Date().toLocaleTimeString();
    $("bar").max = Math.max(1, state.wanted);
    $("bar").value = state.votes;
    $("facts").replaceChildren(
      fact(state.votes + " of " + state.wanted, "votes"), fact(state.finished + " of " + state.items, "items finished"),
      ...Object.entries(state.alpha).map(([aspect, alpha]) => fact(number(alpha, 2), "alpha, " + aspect)),
      ...(state.raters.some((rater) => rater.apart)
        ? Object.entries(state.alpha_without).map(([aspect, alpha]) => fact(number(alpha, 2), "without those who stand apart, " + aspect))
        : []),
      fact(String(state.per_hour), "votes in the last hour"));
    $("advice").textContent = state.advice ?? "";
    draw(state.alphas);
    $("raters").replaceChildren(...state.raters.map((rater) => {
      const row = document.createElement("tr");
      const between = rater.agreement === null ? "–" : number(rater.agreement, 2) + " (" + number(rater.low, 2) + " to " + number(rater.high, 2) + ")";
      const cells = [rater.name + (rater.apart ? " stands apart" : ""), String(rater.votes), number(rater.seconds, 1), between,
        share(rater.gold), share(rater.repeated)];
      row.append(...cells.map((text, at) => element("td", text, rater.apart && at === 0 ? "apart" : "")));
      return row;
    }));
    await disputes(state.disputed);
  } catch {
    $("when").textContent = "The connection is lost.";
  }
  setTimeout(refresh, 5000);
}
refresh();
