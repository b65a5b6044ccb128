from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class Endpoint:
    """An OpenAI-compatible server. `plan` holds what it does instead of answering well, one entry a request.

    An entry is a status ("500"), "429 after 1", "hang", "not http json", "no choices", "null", or an answer.
    Every prompt in `stubborn` gets the entry it maps to, always.
    """

    def __init__(self) -> None:
        self.plan: list[str] = []
        self.stubborn: dict[str, str] = {}
        self.questions: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.times: list[float] = []
        self.hang = 20.0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.questions.append(question)
                endpoint.keys.append(self.headers["Authorization"])
                endpoint.times.append(time.monotonic())
                asked = question["messages"][-1]["content"]
                prompt = re.search(r"^Text: (.*)$", asked, re.M)[1]
                number = int(re.search(r"Write (\d+) other", asked)[1])
                step = endpoint.stubborn.get(prompt) or (endpoint.plan.pop(0) if endpoint.plan else "well")
                if step == "refuse json mode":
                    step = "400" if "response_format" in question else "well"
                if step == "hang":
                    time.sleep(endpoint.hang)
                    self.close_connection = True
                elif step.startswith("429 after"):
                    self.reply(429, b"{}", {"Retry-After": step.split()[-1]})
                elif step.isdigit():
                    self.reply(int(step), b'{"error": "no"}')
                elif step == "not http json":
                    self.reply(200, b"<html>Bad gateway</html>")
                elif step == "no choices":
                    self.reply(200, b'{"choices": []}')
                elif step == "null":
                    self.reply(200, completion(None))
                else:
                    self.reply(200, completion(good(prompt, number, asked) if step == "well" else step))

            def reply(self, status, body, headers=()):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for name, value in dict(headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


def completion(content: str | None) -> bytes:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    return json.dumps({"id": "1", "created": 0, "model": "m", "object": "x", "choices": [choice], "usage": {}}).encode()


def good(prompt: str, number: int, asked: str = "") -> str:
    texts = [f"{prompt} beside thing {letter}{len(asked)}" for letter in "abcdefghijklmnopqrstuvwxyz"[:number]]
    return json.dumps({"contrastive_prompts": texts})


@pytest.fixture
def endpoint():
    server = Endpoint()
    yield server
    server.server.shutdown()
    server.server.server_close()
