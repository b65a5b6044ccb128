"""Which addresses may become links."""

from __future__ import annotations

import pytest

from tia2.leaderboard.data.references import LONGEST_ADDRESS, is_https


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://x.org",
        "javascript:alert(1)",
        "https://",
        "https://a@b.org",
        "https://a:b@c.org",
        "https://x.org/a b",
        "https://[",
        "//x.org",
        "https://x.org/\u202ea",
        "https://x.org/a\nb",
        "data:text/html,x",
        "https://localhost/x",
        "https://127.0.0.1/",
        "https://x.org:99999/",
        "https://x.org:8443/",
        "https://-x.org",
        "https://x..org",
        'https://x.org/"onmouseover="x',
        "https://x.org/<b>",
        f"https://x.org/{'a' * LONGEST_ADDRESS}",
    ],
)
def test_refused(text):
    assert not is_https(text)


@pytest.mark.parametrize(
    "text",
    ["https://x.org", "https://a-b.example.org/c?d=e&f=g#h", "https://xn--bcher-kva.example/", "HTTPS://X.ORG/A"],
)
def test_taken(text):
    assert is_https(text)
