"""The endpoints for scripts, asked by a real client."""

from __future__ import annotations

import contextlib
import io
import json
import math
import shutil
import socket
import subprocess
import urllib.request
from types import SimpleNamespace

import pytest
from pages import ROOT, blocks

from tia2.evaluation.metrics import METRICS


@pytest.fixture(scope="module")
def client(mini_board):
    gr = pytest.importorskip("gradio", reason="needs tia2[leaderboard]")
    from gradio_client import Client

    from tia2.leaderboard.pages.api import add_api

    with gr.Blocks(analytics_enabled=False) as app:
        add_api(SimpleNamespace(boards={"mini": mini_board}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    _, url, _ = app.launch(
        prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", server_port=port, ssr_mode=False
    )
    yield Client(url, verbose=False, analytics_enabled=False)
    app.close()


def test_boards(client, mini_board):
    (found,) = client.predict(api_name="/boards")
    assert found["name"] == "mini"
    assert found["entries"] == len(mini_board)
    assert found["subsets"] == list(mini_board.scopes)
    assert set(found["metrics"]) == set(METRICS)
    assert found["simulated"] is True


def test_leaderboard_is_ranked_and_complete(client, mini_board):
    found = client.predict("mini", "counting", "spearman", api_name="/leaderboard")
    assert (found["subset"], found["metric"]) == ("counting", "spearman")
    standing, means = mini_board.standing("counting", "spearman"), mini_board.estimate("counting", "spearman")
    ranks = [row["rank"] for row in found["entries"]]
    assert ranks[: len(mini_board.ranked)] == list(range(1, len(mini_board.ranked) + 1))
    assert set(ranks[len(mini_board.ranked) :]) == {None}
    for row in found["entries"]:
        place = mini_board.positions[row["id"]]
        assert row["mean"] == means[place]
        assert row["like_best"] == (standing.like_best(place) if standing.rank[place] else None)
        assert row["pooled_low"] is None  # NaN
    assert set(found["people"]) == {"noise ceiling", "one annotator"}


def test_the_page_about_scripts_works_as_printed(client, mini_board):
    """Its Python block and its three lines of shell, against the address that is served here."""
    typed = blocks(ROOT / "docs" / "leaderboard-api.md")
    address, here = "http://127.0.0.1:7860", client.src.rstrip("/")
    code = next(block.text for block in typed if block.kind == "python")
    shell = "\n".join(block.text for block in typed if block.text.startswith(("URL=", "ID=", "curl ")))
    assert address in code
    assert address in shell
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code.replace(address, here), "page", "exec"), {})
    rows = client.predict("mini", "counting", "auroc", api_name="/leaderboard")["entries"]
    lines = [line for line in out.getvalue().splitlines() if line[:1].isdigit()]
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]
    assert all(row["name"] in line for row, line in zip(rows[:3], lines, strict=True))
    if shutil.which("curl"):
        done = subprocess.run(["bash", "-c", shell.replace(address, here)], capture_output=True, text=True, check=True)
        event, data = done.stdout.strip().splitlines()
        assert event == "event: complete"
        assert json.loads(data.removeprefix("data: "))[0]["entries"][0]["name"] == rows[0]["name"]


def test_defaults_are_all_subsets_and_auroc(client):
    found = client.predict(benchmark="mini", api_name="/leaderboard")
    assert (found["subset"], found["metric"]) == ("overall", "auroc")


def test_entry(client, mini_board):
    found = client.predict("mini", "mini-strong~textnorm-cv", api_name="/entry")
    place = mini_board.positions["mini-strong~textnorm-cv"]
    assert found["calibration"]["calibration"] == "cv"
    assert found["tables"] == mini_board.entries[place].listing.tables
    for scope in mini_board.scopes:
        for metric, numbers in found["subsets"][scope]["metrics"].items():
            assert numbers["mean"] == mini_board.estimate(scope, metric)[place]


def test_compare(client, mini_board):
    found = client.predict("mini", "mini-strong", "mini-web", "auroc", api_name="/compare")
    from tia2.leaderboard.views.pairs import comparison, verdict_of

    expected = comparison(mini_board, "mini-strong", "mini-web", "auroc")
    assert found["verdict"] == verdict_of(expected, expected.main, mini_board)
    assert found["differences"] == [one.model_dump() for one in expected.differences]
    assert found["prompts"] == expected.prompts


def test_prompts(client, mini_board):
    found = client.predict("mini", "mini-web", api_name="/prompts")
    figures = mini_board.figures[mini_board.positions["mini-web"]]
    assert [one["prompt_id"] for one in found] == mini_board.prompts["prompt_id"].tolist()
    for row, numbers in zip(found, figures, strict=True):
        assert list(row["metrics"].values()) == [None if math.isnan(one) else one for one in numbers]
    assert any(row["metrics"]["auroc"] is None for row in found)


@pytest.mark.parametrize(
    ("endpoint", "arguments", "message"),
    [
        ("leaderboard", ["tia", "", "auroc"], "Unknown benchmark 'tia'. Available: mini."),
        ("leaderboard", ["mini", "countng", "auroc"], "Unknown subset 'countng'. Did you mean 'counting'?"),
        ("leaderboard", ["mini", "counting", "auroK"], "Unknown metric 'auroK'. Did you mean 'auroc'?"),
        ("leaderboard", [None, "counting", "auroc"], "Expected the benchmark as text, got NoneType."),
        ("entry", ["mini", "mini-stong"], "Unknown entry 'mini-stong'. Did you mean 'mini-strong'?"),
        ("entry", ["mini", ["mini-strong"]], "Expected the entry as text, got list."),
        ("prompts", ["mini", "x" * 5000], "Expected the entry as at most 200 characters, got 5,000."),
        ("compare", ["mini", "mini-web", "mini-web", "auroc"], "Choose two different entries to compare."),
        ("compare", ["mini", "mini-web", "nobody", "auroc"], "Unknown entry 'nobody'."),
        ("compare", ["mini", "mini-web", "mini-strong", "x"], "Unknown metric 'x'."),
    ],
)
def test_what_is_wrong_with_a_request_is_said(client, endpoint, arguments, message):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError) as caught:
        client.predict(*arguments, api_name=f"/{endpoint}")
    assert message in str(caught.value)


def test_plain_http_as_documented(client):
    url = f"{client.src.rstrip('/')}/gradio_api/call/leaderboard"
    body = json.dumps({"data": ["mini", "counting", "auroc"]}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}/{event}", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    assert lines[0] == "event: complete"
    (found,) = json.loads(lines[1].removeprefix("data: "))
    assert found["subset"] == "counting"
