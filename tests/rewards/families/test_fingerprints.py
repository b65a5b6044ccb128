"""Fingerprints are those of version 0.1: score tables that were begun with it resume, and published ones stay valid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tia2

PINNED = {
    "blip-itc:blip_itm": "e7ca4f27381ccf1e152aa77bbb384404bcf7b043fe02d305d21e8e2e572aad04",
    "blip-itm:blip_itm": "94f74f07af3fd0202f57c020d40a68739908e1cf255f4198b95307a8be3e2424",
    "blip2-itc:blip2_itm/blip2_tiny.pth": "de813d189ad91d180e208c2c25c09751557e8936014c8cd8676eee22d128e613",
    "blip2-itm:blip2_itm/blip2_tiny.pth": "777806ae30c3c17aca85e0a53f3a7672b87736e943f2884446912b7e1dbb1f6b",
    "hpsv2:hpsv2": "63e9c4ba02a26574f25fccf35d2430211c2765b90c43d283bc62d3cdab47a7b8",
    "imagereward:imagereward": "651147023809d0204e8250962ea4ed07a598f83752a59985f4d3e9bd4f041537",
    "mini-countblind": "d635ad8d534ea58576e88b0df265e245334267208e3edbf81e266c829bba88c2",
    "mini-strong": "b22e38b02162f2a68509ef33fca60a49050c7c635b059fe0c2c20ce402c07665",
    "mini-vivid": "1f8684c22c00cefdcc36c256fd21e06d676173a2a37cb85e5a0d647a1aa0ed33",
    "mini-web": "c9e0f1dc4b6808a55a072cf369da8ef1db46dc921e75a358c18c72059163729f",
    "pickscore:pickscore/hf": "1f3442c63f5ba66479fef76f01bde0154babd14eb3c57877f439d251d1d708aa",
}
"""By spec, in float32; the part after a colon is a folder or file of the goldens."""

BERT = {"tokenizer": "common/bert_tiny_tokenizer", "vision_heads": 4}
OPTIONS = {
    "hpsv2": {"vocabulary": "common/clip_tiny_tokenizer/bpe_tiny.txt.gz"},
    "imagereward": BERT,
    "blip-itm": BERT,
    "blip-itc": BERT,
    "blip2-itm": {**BERT, "vision_heads": 2, "text_heads": 2},
    "blip2-itc": {**BERT, "vision_heads": 2, "text_heads": 2},
}
ASSETS = Path(__file__).parents[3] / "leaderboard" / "assets"


@pytest.mark.parametrize("spec", PINNED)
def test_fingerprints_stay(spec, goldens):
    family, colon, source = spec.partition(":")
    if family == "hpsv2":
        pytest.importorskip("open_clip")
    options = {
        option: str(goldens / value) if isinstance(value, str) else value
        for option, value in OPTIONS.get(family, {}).items()
    }
    reward = tia2.load_reward(f"{family}:{goldens / source}" if colon else family, device="cpu", **options)
    assert reward.fingerprint == PINNED[spec]


@pytest.mark.parametrize("name", [name for name in PINNED if name.startswith("mini-")])
def test_tables_of_the_board_are_of_these_rewards(name):
    manifest = json.loads((ASSETS / name / "manifest.json").read_text(encoding="utf-8"))
    assert PINNED[name] in json.dumps(manifest)
