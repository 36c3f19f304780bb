"""The annotation page's routes: what they answer, and that nothing gets through them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from starlette.applications import Starlette
from starlette.testclient import TestClient

from radu_core.store import Store, engine
from radu_core.workflows.annotate import annotation
from radu_core.workflows.annotate.token import LONGEST, make_token, read_token, renew
from radu_core.workflows.frame.signing import LIFE
from radu_core.workflows.frame.workspace import Workspace
from studio.annotate import routes as annotation_routes
from studio.frame.spaces import workspace as shared

CLIENT = "client-0001"


@pytest.fixture
def space(loaded: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The small module, at the workspace that the routes find."""
    monkeypatch.setenv("RADU_HOME", str(loaded.home))
    monkeypatch.delenv("RADU_DATABASE_URL", raising=False)
    yield loaded
    shared().store.close()


@pytest.fixture
def browser(space: Workspace) -> TestClient:
    return TestClient(Starlette(routes=annotation_routes.routes()), raise_server_exceptions=False)


@pytest.fixture
def token(space: Workspace) -> str:
    return make_token(space, who="ann", module=MODULE)


def post(browser: TestClient, path: str = "", **data: Any) -> tuple[int, dict[str, Any]]:
    answer = browser.post(f"/radu/annotate{path}", content=json.dumps(data))
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json()


def test_a_request_is_answered(browser: TestClient, token: str) -> None:
    op = {"seq": 1, "kind": "comment", "id": "a00", "revision": 2, "text": "half \ud83d"}
    status, reply = post(browser, token=token, client=CLIENT, ops=[op], want=1)
    assert status == 200
    assert set(reply) == {"acks", "items", "counts", "progress", "others", "token"}
    assert reply["acks"] == [
        {"seq": 1, "status": "stored", "revision": 2, "message": "", "item": None}
    ]
    assert [i["id"] for i in reply["items"]] == ["a00"]
    assert reply["items"][0]["comments"][0]["text"] == "half \ufffd"
    assert reply["token"] is None
    status, reply = post(browser, token=token, client=CLIENT)
    assert (status, reply["items"], reply["counts"]) == (200, [], None)


def test_a_token_is_made_new_in_time_and_for_a_day(
    browser: TestClient, space: Workspace, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + LIFE / 2 + 60)
    _, reply = post(browser, token=token, client=CLIENT)
    monkeypatch.setattr(time, "time", lambda: now + LIFE + 60)
    assert post(browser, token=token, client=CLIENT)[0] == 401
    assert post(browser, token=reply["token"], client=CLIENT)[0] == 200
    monkeypatch.setattr(time, "time", lambda: now + LIFE + 60)
    newest = renew(space, read_token(space, reply["token"]))
    monkeypatch.setattr(time, "time", lambda: now + LONGEST - 60)
    assert post(browser, token=newest, client=CLIENT)[0] == 200
    monkeypatch.setattr(time, "time", lambda: now + LONGEST + 60)
    status, reply = post(browser, token=newest, client=CLIENT)
    assert (status, reply["remedy"][:16]) == (401, "Reload the page;")


def test_the_other_routes(browser: TestClient, token: str) -> None:
    labels = {"function": "book_flight", "arguments": {"origin": "Rome"}}
    status, reply = post(browser, "/align", token=token, id="a00", **labels)
    assert (status, reply["item"]["outcome"]) == (200, "resolved")
    assert post(browser, "/history", token=token, id="a00") == (200, {"events": []})
    status, reply = post(browser, "/about", token=token)
    assert (status, len(reply["functions"]), reply["guidelines"]) == (200, 2, "")
    assert browser.get("/radu/annotate").status_code == 405


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "isn't JSON"),
        (b"{", "isn't JSON"),
        (b"\xff", "isn't JSON"),
        (b"[" * 60_000, "isn't JSON"),
        (b'{"token": NaN}', "NaN isn't a value"),
        (b"[1]", "no token"),
        (b"{}", "no token"),
        (b'{"token": 1}', "no token"),
    ],
)
def test_what_isnt_a_request_is_said(browser: TestClient, body: bytes, words: str) -> None:
    answer = browser.post("/radu/annotate", content=body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "remedy"}
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    "more",
    [
        {"client": "x"},
        {"client": "../../etc/passwd"},
        {"more": 1},
        {"want": 1_000_000},
        {"want": "many"},
        {"hold": [1]},
        {"hold": ["\0"]},
        {"ops": {}},
        {"ops": [1]},
        {"ops": [{}]},
    ],
)
def test_wrong_fields_are_said(browser: TestClient, token: str, more: dict[str, Any]) -> None:
    status, reply = post(browser, **{"token": token, "client": CLIENT, **more})
    assert (status, set(reply)) == (400, {"error", "remedy"})
    assert reply["remedy"] == "Reload the page."
    assert "Reload" not in reply["error"]


@pytest.mark.parametrize(
    "filter",
    [{"queue": "no such"}, {"search": "x" * 201}, {"item": "x" * 201}, {"function": "x" * 201}, 1],
)
def test_a_filter_that_cant_be_read_stops_no_operation(
    browser: TestClient, token: str, filter: Any
) -> None:
    op = {"seq": 1, "kind": "skip", "id": "a00", "revision": 2}
    status, reply = post(browser, token=token, client=CLIENT, ops=[op], want=5, filter=filter)
    assert (status, [a["status"] for a in reply["acks"]]) == (200, ["stored"])
    assert (reply["items"], reply["others"]) == ([], {"items": 0, "seconds": None})
    assert reply["counts"]["ambiguous"] == 1


def test_who_has_no_token_is_told_nothing(browser: TestClient, space: Workspace) -> None:
    for path in ("", "/align", "/history", "/about"):
        status, reply = post(browser, path, token="forged", client=CLIENT)
        assert (status, set(reply)) == (401, {"error", "remedy"})
    gone = make_token(space, who="ann", module="no_such_en")
    status, reply = post(browser, token=gone, client=CLIENT)
    assert (status, reply["error"]) == (400, "No such module: 'no_such_en'.")
    assert post(browser, "/history", token=gone, id="a00") == (200, {"events": []})


def test_too_large_a_request_isnt_read(browser: TestClient) -> None:
    answer = browser.post("/radu/annotate", content=b" " * (annotation_routes.LARGEST + 1))
    assert answer.status_code == 413
    assert answer.json()["error"] == "The request is too large"
    assert answer.json()["error"] == "The request is too large"


def test_a_large_request_needs_its_token_in_the_header(
    browser: TestClient, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(size: int, token: str = "", scheme: str = "Bearer") -> tuple[int, str]:
        headers = {"authorization": f"{scheme} {token}"} if token else {}
        answer = browser.post("/radu/annotate", content=b" " * size, headers=headers)
        return answer.status_code, answer.json()["error"]

    small, largest = annotation_routes.SMALL, annotation_routes.LARGEST
    assert send(small)[0] == 400
    assert send(largest, token)[0] == 400
    assert send(largest + 1, token)[0] == 413
    asked: list[bytes] = []
    monkeypatch.setattr(annotation_routes, "_parse", lambda body, _: asked.append(body))
    assert send(small + 1) == (401, "A request of more than 64 KiB needs its token in the header")
    assert send(small + 1, token, "Basic")[0] == 401
    assert send(largest, "forged") == send(10, "forged")
    assert send(10, "forged")[0] == 401
    chunks = (b" " * 60_000 for _ in range(99))  # of a length nobody is told
    assert browser.post("/radu/annotate", content=chunks).status_code == 401
    assert asked == []


def test_the_headers_token_counts(browser: TestClient, space: Workspace, token: str) -> None:
    bob = {"authorization": f"bearer {make_token(space, who='bob', module=MODULE)}"}
    for own in ({}, {"token": token}, {"token": "forged"}):
        op = {"seq": 1, "kind": "comment", "id": "a00", "revision": 2, "text": "x"}
        body = json.dumps({**own, "client": CLIENT, "ops": [op]})
        answer = browser.post("/radu/annotate", content=body, headers=bob)
        assert answer.status_code == 200
    assert [e.who for e in space.store.history(MODULE, "a00")] == ["bob"]


@pytest.mark.parametrize("half", ["\\ud83d", "\\uD83D"])
def test_half_a_character_becomes_a_sign(browser: TestClient, token: str, half: str) -> None:
    body = '{"token": "%s", "client": "%s", "want": 1, "ops": [{"seq": 1, "kind": "comment", '
    body += '"id": "a00", "revision": 2, "text": "half %s, whole \\ud83d\\uDE00 \\\\ud"}]}'
    answer = browser.post("/radu/annotate", content=body % (token, CLIENT, half))
    [said] = answer.json()["items"][0]["comments"]
    assert said["text"] == "half \ufffd, whole \U0001f600 \\ud"


def test_python_isnt_served(browser: TestClient) -> None:
    assert browser.get("/radu/span_marker/main.js").status_code == 200
    for name in ("__init__.py", "__pycache__/x.pyc", "", "no_such.js"):
        assert browser.get(f"/radu/span_marker/{name}").status_code == 404


def test_a_locked_database_says_try_again(
    browser: TestClient, space: Workspace, token: str
) -> None:
    home = shared()
    home.__dict__["store"] = Store.open(home.database_url, busy_seconds=0.1)
    op = {"seq": 1, "kind": "skip", "id": "a00", "revision": 2}
    with engine.writing(space.store._engine):
        status, reply = post(browser, token=token, client=CLIENT, ops=[op])
    assert status == 503
    assert "locked by another process" in reply["error"]
    assert post(browser, token=token, client=CLIENT, ops=[op])[0] == 200


def test_a_bug_is_no_traceback(
    browser: TestClient, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotation, "serve", lambda *_, **__: 1 / 0)
    status, reply = post(browser, token=token, client=CLIENT)
    assert status == 500
    assert reply["error"] == "An unexpected error occurred (ZeroDivisionError)"


def test_the_components_files_are_asked_for_each_time(
    space: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.js").write_text("1")
    (tmp_path / "secret").write_text("2")
    monkeypatch.setattr(annotation_routes, "COMPONENT", tmp_path / "files")
    browser = TestClient(Starlette(routes=annotation_routes.routes()))
    found = browser.get("/radu/span_marker/a.js")
    assert (found.text, found.headers["cache-control"]) == ("1", "no-cache")
    assert found.headers["content-type"].startswith("text/javascript")
    same = browser.get("/radu/span_marker/a.js", headers={"if-none-match": found.headers["etag"]})
    assert same.status_code == 304
    assert browser.get("/radu/span_marker/../secret").status_code == 404
    assert browser.get("/radu/span_marker/%2e%2e/secret").status_code == 404
