"use strict";
// Votes have an id before they are sent, and are kept in the browser until the server has confirmed them: a lost
// connection, a reload or a server that is killed neither loses one nor counts it twice.
const AHEAD = 4, PATIENCE = 800, LONGEST = 10000;
const token = new URLSearchParams(location.hash.slice(1)).get("t") || "";
const box = "tia2-votes-" + token.split(".")[0];
const $ = (id) => document.getElementById(id);
const line = [];      // what waits here, with its images, the next one first
const behind = [];    // what was voted on in this page, for undo without waiting
const voted = new Set();  // ids of all that was voted on in this page
let changes = 0;      // votes and undos so far
let turn = 0;         // goes up when what waits here no longer counts
let study, current, answer, asked, shown, done = 0, since = 0, sending = false, filling = false, empty = false;
let last = null, delay = PATIENCE, paused = true;

function outbox() {
  try { return JSON.parse(localStorage.getItem(box) || "[]"); } catch { return []; }
}
function keep(list) { localStorage.setItem(box, JSON.stringify(list)); }
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function ask(path, body) {
  const options = { headers: { Authorization: "Bearer " + token }, cache: "no-store" };
  if (body) { options.method = "POST"; options.body = JSON.stringify(body); }
  const answered = await fetch(path, options);
  if (answered.status >= 500) throw new Error("later");
  return answered;
}

async function send() {
  if (sending) return;
  sending = true;
  try {
    for (let list = outbox(); list.length; list = outbox()) {
      const { path, ...body } = list[0];
      const answered = await ask(path, body);
      if (answered.status === 401) { refuse(); return; }
      if (answered.status !== 200 && answered.status !== 422) throw new Error("later");
      keep(outbox().filter((entry) => !(entry.id === body.id && entry.path === path)));
      connected(true);
    }
  } catch {
    connected(false);
  } finally {
    sending = false;
  }
  if (outbox().length) setTimeout(send, delay); else fill();
}

function connected(yes) {
  $("offline").hidden = yes;
  delay = yes ? PATIENCE : Math.min(delay * 1.6, LONGEST);
}

async function fill() {
  if (filling || sending || outbox().length || line.length >= AHEAD) return;
  filling = true;
  let again = 0;
  try {
    const before = changes, mine = turn;
    const answered = await ask("/api/queue?ahead=" + (AHEAD + 2));
    if (answered.status === 401) { refuse(); return; }
    if (!answered.ok) throw new Error("later");
    const queue = await answered.json();
    connected(true);
    // Votes that were given meanwhile are younger than what the server said.
    if (changes === before && !outbox().length) { done = queue.done; last = queue.last; }
    const here = new Set([current, ...line].filter(Boolean).map((item) => item.id));
    const fresh = queue.items.filter((item) => !here.has(item.id) && !voted.has(item.id));
    // One after the other: the next one first.
    for (const item of fresh) {
      await load(item);
      if (turn !== mine) break;
      line.push(item);
      next();
    }
    if (turn !== mine) { again = 1; return; }
    empty = !fresh.length;
    if (empty && !current && !line.length && !paused) { finish(); again = 20000; }
  } catch {
    connected(false);
    again = delay;
  } finally {
    filling = false;
    count();
    if (again) setTimeout(fill, again);
  }
}

async function load(item) {
  item.pictures = await Promise.all(Array.from({ length: item.images }, async (_, number) => {
    const answered = await ask("/api/picture/" + item.id + "/" + number);
    const picture = new Image();
    picture.src = URL.createObjectURL(await answered.blob());
    picture.alt = item.images === 1 ? "The image" : "Image " + (number + 1);
    await picture.decode().catch(() => {});
    return picture;
  }));
}

function next() {
  if (paused || current || !line.length) return;
  current = line.shift();
  answer = {};
  asked = 0;
  shown = performance.now();
  show();
  if (line.length < AHEAD) fill();
}

function show() {
  $("note").hidden = true;
  $("work").hidden = false;
  $("prompt").textContent = current.prompt;
  $("texts").replaceChildren(...current.texts.map((text) => { const p = document.createElement("p"); p.textContent = text; return p; }));
  const sides = study.kind === "pair" ? [current.pictures.slice(0, current.images / 2), current.pictures.slice(current.images / 2)]
    : current.pictures.length ? [current.pictures] : [];
  $("images").hidden = !sides.length;
  $("images").replaceChildren(...sides.map((pictures) => {
    const figure = document.createElement("figure");
    if (pictures.length > 1) figure.className = "several";
    figure.replaceChildren(...pictures);
    return figure;
  }));
  question();
}

function question() {
  const { aspect, sentence } = current.asked[asked];
  $("sentence").textContent = study.kind === "elements" ? sentence + " “" + aspect + "”" : sentence;
  count();
}

function choose(value) {
  if (!current || paused) return;
  answer[current.asked[asked].aspect] = value;
  asked += 1;
  if (asked < current.asked.length) { question(); return; }
  const vote = { path: "/api/vote", id: newId(), assignment: current.id, answer,
    seconds: Math.round(performance.now() - shown) / 1000 };
  keep([...outbox(), vote]);
  behind.push({ item: current, vote: vote.id });
  voted.add(current.id);
  changes += 1;
  if (behind.length > 30) behind.shift().item.pictures.forEach((picture) => URL.revokeObjectURL(picture.src));
  last = vote.id;
  done += 1;
  since += 1;
  current = null;
  send();
  if (study.break_every && since >= study.break_every) { since = 0; rest(); } else advance();
}

function advance() {
  next();
  if (current) return;
  $("work").hidden = true;
  say("One moment", "The next one is on its way.");
  fill();
}

function undo() {
  if (paused && !$("work").hidden) return;
  if (current && asked > 0) { asked -= 1; delete answer[current.asked[asked].aspect]; question(); return; }
  const latest = behind.pop();
  const id = latest ? latest.vote : last;
  if (!id) return;
  keep([...outbox(), { path: "/api/undo", id }]);
  last = behind.length ? behind[behind.length - 1].vote : null;
  done = Math.max(0, done - 1);
  if (current) line.unshift(current);
  current = null;
  changes += 1;
  if (latest) { voted.delete(latest.item.id); line.unshift(latest.item); paused = false; send(); next(); return; }
  // It was given before this page was loaded: the server says what it was about.
  line.length = 0;
  turn += 1;
  paused = false;
  send();
  $("work").hidden = true;
  say("One moment", "Your last vote is coming back.");
}

function count() { $("count").textContent = done === 1 ? "1 vote" : done + " votes"; }

function say(title, text, button, then) {
  $("work").hidden = true;
  $("note").hidden = false;
  $("title").textContent = title;
  $("text").textContent = text;
  $("go").hidden = !button;
  $("go").textContent = button || "";
  $("go").onclick = then || null;
  if (button) $("go").focus();
}

function begin() { paused = false; $("join").hidden = true; advance(); }
function rest() { paused = true; say("Time for a break", "Look out of the window for a minute. Your votes are kept.", "Go on", begin); }
function finish() { say("Thank you", "Nothing waits for you now. If that changes, it appears here."); }
function refuse() { paused = true; current = null; say("This link is not valid", "Ask whoever sent it for another."); }

async function join() {
  const answered = await fetch("/api/join", { method: "POST", body: JSON.stringify({ name: $("who").value }) });
  const said = await answered.json();
  if (said.token) { location.hash = "t=" + said.token; location.reload(); } else $("text").textContent = said.error;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target === $("who")) return;
  if (event.key === "ArrowLeft") { event.preventDefault(); undo(); return; }
  const choice = study && study.choices.find((candidate) => candidate.key === event.key);
  if (choice && !$("work").hidden) { event.preventDefault(); choose(choice.value); }
});
$("undo").addEventListener("click", undo);
$("join").addEventListener("submit", (event) => { event.preventDefault(); join(); });
window.addEventListener("online", send);
window.addEventListener("hashchange", () => location.reload());

(async function start() {
  try { study = await (await fetch("/api/study", { cache: "no-store" })).json(); } catch { setTimeout(start, 1000); return; }
  document.title = study.name;
  $("name").textContent = study.name;
  $("choices").replaceChildren(...study.choices.map((choice) => {
    const button = document.createElement("button");
    const key = document.createElement("kbd");
    key.textContent = choice.key;
    button.type = "button";
    button.append(choice.label + " ", key);
    button.addEventListener("click", () => choose(choice.value));
    return button;
  }));
  if (!token && study.join) {
    $("join").hidden = false;
    say("Welcome", study.guide || "Choose a name. It is known to the owner of the study alone.", "Join", join);
    $("who").focus();
  } else if (!token) {
    refuse();
  } else {
    // In the order in which they were given.
    send();
    if (study.guide && !sessionStorage.getItem(box)) {
      sessionStorage.setItem(box, "seen");
      say("Before you begin", study.guide, "Begin", begin);
    } else {
      begin();
    }
  }
})();
