"""Pull requests, to a server of our own on this machine that speaks as much of the Hub's language as is needed."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from tia2.errors import LeaderboardError
from tia2.leaderboard.submissions.checking.report import SubmissionReport
from tia2.leaderboard.submissions.hub import open_pull_request


@pytest.fixture
def submission(card):
    return SimpleNamespace(card=card, benchmark="small", tables=1)


class Hub(BaseHTTPRequestHandler):
    def answer(self, code: int, body: dict, **headers: str) -> None:
        content = json.dumps(body).encode()
        self.send_response(code)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        self.server.asked.append(("GET", self.path, b""))
        self.answer(200, {"id": "somebody/board", "sha": "0" * 40, "siblings": []})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(("POST", self.path, body))
        if self.server.code != 200:
            self.answer(self.server.code, {"error": "no"}, **self.server.headers)
        elif "/preupload/" in self.path:
            files = json.loads(body)["files"]
            answer = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in files]
            self.answer(200, {"files": answer, "commitOid": "0" * 40})
        else:
            url = f"{self.server.address}/datasets/somebody/board"
            self.answer(
                200,
                {
                    "commitUrl": f"{url}/commit/{'1' * 40}",
                    "commitOid": "1" * 40,
                    "pullRequestUrl": f"{url}/discussions/7",
                },
            )

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    found = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    found.address = f"http://127.0.0.1:{found.server_port}"
    found.asked, found.code, found.headers = [], 200, {}
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def api(server):
    from huggingface_hub import HfApi

    return HfApi(endpoint=server.address, token="hf_none")


def test_a_pull_request_is_opened(server, api, good, submission):
    address = open_pull_request("somebody/board", good, submission, SubmissionReport(warnings=["Look."]), api)
    assert address == f"{server.address}/datasets/somebody/board/discussions/7"
    path, body = next((path, body) for kind, path, body in server.asked if kind == "POST" and "/commit/" in path)
    assert "create_pr=1" in path
    lines = [json.loads(line) for line in body.splitlines()]
    assert lines[0]["value"]["summary"] == "Submit newcomer"
    assert "    warning: Look." in lines[0]["value"]["description"]
    assert [line["value"]["path"] for line in lines if line["key"] == "file"] == ["submissions/newcomer.zip"]


@pytest.mark.parametrize(
    ("code", "headers", "says"),
    [
        (404, {"X_Error_Code": "RepoNotFound"}, "There is no dataset repository somebody/board on the Hub"),
        (401, {}, "no dataset repository|refused the pull request"),
        (403, {}, "somebody/board refused the pull request: .*Log in with `hf auth login`"),
        (400, {}, "somebody/board refused the pull request"),
    ],
)
def test_refusals(server, api, good, submission, code, headers, says):
    server.code, server.headers = code, headers
    with pytest.raises(LeaderboardError, match=says) as caught:
        open_pull_request("somebody/board", good, submission, SubmissionReport(), api)
    assert "\n" not in str(caught.value)


def test_nobody_there(good, submission, monkeypatch):
    import httpx

    class Api:
        def create_commit(self, **_):
            raise httpx.ConnectError("Name or service not known")

    with pytest.raises(LeaderboardError, match=r"can't be reached \(Name or service not known\): try again later"):
        open_pull_request("somebody/board", good, submission, SubmissionReport(), Api())


@pytest.mark.parametrize("name", ["board", "a/b/c", "../x", "a b/c", "https://huggingface.co/a/b", ""])
def test_no_repository(good, submission, name):
    with pytest.raises(LeaderboardError, match="Expected a dataset repository as OWNER/NAME"):
        open_pull_request(name, good, submission, SubmissionReport(), SimpleNamespace())
