"""What the page's server says, to whom, and what it keeps to itself."""

from __future__ import annotations

import json
import re
import threading

import pytest

from tia2.people.page.app import page_app
from tia2.people.page.protection import served_names
from tia2.people.page.serving import serving
from tia2.people.simulated.annotators import PEOPLE, SimulatedRater
from tia2.people.simulated.voting import vote_some
from tia2.people.store.items import Assignment, RaterQueue

testclient = pytest.importorskip("starlette.testclient", reason="needs starlette and httpx")


@pytest.fixture
def client():
    def make(study, **options):
        return testclient.TestClient(page_app(study, served_names((), "localhost"), **options), "http://localhost")

    return make


def bearing(token):
    return {"Authorization": f"Bearer {token}"}


def test_a_rater_gets_the_prompt_the_image_and_nothing_else(new_study, client):
    study = new_study(12, gold=3, gold_share=0.3, votes_per_item=2)
    ann, bob = study.add_rater("Ann"), study.add_rater("Bob")
    ask = client(study)
    ask.post("/api/vote", json={}, headers=bearing(bob.token))
    said = ask.get("/api/queue?ahead=12", headers=bearing(ann.token))
    queue = said.json()
    assert set(queue) == {"done", "last", "items"}
    assert {frozenset(item) for item in queue["items"]} == {frozenset({"id", "prompt", "texts", "images", "asked"})}
    picture = ask.get(f"/api/picture/{queue['items'][0]['id']}/0", headers=bearing(ann.token))
    everything = said.text + ask.get("/api/study").text + str(dict(said.headers)) + str(dict(picture.headers))
    everything += "".join(ask.get(path).text for path in ("/", "/vote.js"))
    for secret in (
        "secret-model",
        "seed",
        "gold",
        "item 1",
        "Bob",
        "swapped",
        "position",
        "slot",
        ".png",
        str(study.folder),
    ):
        assert secret not in everything, secret
    assert b"secret-model" not in picture.content
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["cache-control"] == "no-store"


def test_the_same_image_has_another_address_every_time(new_study, client):
    study = new_study(4, votes_per_item=2, repeat_share=0.5, repeat_gap=1)
    ask = client(study)
    seen = []
    for name in ("Ann", "Bob"):
        rater = study.add_rater(name)
        while items := ask.get("/api/queue", headers=bearing(rater.token)).json()["items"]:
            seen.append(items[0]["id"])
            vote = {"id": f"{name}{len(seen)}", "assignment": items[0]["id"], "answer": {"alignment": "yes"}}
            assert ask.post("/api/vote", json=vote, headers=bearing(rater.token)).json() == {"kept": True}
    assert len(seen) == len(set(seen)) > 8


def test_nobody_gets_in_without_a_link_or_with_that_of_another(new_study, client):
    study = new_study()
    ann, bob = study.add_rater("Ann"), study.add_rater("Bob")
    ask = client(study)
    given = ask.get("/api/queue", headers=bearing(ann.token)).json()["items"][0]["id"]
    vote = {"id": "x", "assignment": given, "answer": {"alignment": "yes"}}
    for headers in ({}, bearing(""), bearing("x"), bearing(f"{ann.id}.x"), bearing(study.owner_token)):
        assert ask.get("/api/queue", headers=headers).status_code == 401
        assert ask.post("/api/vote", json=vote, headers=headers).status_code == 401
    assert ask.post("/api/vote", json=vote, headers=bearing(bob.token)).status_code == 422
    assert ask.get(f"/api/picture/{given}/0", headers=bearing(bob.token)).status_code == 422
    assert len(study.votes()) == 0
    for token in ("", ann.token):
        assert ask.get("/api/owner", headers=bearing(token)).status_code == 403
        assert ask.get("/api/owner/picture/0/0", headers=bearing(token)).status_code == 403
    assert ask.get("/api/owner", headers=bearing(study.owner_token)).json()["items"] == 6
    assert ask.get("/api/owner/picture/0/0", headers=bearing(study.owner_token)).status_code == 200
    assert ask.get("/api/owner/picture/99/0", headers=bearing(study.owner_token)).status_code == 404


def test_joining_is_for_studies_that_allow_it_and_a_name_is_taken_once(new_study, client):
    study = new_study()
    assert client(study).post("/api/join", json={"name": "Eve"}).status_code == 403
    ask = client(study, join=True)
    token = ask.post("/api/join", json={"name": "Eve"}).json()["token"]
    assert study.bearer(token).name == "Eve"
    said = ask.post("/api/join", json={"name": " Eve "})
    assert said.status_code == 422
    assert "taken" in said.json()["error"]
    for hostile in ({}, {"name": 3}, [], {"name": ""}, {"name": "x" * 90}, {"name": "a\nb\u202e"}):
        assert ask.post("/api/join", json=hostile).status_code == 422
    assert [rater.name for rater in study.raters()] == ["Eve"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"[]", b"3", b"[" * 60_000, b'{"id": 1}', b'{"id":"x","assignment":null,"answer":null}',
     b'{"id":"x","assignment":"y","answer":{"alignment":"yes"},"seconds":"NaN"}'],
)  # fmt: skip
def test_hostile_bodies_get_one_sentence(new_study, client, body):
    study = new_study()
    rater = study.add_rater("Ann")
    said = client(study).post("/api/vote", content=body, headers=bearing(rater.token))
    assert said.status_code == 422
    assert len(said.json()["error"].splitlines()) == 1


def test_long_bodies_and_other_names_are_refused_and_every_answer_is_guarded(new_study, client):
    study = new_study()
    rater = study.add_rater("Ann")
    ask = client(study)
    assert ask.post("/api/vote", content=b"x" * 70_000, headers=bearing(rater.token)).status_code == 413
    assert ask.get("/", headers={"Host": "evil.example"}).status_code == 421
    for said in (
        ask.get("/"),
        ask.get("/api/queue"),
        ask.get("/nothing"),
        ask.get("/", headers={"Host": "evil.example"}),
    ):
        policy = said.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http:" not in policy
        assert said.headers["referrer-policy"] == "no-referrer"
        assert said.headers["x-content-type-options"] == "nosniff"
    pages = [ask.get(path).text for path in ("/", "/owner")]
    assert not any(re.search(r"<script(?! src=\"/)|style=|\son\w+=\"|https?:", page) for page in pages)


def test_what_texts_hold_stays_text(new_study, client):
    study = new_study(guide="<script>window.__xss=1</script>")
    said = client(study).get("/api/study")
    assert said.headers["content-type"] == "application/json"
    scripts = client(study).get("/vote.js").text + client(study).get("/owner.js").text
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b", scripts)


class PageDesk:
    """A rater's desk at the page's own API."""

    def __init__(self, ask, question, token):
        self.ask, self.question, self.headers = ask, question, bearing(token)

    def queue(self, ahead):
        said = self.ask.get(f"/api/queue?ahead={ahead}", headers=self.headers).json()
        items = [
            Assignment(item["id"], item["prompt"], (), tuple(a["aspect"] for a in item["asked"]), item["images"])
            for item in said["items"]
        ]
        return RaterQueue(tuple(items), said["done"], said["last"])

    def picture(self, assignment, number):
        return self.ask.get(f"/api/picture/{assignment}/{number}", headers=self.headers).content

    def vote(self, assignment, answer, vote_id, seconds):
        body = {"id": vote_id, "assignment": assignment, "answer": answer, "seconds": seconds}
        said = self.ask.post("/api/vote", json=body, headers=self.headers)
        assert said.status_code == 200
        return said.json()["kept"]


def test_twenty_people_at_once_through_a_real_server(new_study):
    import httpx
    import numpy as np

    study = new_study(40, votes_per_item=5)
    spammers = [SimulatedRater(f"rater {n}", PEOPLE[0].annotator, character="spammer") for n in range(20)]
    raters = [study.add_rater(person.name) for person in spammers]
    problems = []

    with serving(study) as address:

        def work(number):
            try:
                with httpx.Client(base_url=address, timeout=60) as ask:
                    desk = PageDesk(ask, study.settings.question, raters[number].token)
                    vote_some(desk, spammers[number], np.random.default_rng(number), 100, ahead=3)
            except Exception as error:
                problems.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert problems == []
    counts = study.votes().groupby("item")["rater"].agg(["size", "nunique"])
    assert (counts == 5).all(axis=None)
    assert len(counts) == 40


def test_the_dashboard_says_in_json_what_is_not_known_yet(new_study, client):
    study = new_study()
    study.add_rater("Ann")
    state = client(study).get("/api/owner", headers=bearing(study.owner_token)).json()
    assert state["alpha"] == {"alignment": None}
    assert state["raters"][0]["agreement"] is None
    assert json.dumps(state)
