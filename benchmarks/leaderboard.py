"""A leaderboard of a thousand models at TIA2's size: starting, opening, filtering, and many visitors at once.

Run `python benchmarks/leaderboard.py` (`--help` for sizes). It makes a store of 1,000 models of 4 entries each on
550 prompts x 50 items with up to 33 texts and builds its index (20 minutes on two cores; they are kept in
runs/benchmark-leaderboard for the next run), and then

1. starts the app with the index there, in a process of its own: cold start, and the memory it needs;
2. opens it in headless Chromium: when the first page can be used, a change of subset, a filter, and each tab from
   there, from the press of its button until its answer is on screen, and until all its figures and tables are;
3. lets twenty visitors ask it at once through gradio's client: answers, errors;
4. moves the temperature of one model: `tia2.leaderboard.views.temperature.recompute`.

Prompts and votes are those of TIA2 where a copy is given (--data-dir or TIA2_DATA_DIR), else ones of the same shape.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:] = [path for path in sys.path if Path(path).resolve() != HERE]
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import multiprocessing
import shutil
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

SUBSETS = {"comprehensive": (100, 12), "counting": (150, 4), "composition": (300, 32)}
ITEMS = 50
TARGETS = {"cold start": 10.0, "first page": 3.0, "change": 0.3, "memory": 1.5}
TABS = {
    "Plots": ("ranked entries", 1, 0),
    "Compare": ("Paired differences", 2, 0),
    "Items": ("images aligned", 0, 0),
    "Calibration": ("Against the board's own entries", 1, 0),
    "Submit": ("Submit a reward model", 0, 0),
    "About": ("How to cite", 0, 0),
}
"""Tabs, a text of each tab's answer, and how many figures and tables it has when all is drawn."""
WATCH = """([text, figures, tables]) => {
  const shown = element => element.getClientRects().length > 0;
  const count = query => [...document.querySelectorAll(query)].filter(shown).length;
  const says = () => {
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; (node = walk.nextNode());) if (node.data.includes(text) && shown(node.parentElement)) return true;
    return false;
  };
  const drawn = () => count(".js-plotly-plot .infolayer") >= figures && count("[data-testid=cell-0-0]") >= tables;
  // What is there when a frame begins has been painted when the next one does.
  const when = (there, then) => requestAnimationFrame(
    () => there() ? requestAnimationFrame(then) : when(there, then));
  window.seen = {};
  addEventListener("pointerdown", () => {
    const began = performance.now(), note = name => () => { window.seen[name] = (performance.now() - began) / 1000; };
    when(says, note("answer"));
    when(() => says() && drawn(), note("all"));
  }, {capture: true, once: true});
}"""
"""Times a tab in the page itself: the driver's own click and its looks take longer than what is timed."""
FIRST_ROW = "document.querySelector('#tia2-board tbody tr').textContent"
CHANGED = """event => {
  const was = ROW;
  window.changed = null;
  addEventListener(event, () => {
    const began = performance.now();
    const look = () => requestAnimationFrame(ROW !== was
      ? () => { window.changed = (performance.now() - began) / 1000; } : look);
    look();
  }, {capture: true, once: true});
}""".replace("ROW", FIRST_ROW)
"""Times in the page itself how long after an event other rows have been painted."""
PROGRAM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


def benchmark_of(data_dir: str | None) -> Any:
    """Return TIA2, or a benchmark of its shape with votes drawn from a hidden quality."""
    from datasets import Dataset

    from tia2.benchmark import load

    if data_dir:
        return load("all", data_dir=data_dir)
    rng = np.random.default_rng(0)
    rows = []
    for subset, (prompts, contrastive) in SUBSETS.items():
        for prompt in range(prompts):
            text, easy = f"{subset} prompt {prompt}", rng.beta(2, 2)
            for item in range(ITEMS):
                chance = rng.beta(8 * easy + 0.2, 8 * (1 - easy) + 0.2)
                rows.append(
                    {
                        "item_id": f"{subset}/image_{prompt}_0_{item}",
                        "subset": subset,
                        "prompt_id": f"{subset}/{prompt}",
                        "prompt": text,
                        "votes": (rng.random(3) < chance).astype(int).tolist(),
                        "contrastive_prompts": [f"not {text}, {other}" for other in range(contrastive)],
                    }
                )
    return load(Dataset.from_list(rows))


def make_models(folder: str, start: int, stop: int, step: int) -> None:
    """Put models on the board, of differing quality and with errors that they share."""
    from tia2.calibration import MinMax, Raw, TextNorm
    from tia2.leaderboard.data.index import Index
    from tia2.leaderboard.data.records import Cost, Listing, ModelCard
    from tia2.leaderboard.data.store import Store
    from tia2.rewards.card import RewardCard
    from tia2.scoring import Manifest, ScoreTable
    from tia2.scoring.manifest import ScoredBenchmark, ScoredReward
    from tia2.scoring.table_files import Shard

    store = Store(folder)
    (record,) = store.benchmarks
    index = Index(store)
    items, outline = index.items(record), index.outline(record)
    lengths = items["texts"].map(len).to_numpy()
    truth = items["human_score"].to_numpy()
    shared = np.random.default_rng(7).normal(size=len(items))
    ids, images = items["item_id"].tolist(), ["0" * 64] * len(items)
    for number in range(start, stop, step):
        name = f"model {number:04d}"
        rng = np.random.default_rng([1, number])
        signal = rng.uniform(0.2, 2.0)
        rewards = rng.normal(size=(len(items), int(lengths.max()))).astype(np.float32)
        rewards[:, 0] += (signal * truth + rng.uniform(0, 1) * shared).astype(np.float32)
        rewards += rng.normal(size=(len(items), 1)).astype(np.float32)
        manifest = Manifest(
            created="2026-01-01T00:00:00+00:00",
            benchmark=ScoredBenchmark(
                name=record.name,
                fingerprint=record.fingerprint,
                votes_fingerprint=record.votes_fingerprint,
                items=len(items),
            ),
            reward=ScoredReward(
                name=name, spec=name, fingerprint=name, card=RewardCard(name=name, default_temperature=0.5)
            ),
            versions={},
            dtype="float32",
            device="cpu",
            batch_size=1,
            shard_size=len(items),
            texts=1,
            truncated_texts=0,
            images_fingerprint="0" * 64,
            complete=True,
        )
        rows = [row[:length] for row, length in zip(rewards, lengths, strict=True)]
        digest = store.add_table(ScoreTable(manifest, items, [Shard(ids, images, rows)]))
        listing = Listing(
            id=f"model-{number:04d}",
            benchmark=record.name,
            card=ModelCard(name=name, cost=Cost(items_per_second=float(rng.uniform(5, 500)), device="none")),
            tables=[digest],
            calibrations=[
                Raw(),
                TextNorm(),
                TextNorm(temperature=1.0),
                MinMax(),
            ],
            added="2026-01-01T00:00:00+00:00",
        )
        for calibration in listing.calibrations:
            if not index.has(index.entry_key(record, listing, calibration)):
                index.build(record, outline, listing, calibration)
        store.add_listing(listing)


def make_store(folder: Path, models: int, data_dir: str | None) -> float:
    """Make what isn't there yet; returns the seconds it took."""
    from tia2.leaderboard.data.index import Index
    from tia2.leaderboard.data.store import Store

    began = time.perf_counter()
    if not (folder / "store.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        Store.create(folder, "A thousand models")
        Store(folder).add_benchmark(benchmark_of(data_dir), title="TIA2")
    store = Store(folder)
    Index(store).outline(store.benchmarks[0])
    there = {listing.id for listing in store.listings}
    missing = [number for number in range(models) if f"model-{number:04d}" not in there]
    if missing:
        context = multiprocessing.get_context("spawn")
        workers = [
            context.Process(target=make_models, args=(str(folder), missing[0] + worker, models, 2)) for worker in (0, 1)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            if worker.exitcode:
                sys.exit("A worker failed.")
    return time.perf_counter() - began


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, int, float]]:
    """Serve the store in a process of its own; yields its address, process and seconds until it answered."""
    import requests

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", "import sys; from tia2.cli import main; sys.exit(main())", "leaderboard"]
    began = time.perf_counter()
    running = subprocess.Popen([*command, "--store", str(folder), "--port", str(port), "--no-open"])
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            if running.poll() is not None:
                sys.exit("The app didn't start.")
            try:
                if requests.get(f"{address}/config", timeout=5).ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.02)
        yield address, running.pid, time.perf_counter() - began
    finally:
        running.terminate()
        running.wait(30)


def memory(pid: int) -> float:
    """Return a process's peak resident memory in GiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 2**20


def visit(address: str, repeats: int) -> dict[str, float]:
    """Open the board in Chromium; returns seconds until it can be used, and medians of changes."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=PROGRAM, args=list(ARGUMENTS))
        rounds = [look_around(browser.new_page(), address) for _ in range(repeats)]
        browser.close()
    return {what: statistics.median(seconds[what] for seconds in rounds) for what in rounds[0]}


def look_around(page: Any, address: str) -> dict[str, float]:
    """Do once what a visitor does; returns seconds of each step."""
    cell = page.locator("#tia2-board tbody th").first

    def timed(act: Callable[[], Any], wait: Callable[[], Any]) -> float:
        began = time.perf_counter()
        act()
        wait()
        return time.perf_counter() - began

    def change_of_rows(event: str, act: Callable[[], Any]) -> float:
        page.evaluate(CHANGED, event)
        act()
        page.wait_for_function("window.changed")
        return float(page.evaluate("window.changed"))

    seconds = {"first page": timed(lambda: page.goto(address), lambda: cell.filter(has_text="model").wait_for())}
    page.wait_for_timeout(1000)
    seconds["subset"] = change_of_rows("click", page.get_by_role("radio", name="counting").check)
    box = page.get_by_label("Search").first
    seconds["filter"] = change_of_rows("input", lambda: box.fill("model 0123"))
    for tab, what in TABS.items():
        page.goto(address)
        cell.filter(has_text="model").wait_for()
        page.wait_for_timeout(1500)
        page.evaluate(WATCH, list(what))
        page.get_by_role("tab", name=tab, exact=True).click()
        page.wait_for_function("window.seen.answer && window.seen.all")
        seen = page.evaluate("window.seen")
        seconds[f"tab {tab}"], seconds[f"all of {tab}"] = seen["answer"], seen["all"]
    page.close()
    return seconds


def crowd(address: str, benchmark: str, visitors: int, asks: int) -> tuple[float, float, int]:
    """Let visitors ask for the board at once; returns median and longest answer in seconds, and errors."""
    from gradio_client import Client

    def one(number: int) -> list[float]:
        client = Client(address, verbose=False)
        times = []
        for ask in range(asks):
            subset = [*SUBSETS, "overall"][(number + ask) % 4]
            began = time.perf_counter()
            client.predict(api_name="/leaderboard", benchmark=benchmark, subset=subset, metric="auroc")
            times.append(time.perf_counter() - began)
        return times

    with ThreadPoolExecutor(visitors) as pool:
        jobs = [pool.submit(one, number) for number in range(visitors)]
        errors = [error for job in jobs if (error := job.exception()) is not None]
        for error in errors[:3]:
            print("  ", type(error).__name__, error)
        times = [seconds for job in jobs if job.exception() is None for seconds in job.result()]
    return statistics.median(times), max(times), len(errors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1000, help="Each has four entries.")
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--store", type=Path, default=Path("runs/benchmark-leaderboard"))
    parser.add_argument("--data-dir", default=os.environ.get("TIA2_DATA_DIR"))
    parser.add_argument("--only-make", action="store_true", help="Make the store and its index, measure nothing.")
    args = parser.parse_args()
    making = make_store(args.store, args.models, args.data_dir)

    from tia2.leaderboard import Board, Store
    from tia2.leaderboard.views.temperature import recompute

    (record,) = Store(args.store).benchmarks
    began = time.perf_counter()
    board = Board.load(Store(args.store), record.name)
    loaded = time.perf_counter() - began
    for scope in board.scopes:
        board.standing(scope, "auroc")
    standings = time.perf_counter() - began - loaded
    print(f"{len(board):,} entries, {len(board.prompts)} prompts, {record.items:,} items ({making:.0f} s to make)")
    print(f"board from the index {loaded:.2f} s; ranks and groups of {len(board.scopes)} scopes {standings:.2f} s")
    if args.only_make:
        return
    with serving(args.store) as (address, pid, cold):
        seen = visit(address, args.repeats)
        middle, longest, errors = crowd(address, record.name, args.visitors, 5)
        peak = memory(pid)
    model = board.entries[0].listing
    recompute(board, model.id, "overall", "auroc", 1.0)
    times = []
    for factor in (0.5, 0.7, 1.4, 2.0, 2.8):
        began = time.perf_counter()
        recompute(board, model.id, "overall", "auroc", factor)
        times.append(time.perf_counter() - began)
    slider = statistics.median(times)
    print(f"cold start {cold:.1f} s (target {TARGETS['cold start']:.0f})")
    print(f"first page in Chromium {seen['first page']:.2f} s (target {TARGETS['first page']:.0f})")
    changes = {what: seconds for what, seconds in seen.items() if what.startswith(("subset", "filter", "tab"))}
    print(", ".join(f"{what} {seconds:.2f} s" for what, seconds in changes.items()), "(target 0.3)")
    drawn = [f"{tab} {seen[f'all of {tab}']:.2f} s" for tab in TABS]
    print(f"until all figures and tables of a tab are drawn: {', '.join(drawn)}")
    print(f"{args.visitors} visitors at once: median answer {middle:.2f} s, longest {longest:.2f} s, {errors} errors")
    print(f"temperature slider {slider * 1000:.0f} ms (target 300)")
    print(f"peak memory {peak:.2f} GiB (target {TARGETS['memory']})")
    met = [
        cold <= TARGETS["cold start"],
        seen["first page"] <= TARGETS["first page"],
        max(*changes.values(), slider) <= TARGETS["change"],
        not errors,
        peak <= TARGETS["memory"],
    ]
    print("targets met" if all(met) else "targets missed")


if __name__ == "__main__":
    main()
