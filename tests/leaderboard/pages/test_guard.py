"""What is refused before the app sees it, asked of the guard around an app that only tells what reached it."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest

from tia2.leaderboard.pages.entrance.guard import LONGEST_BODY, UPLOADS, Guard, headers, served_names, trusting
from tia2.leaderboard.pages.entrance.uploads import DAY, Uploads, visitor_of


def boards() -> None:
    """Take nothing."""


def leaderboard(benchmark: str, subset: str = "", metric: str = "auroc") -> None:
    """Take up to three arguments."""


ENDPOINTS = {"boards": boards, "leaderboard": leaderboard}


def ask(
    path: str = "/", body: bytes = b"", *, method: str = "GET", host: str = "127.0.0.1:7860", answer: bytes = b"[]",
    uploads: Uploads | None = None, client: str = "192.0.2.1", length: str | None = None,
) -> tuple[int, dict[bytes, bytes], Any, bytes]:  # fmt: skip
    """Return the status, the headers, the answer, and the body that reached the app."""
    reached = bytearray()

    async def app(scope, receive, send):
        assert scope[UPLOADS] is not None
        message = await receive()
        reached.extend(message.get("body", b""))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": answer})

    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    listed = [(b"host", host.encode()), (b"content-length", (length or str(len(body))).encode())]
    scope = {"type": "http", "method": method, "path": path, "headers": listed, "client": (client, 1)}
    guard = Guard(app, names=served_names(["board.example"]), endpoints=ENDPOINTS, uploads=uploads or Uploads())
    asyncio.run(guard(scope, receive, send))
    start, *rest = sent
    content = b"".join(message.get("body", b"") for message in rest)
    return start["status"], dict(start["headers"]), json.loads(content), bytes(reached)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:7860", 200), ("localhost", 200), ("LOCALHOST:1", 200), ("board.example", 200), ("[::1]:7860", 200),
        ("board.example.", 200), ("10.1.2.3", 200), ("evil.example", 421), ("board.example.evil.example", 421),
        ("127.0.0.1.evil.example:80", 421),
    ],
)  # fmt: skip
def test_names_that_it_is_served_under(host, status):
    got, _, answer, _ = ask(host=host)
    assert got == status
    if status == 421:
        assert "--public-host" in answer["error"]


def test_headers_on_every_answer(monkeypatch):
    for host in ("localhost", "evil.example"):
        policy = ask(host=host)[1][b"content-security-policy"]
        assert b"frame-ancestors 'self'" in policy
        assert b"object-src 'none'" in policy
    monkeypatch.setenv("SPACE_ID", "org/board")
    assert headers()[b"content-security-policy"].endswith(b"frame-ancestors 'self' https://huggingface.co")


def call(endpoint: str, content: Any, prefix: str = "/gradio_api/call/"):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return ask(f"{prefix}{endpoint}", body, method="POST")


@pytest.mark.parametrize(
    ("endpoint", "content", "status", "says"),
    [
        ("nope", {"data": []}, 404, "There is no endpoint of this name; there are /boards, /leaderboard."),
        ("leaderboard", {"data": []}, 422, "/leaderboard needs benchmark, and takes subset, metric; got 0 arguments."),
        ("leaderboard", {}, 422, 'Expected arguments as {"data": […]}; /leaderboard needs benchmark'),
        ("leaderboard", {"data": list("abcd")}, 422, "got 4 arguments."),
        ("leaderboard", b"{", 422, "Expected JSON; /leaderboard needs benchmark"),
        ("leaderboard", b"[" * 50_000, 422, "Expected JSON"),
        ("leaderboard", b"[1]", 422, "Expected arguments as"),
        ("leaderboard", b"x" * (LONGEST_BODY + 1), 413, "Expected at most 128 KiB of arguments."),
        ("v2/leaderboard", {"subset": "a"}, 422, "got no benchmark"),
        ("v2/leaderboard", {"benchmark": "a", "other": 1}, 422, "got another argument"),
    ],
)
def test_a_request_that_fits_no_endpoint_gets_one_sentence(endpoint, content, status, says):
    got, _, answer, reached = call(endpoint, content)
    assert got == status
    assert says in answer["error"]
    assert "\n" not in answer["error"]
    assert reached == b""


def test_defaults_are_filled_in():
    assert json.loads(call("leaderboard", {"data": ["mini"], "session_hash": "x"})[3]) == {
        "session_hash": "x", "data": ["mini", "", "auroc"],
    }  # fmt: skip
    assert json.loads(call("boards", b"")[3]) == {"data": []}
    assert json.loads(call("v2/leaderboard", {"benchmark": "mini"})[3]) == {"benchmark": "mini"}
    assert json.loads(call("leaderboard", {"data": ["mini"]}, "/gradio_api/run/")[3])["data"][0] == "mini"


def test_what_gradios_own_page_asks_is_left_alone():
    assert call("predict", b"anything", "/gradio_api/run/")[3] == b"anything"


def test_an_upload_belongs_to_who_made_it(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"x")
    uploads = Uploads()
    answer = json.dumps([str(path)]).encode()
    assert ask("/gradio_api/upload", b"...", method="POST", uploads=uploads, answer=answer, client="::ffff:1.2.3.4")[0]
    assert uploads.belongs("1.2.3.4", str(path))
    assert not uploads.belongs("1.2.3.5", str(path))
    assert not uploads.belongs("1.2.3.4", "/etc/passwd")
    link = tmp_path / "b.zip"
    link.symlink_to("/etc/passwd")
    uploads.add("1.2.3.4", str(link))
    assert not uploads.belongs("1.2.3.4", str(link))


def test_uploads_have_shares_of_the_disk():
    now = 0.0
    uploads = Uploads(each=100, everybody=250, clock=lambda: now)
    post = {"method": "POST", "uploads": uploads}
    assert ask("/gradio_api/upload", length="80", client="1.1.1.1", **post)[0] == 200
    status, _, answer, _ = ask("/gradio_api/upload", length="80", client="1.1.1.1", **post)
    assert status == 429
    assert "One visitor may upload" in answer["error"]
    assert ask("/gradio_api/upload", length="-80", client="2.2.2.2", **post)[0] == 429, "an odd length counts in full"
    assert ask("/gradio_api/upload", length="80", client="3.3.3.3", **post)[0] == 200
    assert ask("/gradio_api/upload", length="80", client="4.4.4.4", **post)[0] == 200
    assert ask("/gradio_api/upload", length="80", client="5.5.5.5", **post)[0] == 429, "all together"
    now = DAY + 1
    assert ask("/gradio_api/upload", length="80", client="1.1.1.1", **post)[0] == 200


def test_visitors():
    assert visitor_of("2001:db8:1:2::9") == visitor_of("2001:db8:1:2:ffff::1") != visitor_of("2001:db8:1:3::1")


def test_only_configured_proxies_say_where_visitors_come_from(monkeypatch):
    uvicorn = pytest.importorskip("uvicorn")
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    monkeypatch.setenv("TIA2_PROXIES", "10.0.0.9")

    def client(proxies, peer, forwarded):
        with trusting(proxies):
            config = uvicorn.Config("nothing:app", log_config=None)
        seen = []

        async def app(scope, receive, send):
            seen.append(scope["client"][0])

        from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

        scope = {"type": "http", "scheme": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", forwarded)]}
        asyncio.run(ProxyHeadersMiddleware(app, config.forwarded_allow_ips)(scope, None, None))
        return seen[0]

    assert client([], "127.0.0.1", b"6.6.6.6") == "127.0.0.1", "not even this machine"
    assert client(["127.0.0.1"], "127.0.0.1", b"6.6.6.6") == "6.6.6.6"
    assert client([], "10.0.0.9", b"6.6.6.6") == "6.6.6.6"
    assert client(["127.0.0.1"], "127.0.0.1", b"6.6.6.6, 7.7.7.7") == "7.7.7.7", "the one that the proxy itself saw"
    assert "FORWARDED_ALLOW_IPS" not in os.environ


def test_the_submit_tab_reads_nothing_but_a_visitors_own_upload(tmp_path):
    pytest.importorskip("gradio")
    from types import SimpleNamespace

    from tia2.leaderboard.pages.tabs.submit import _is_own, sender

    path, uploads = tmp_path / "mine.zip", Uploads()
    path.write_bytes(b"x")
    uploads.add("192.0.2.1", str(path))

    def request(host, scope):
        return SimpleNamespace(request=SimpleNamespace(scope=scope), client=SimpleNamespace(host=host), username=None)

    assert _is_own(request("192.0.2.1", {UPLOADS: uploads}), str(path))
    assert _is_own(request("192.0.2.1", {UPLOADS: uploads}), f"{tmp_path}/x/../mine.zip")
    assert not _is_own(request("192.0.2.2", {UPLOADS: uploads}), str(path))
    assert not _is_own(request("192.0.2.1", {UPLOADS: uploads}), "/etc/passwd")
    assert not _is_own(request("192.0.2.1", {}), str(path))
    assert sender(request("2001:db8::1", {})) == "visitor from 2001:db8::/64"
