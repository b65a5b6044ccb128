from __future__ import annotations

import pytest

from tia2.calibration import Mean, MinMax, Raw, TextNorm, UncertaintyRegularised, cross_validated, oracle
from tia2.leaderboard.data.store import slug
from tia2.leaderboard.submissions.checking.lookalikes import skeleton
from tia2.leaderboard.submissions.checking.names import collision, name_problem
from tia2.leaderboard.submissions.checking.texts import address_problem, bibtex_problem, quote, shown, text_problem


@pytest.mark.parametrize(
    "name",
    ["CLIP ViT-B/32 (ours)", "PickScore v1.1", "a & b", "模型 2", "Модель", "clip@336", "Café", "x", "it's", "हिन्दी"],
)
def test_names_that_are_fine(name):
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "", " x", "x ", "a  b", "-x", "a\tb", "a|b", "a`b", "**a**", "a{b", "a$b$", "a%", "@x", "a\u00adb", "a\ud800",
        "a\u3164b", "a\uffa0", "a\u115fb", "x\u2800", "a\ufe0f", "a\U000e0101", "con", "NUL", "com1", "LPT9", "aux.v2",
    ],
)  # fmt: skip
def test_names_that_are_not(name):
    assert name_problem(name)


CALIBRATIONS = [
    TextNorm(), MinMax(), cross_validated(TextNorm()), oracle(TextNorm()), Mean(),
    UncertaintyRegularised(of=MinMax()), cross_validated(UncertaintyRegularised()),
]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        *(calibration.entry_name("mini-strong") for calibration in CALIBRATIONS),
        "mini-strong + TехtNоrm (сv)",  # partly Cyrillic
        "mini-strong (as published)", "CLIP (oracle, upper bound)", "CLIP (ОRACLE)", "One annotator", "a (cv)",
        "human votes, noise ceiling", "Noise-Ceiling", "the 0ne annotator",
    ],
)  # fmt: skip
def test_names_that_the_board_gives_are_reserved(name):
    assert "is like those that the board gives" in (name_problem(name) or "")


@pytest.mark.parametrize(
    "name", ["clip + blip", "oracle-bone CLIP", "Raw", "a (ours)", "mean", "published-clip", "textnorm-clip", "a, b"]
)
def test_words_that_only_resemble_them_are_free(name):
    assert name_problem(name) is None


def test_the_raw_entry_has_its_models_name():
    assert Raw().entry_name("mini-strong") == "mini-strong"


def test_names_of_any_script_have_addresses_of_their_own():
    names = ["模型", "奖励", "モデル", "Модель", "हिन्दी", "हन्द", "नमस्ते", "مكافأة", "模型 2", "奖励 2", "2"]
    assert len({slug(name) for name in names}) == len(names)
    assert collision("奖励", ["模型"]) is None
    assert slug("Café") == "cafe", "an accent is no letter of its own"
    assert slug("模型") == slug("模型"), "the same at any time"
    assert all(slug(name).isascii() for name in names)
    assert (slug("con"), slug("Com1")) == ("con-model", "com1-model")
    assert len(slug("模" * 60)) <= 80


def test_messages_show_characters():
    assert quote("模型") == "'模型'"
    assert quote("a\u200bb\u3164") == r"'a\u200bb\u3164'"
    assert quote("x" + "\u0316" * 40) == "'x" + "\u0316" * 2 + r"\u0316" * 38 + "'", "none reaches over a message"
    assert shown("a\nb" * 100, 8) == r"a\nba\nba…"
    problem = collision("рісk", ["pick"])
    assert problem is not None
    assert problem.endswith("choose another (its 'р' is cyrillic small letter er).")


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
        ("clip", "ϲlıp"),
        ("score", "ѕϲοге"),
        ("AlaskaJazz", "ΑlaskaJazz"),
        ("mega", "ｍ𝖊𝗀𝕒"),
        ("CLIP", "ⅭⅬＩᑭ"),
        ("ロボ", "口ボ"),
        ("Bert", "Ᏼert"),
    ],
)
def test_names_that_look_alike(a, b):
    assert skeleton(a) == skeleton(b)
    assert collision(b, [a])


@pytest.mark.parametrize(
    ("a", "b"),
    [("v1.1", "v11"), ("clip-b", "clip-l"), ("a+b", "ab"), ("blip", "blip2"), ("模型", "型模"), ("मान", "मीन")],
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
    assert text_problem("The text", "Việt Nam, बहुत अच्छा, שָׁלוֹם, ภาษาไทย ที่นี่, ❤\ufe0f, نمی\u200cخواهم") is None
    assert "stacks more than 4 marks" in (text_problem("The text", "x" + "\u0336" * 800) or "")
    assert "HANGUL FILLER" in (text_problem("The text", "a\u3164b") or "")
    assert "ZERO WIDTH JOINER" in (text_problem("The text", "a\u200d\u200d\u200d b") or ""), "nothing is hidden in them"
    assert text_problem("The text", "<img src=x onerror=alert(1)>")
    assert text_problem("The text", "</div>")
    assert (
        bibtex_problem("The citation", r"@article{x, author={M{\"u}ller, \'Eva}, title={On \emph{it}, \textit{all}}}")
        is None
    )
    assert bibtex_problem("The citation", r"\input{x}")
    assert "TeX command" not in str(bibtex_problem("The citation", r"@misc{x, title = {\inputenc}}"))


def test_what_the_export_would_drop_is_refused():
    for text in ("no entry", "@misc{a, title = {T}} @misc{b, title = {U}}", "@misc{a, title = {open{}}", r"\inputenc"):
        assert "can't be read as one BibTeX entry" in bibtex_problem("The citation", text)
    assert bibtex_problem("The citation", "") is None
