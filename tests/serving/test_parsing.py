"""Our own route, and Rasa's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from answering import Live, live, write_fake

from radu_core.inference.answers import Answer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(write_fake(tmp_path_factory.mktemp("model"))) as running:
        yield running


def test_an_answer_has_all_that_is_known(server: Live) -> None:
    body = server.post("/parse", {"utterance": "👩‍✈️ fly to Köln"}).json()
    timings = body.pop("timings")
    assert body == {
        "model": "travel",
        "version": "1",
        "utterance": "👩‍✈️ fly to Köln",
        "function": "book_flight",
        "arguments": {"destination": "Köln"},
        "spans": [{"slot": "destination", "start": 12, "end": 16, "value": "Köln"}],
        "confidence": 0.8,
        "alternatives": [
            {"function": "book_flight", "confidence": 0.8},
            {"function": None, "confidence": pytest.approx(0.15)},
            {"function": "book hotel", "confidence": 0.05},
        ],
        "out_of_scope": 0.25,
        "problems": [],
    }
    assert body["utterance"][12:16] == "Köln"
    assert set(timings) == {"waiting_ms", "model_ms"}
    assert all(value >= 0 for value in timings.values())


def test_several_utterances_are_answered_in_order(server: Live) -> None:
    utterances = ["fly to Rome", "a joke", "hotel in Bonn"] * 20
    body = server.post("/parse", {"utterances": utterances}).json()
    assert [a["utterance"] for a in body["answers"]] == utterances
    assert [a["function"] for a in body["answers"]] == ["book_flight", None, "book hotel"] * 20


@pytest.mark.parametrize(
    ("path", "said"),
    [("/parse", {"utterances": ["fly", "fly on"]}), ("/model/parse", {"text": "fly"})],
)
def test_a_request_says_the_day_that_dates_count_from(
    server: Live, path: str, said: dict[str, Any]
) -> None:
    server.model.days.clear()
    assert server.post(path, {**said, "today": "2026-11-30"}).status_code == 200
    assert set(server.model.days) == {date(2026, 11, 30)}
    server.model.days.clear()
    assert server.post(path, said).status_code == 200
    assert set(server.model.days) == {None}
    error = server.post(path, {**said, "today": "tomorrow"})
    assert (error.status_code, error.json()["error"]["code"]) == (400, "invalid_value")
    assert "'tomorrow'" in error.json()["error"]["message"]


def test_functions_may_be_chosen_and_required(server: Live) -> None:
    def function(**more: Any) -> Any:
        return server.post("/parse", {"utterance": "fly to Rome", **more}).json()["function"]

    assert function(functions=["book_hotel"]) is None  # the tool's name does as well
    assert function(functions=["book hotel"], required=True) == "book hotel"


@pytest.mark.parametrize(
    ("body", "status", "code", "told"),
    [
        ({"utterance": ""}, 400, "empty_utterance", "empty"),
        ({"utterance": " \n"}, 400, "empty_utterance", "empty"),
        ({"utterances": ["fly", ""]}, 400, "empty_utterance", "Utterance 2 is empty"),
        ({"utterances": []}, 400, "invalid_value", "utterances"),
        ({"utterances": ["fly"] * 101}, 413, "too_many_utterances", "101"),
        ({"utterance": "a", "utterances": ["a"]}, 400, "invalid_value", "either"),
        ({}, 400, "invalid_value", "either"),
        ({"utterance": 3}, 400, "invalid_value", "got 3"),
        ({"utterance": "a", "utterence": "b"}, 400, "invalid_value", "utterence"),
        ({"utterance": "x" * 10_001}, 413, "utterance_too_long", "10,001 characters"),
        ({"utterance": "x" * 1_000_000}, 413, "body_too_large", "1,000,000 bytes"),
        ({"utterance": "an odd one"}, 400, "invalid_question", "can't read this"),
        ({"utterance": "a", "functions": ["sing"]}, 400, "unknown_function", "book_hotel"),
        ({"utterance": "a", "context": "sing"}, 400, "unknown_context", "acme_travel_en"),
        ({"utterance": "a", "model": "bank"}, 404, "model_not_found", "Give travel as model"),
        ({"utterance": "a bug"}, 500, "internal_error", "failed"),
    ],
)
def test_what_cannot_be_parsed_is_answered(
    server: Live, body: Any, status: int, code: str, told: str
) -> None:
    response = server.post("/parse", body)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert told in error["message"]
    assert server.post("/parse", {"utterance": "fly to Rome"}).status_code == 200


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "invalid_value"),
        (b'{"utterance": ', "invalid_json"),
        (b"[1]", "invalid_value"),
        (b'{"utterance": "\xe4"}', "bad_request"),
        (b"[" * 100_000, "bad_request"),
        (b'{"utterance": "\\ud83d"}', "invalid_utterance"),
        (b'{"utterance": "a", "\\ud83d": 1}', "invalid_value"),
        (b'{"utterance": "a", "model": "\\ud83d"}', "model_not_found"),
        (b'{"utterance": "a", "context": "\\ud83d"}', "unknown_context"),
        (b'{"utterance": ' + b"9" * 5000 + b"}", "bad_request"),
    ],
)
def test_what_is_no_request_is_answered(server: Live, content: bytes, code: str) -> None:
    headers = {"content-type": "application/json"}
    response = server.client.post("/parse", content=content, headers=headers)
    assert response.status_code in (400, 404)
    assert response.json()["error"]["code"] == code


def test_a_body_that_is_not_said_to_be_json_is_refused(server: Live) -> None:
    response = server.client.post(
        "/parse", content=b'{"utterance": "a"}', headers={"content-type": "text/plain"}
    )
    assert response.status_code == 400
    assert "text/plain. Send application/json." in response.json()["error"]["message"]


def test_routes_that_are_not_there(server: Live) -> None:
    assert server.client.get("/nix").json()["error"]["code"] == "not_found"
    assert server.client.get("/parse").json()["error"]["code"] == "method_not_allowed"


class RasaInterpreter:
    """What Rasa's ``RasaNLUHttpInterpreter`` does: it posts the text, and reads these fields."""

    def __init__(self, server: Live) -> None:
        self.server = server

    def parse(self, text: str) -> dict[str, Any]:
        body = {"token": None, "text": text, "message_id": "1"}
        response = self.server.client.post("/model/parse", json=body)
        assert response.status_code == 200
        data: dict[str, Any] = response.json()
        assert isinstance(data["intent"]["name"], str)
        assert isinstance(data["intent"]["confidence"], float)
        for entity in data["entities"]:
            assert set(entity) == {"entity", "start", "end", "value", "extractor"}
            assert text[entity["start"] : entity["end"]] == entity["value"]
        return data


def test_rasas_client_reads_the_answer(server: Live) -> None:
    data = RasaInterpreter(server).parse("hotel in Bonn")
    assert data["text"] == "hotel in Bonn"
    assert data["intent"] == {"name": "book hotel", "confidence": 0.8}
    assert [i["name"] for i in data["intent_ranking"]] == [
        "book hotel",
        "nlu_fallback",
        "book_flight",
    ]
    assert data["entities"] == [
        {"entity": "city", "start": 9, "end": 13, "value": "Bonn", "extractor": "radu"}
    ]
    assert data["arguments"] == {"city": "Bonn", "version": "1"}


def test_nothing_meant_is_rasas_fallback(server: Live) -> None:
    data = RasaInterpreter(server).parse("tell me a joke")
    assert data["intent"] == {"name": "nlu_fallback", "confidence": 0.9}
    assert data["entities"] == []


def test_what_is_refused_comes_first_in_rasas_ranking(
    server: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function may be the likeliest and be refused, as the utterance looks out of scope."""
    real = server.model.answer

    def refuse(questions: Any) -> list[Answer]:
        return [replace(a, function=None, confidence=0.15, spans=()) for a in real(questions)]

    monkeypatch.setattr(server.model, "answer", refuse)
    data = RasaInterpreter(server).parse("hotel in Bonn")
    assert data["intent"] == data["intent_ranking"][0]
    assert [i["name"] for i in data["intent_ranking"]] == [
        "nlu_fallback",
        "book hotel",
        "book_flight",
    ]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/model/parse", {"text": ""}),
        ("/model/parse", {"message": "fly"}),
        ("/model/parse?emulation_mode=LUIS", {"text": "fly"}),
    ],
)
def test_what_rasas_route_refuses(server: Live, path: str, body: Any) -> None:
    assert server.post(path, body).status_code == 400


def test_the_servers_state(server: Live) -> None:
    assert server.client.get("/health").json()["status"] == "ok"
    assert server.client.get("/ready").json() == {
        "status": "ready",
        "models": {"travel": "1"},
        "stuck": [],
    }
    paths = server.client.get("/openapi.json").json()["paths"]
    assert {"/v1/chat/completions", "/parse", "/model/parse", "/reload"} <= set(paths)


def test_the_documentation_loads_nothing_from_elsewhere(server: Live) -> None:
    response = server.client.get("/docs")
    assert "connect-src 'self'" in response.headers["content-security-policy"]
    assert "http" not in response.text.replace("http-equiv", "")
    for path in ("/v1/chat/completions", "/parse", "/model/parse"):
        assert f"POST {path}</h2>" in response.text
    assert "the bot last asked for" in response.text


def test_metrics_count_without_telling_what_was_said(server: Live) -> None:
    before = server.metric('radu_requests_total{model="travel",route="/parse",status="200"}')
    answers = server.metric('radu_answers_total{call="true",model="travel"}')
    server.post("/parse", {"utterances": ["fly to Xanadu", "hotel in Xanadu"]})
    server.client.get("/made-up-path")
    server.post("/parse", {"utterance": "a", "model": "made-up-model"})
    text = server.client.get("/metrics").text
    assert "Xanadu" not in text
    assert "made-up" not in text
    found = server.metric('radu_requests_total{model="travel",route="/parse",status="200"}')
    assert found == before + 1
    assert server.metric('radu_answers_total{call="true",model="travel"}') == answers + 2
    assert server.metric('radu_request_seconds_count{model="travel",route="/parse"}') >= found
    assert server.metric("radu_batch_size_count") > 0
    assert 'radu_queue_waiting{model="travel"} 0.0' in text
