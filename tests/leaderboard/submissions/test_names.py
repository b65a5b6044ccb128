from __future__ import annotations

import pytest

from tia2.leaderboard.submissions.checking.names import collision, name_problem, skeleton
from tia2.leaderboard.submissions.checking.texts import address_problem, bibtex_problem, text_problem


@pytest.mark.parametrize(
    "name",
    ["CLIP ViT-B/32 (ours)", "PickScore v1.1", "a & b", "模型 2", "Модель", "clip@336", "Café", "x", "it's", "हिन्दी"],
)
def test_names_that_are_fine(name):
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name",
    ["", " x", "x ", "a  b", "-x", "a\tb", "a|b", "a`b", "**a**", "a{b", "a$b$", "a%", "@x", "a\u00adb", "a\ud800"],
)
def test_names_that_are_not(name):
    assert name_problem(name)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("clip", "сlір"),
        ("CLIP", "СLІР"),
        ("HPS", "НРЅ"),
        ("HPS", "ΗΡS"),
        ("model-10", "mode1-lO"),
        ("imagereward", "irnagereward"),
        ("mini-strong", "Mini Strong"),
        ("mini-strong", "mini‑strong"),
        ("clip", "𝒸𝓁𝒾𝓅"),
        ("pick", "pick\u0301"),
        ("BLIP2", "ＢＬＩＰ２"),
    ],
)
def test_names_that_look_alike(a, b):
    assert skeleton(a) == skeleton(b)
    assert collision(b, [a])


@pytest.mark.parametrize(
    ("a", "b"), [("v1.1", "v11"), ("clip-b", "clip-l"), ("a+b", "ab"), ("blip", "blip2"), ("模型", "型模")]
)
def test_names_that_differ(a, b):
    assert skeleton(a) != skeleton(b)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org",
        "https://example.org/",
        "https://arxiv.org/abs/2404.01863v1",
        "https://huggingface.co/someone/model?tab=1#top",
        "https://medium.com/@me/x",
        "https://xn--mnchen-3ya.de/",
        "https://example.xn--p1ai/x",
    ],
)
def test_addresses_that_are_fine(address):
    assert address_problem("The contact", address) is None


@pytest.mark.parametrize(
    "address",
    [
        "ftp://example.org",
        "https://",
        "https:///x",
        "https://localhost/x",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://example.org:8080/",
        "https://a@example.org/",
        "https://example.org\\@evil.org/",
        "https://exa mple.org/",
        "https://example.org/a b",
        "https://example.org/<x>",
        "https://example.org/'x",
        "https://еxample.org/",
        "https://example.org/\nx",
        "HTTPS//example.org",
        " https://example.org",
        "https://-a.org/",
        "https://example.org/\u202e",
        "https://" + "a" * 100 + ".javascript:x",
    ],
)
def test_addresses_that_are_not(address):
    assert address_problem("The contact", address)


def test_texts():
    assert text_problem("The text", "a < b, x <- y\nand α → β 👩\u200d🔬 <3") is None
    assert text_problem("The licence", "a\nb", lines=False)
    assert text_problem("The text", "<img src=x onerror=alert(1)>")
    assert text_problem("The text", "</div>")
    assert (
        bibtex_problem("The citation", r"@article{x, author={M{\"u}ller, \'Eva}, title={On \emph{it}, \textit{all}}}")
        is None
    )
    assert bibtex_problem("The citation", r"\input{x}")
    assert bibtex_problem("The citation", r"\inputenc") is None
