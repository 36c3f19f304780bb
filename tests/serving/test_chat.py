"""Chat completions, asked by the official client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import openai
import pytest
from answering import SCHEMA, Live, live, write_fake
from own_loop import in_own_loop

from radu_core.formats.openai import to_tools

TOOLS: Any = to_tools(SCHEMA)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = tmp_path_factory.mktemp("models")
    with live(write_fake(root / "one"), write_fake(root / "two", "bank", "7")) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Live) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.address}/v1", api_key="any", max_retries=0) as made:
        yield made


def said(text: str) -> Any:
    return [{"role": "system", "content": "You fly."}, {"role": "user", "content": text}]


def ask(client: openai.OpenAI, text: str, **more: Any) -> Any:
    options = {"model": "travel", "tools": TOOLS, **more}
    return client.chat.completions.create(messages=said(text), **options)


def named(function: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": function}}


def called(completion: Any) -> tuple[str, dict[str, Any]]:
    [call] = completion.choices[0].message.tool_calls
    return call.function.name, json.loads(call.function.arguments)


def test_an_utterance_is_answered_by_a_call(client: openai.OpenAI) -> None:
    completion = ask(client, "fly to Rome")
    assert called(completion) == ("book_flight", {"destination": "Rome"})
    [choice] = completion.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert choice.message.role == "assistant"
    assert choice.message.tool_calls[0].id.startswith("call_")
    assert (completion.model, completion.system_fingerprint) == ("travel", "1")
    assert completion.usage.prompt_tokens == 3
    assert completion.usage.total_tokens == 3 + completion.usage.completion_tokens


def test_what_openai_has_no_place_for_is_beside_it(client: openai.OpenAI) -> None:
    details = ask(client, "fly many to Zürich").model_extra["radu"]
    assert details["confidence"] == 0.8
    assert details["spans"] == [{"slot": "destination", "start": 12, "end": 18, "value": "Zürich"}]
    assert details["problems"] == ["seats: 'many' is no number"]


def test_no_call_is_a_message_without_words(client: openai.OpenAI) -> None:
    [choice] = ask(client, "tell me a joke").choices
    assert (choice.finish_reason, choice.message.content) == ("stop", "")
    assert choice.message.tool_calls is None


def test_without_tools_all_functions_of_the_module_are_offered(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model="travel", messages=said("hotel in Bonn"))
    assert called(completion) == ("book_hotel", {"city": "Bonn", "version": "1"})


def test_tools_select_among_the_functions(client: openai.OpenAI) -> None:
    [choice] = ask(client, "hotel in Bonn", tools=TOOLS[:1]).choices
    assert choice.message.tool_calls is None


@pytest.mark.parametrize(
    ("choice", "function"),
    [
        ("auto", None),
        ("none", None),
        ("required", "book_hotel"),
        (named("book_hotel"), "book_hotel"),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": TOOLS[1:]},
            },
            "book_hotel",
        ),
    ],
)
def test_tool_choice(client: openai.OpenAI, choice: Any, function: str | None) -> None:
    completion = ask(client, "a joke", tool_choice=choice, parallel_tool_calls=True)
    calls = completion.choices[0].message.tool_calls
    assert [c.function.name for c in calls or ()] == ([function] if function else [])


def test_tool_choice_none_calls_nothing(server: Live, client: openai.OpenAI) -> None:
    asked = len(server.model.batches)
    [choice] = ask(client, "fly to Rome", tool_choice="none").choices
    assert (choice.message.content, choice.finish_reason) == ("", "stop")
    assert len(server.model.batches) == asked


def test_a_tool_result_is_not_answered_by_the_same_call(client: openai.OpenAI) -> None:
    """An agent that loops until there is no call comes to its end."""
    messages = said("fly to Rome")
    for _ in range(3):
        message = (
            client.chat.completions.create(model="travel", messages=messages, tools=TOOLS)
            .choices[0]
            .message
        )
        messages.append(message)
        for call in message.tool_calls or ():
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "booked"})
        if not message.tool_calls:
            break
    assert [m["role"] if isinstance(m, dict) else m.role for m in messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]


def test_the_last_user_message_is_the_utterance(client: openai.OpenAI) -> None:
    messages = [
        *said("hotel in Bonn"),
        {"role": "assistant", "content": "Where to?"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "fly"}, {"type": "text", "text": "to Rome"}],
        },
    ]
    completion = client.chat.completions.create(model="travel", messages=messages, tools=TOOLS)
    assert called(completion) == ("book_flight", {"destination": "Rome"})


@pytest.mark.parametrize(
    "more",
    [
        {"metadata": {"context": "book_flight.destination"}},
        {"extra_body": {"context": "book hotel"}},
    ],
)
def test_a_context_is_taken(client: openai.OpenAI, more: Any) -> None:
    assert called(ask(client, "fly to Rome", **more))[0] == "book_flight"


@pytest.mark.parametrize(
    "more", [{"metadata": {"today": "2026-11-30"}}, {"extra_body": {"today": "2026-11-30"}}]
)
def test_the_day_that_dates_count_from_is_taken(
    server: Live, client: openai.OpenAI, more: Any
) -> None:
    server.model.days.clear()
    ask(client, "fly to Rome", **more)
    assert server.model.days == [date(2026, 11, 30)]


def test_a_stream_is_what_the_client_reads(client: openai.OpenAI) -> None:
    chunks = list(ask(client, "fly to Rome", stream=True, stream_options={"include_usage": True}))
    assert {c.object for c in chunks} == {"chat.completion.chunk"}
    assert len({c.id for c in chunks}) == 1
    [first, second, last, usage] = chunks
    [begun] = first.choices[0].delta.tool_calls
    assert (first.choices[0].delta.role, begun.function.name) == ("assistant", "book_flight")
    [more] = second.choices[0].delta.tool_calls
    text = begun.function.arguments + more.function.arguments
    assert json.loads(text) == {"destination": "Rome"}
    assert last.choices[0].finish_reason == "tool_calls"
    assert (usage.choices, usage.usage.prompt_tokens) == ([], 3)
    assert [c.usage for c in chunks[:3]] == [None] * 3


def test_the_clients_own_stream_gives_the_same_completion(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="travel", messages=said("fly to Rome"), tools=TOOLS
    ) as stream:
        whole = stream.get_final_completion()
    assert called(whole) == ("book_flight", {"destination": "Rome"})
    assert whole.choices[0].finish_reason == "tool_calls"


def test_a_stream_without_a_call_ends(client: openai.OpenAI) -> None:
    chunks = list(ask(client, "a joke", stream=True))
    assert [c.choices[0].finish_reason for c in chunks] == [None, "stop"]
    assert chunks[0].choices[0].delta.content == ""


def test_the_asynchronous_client(server: Live) -> None:
    async def ask_it() -> Any:
        async with openai.AsyncOpenAI(base_url=f"{server.address}/v1", api_key="any") as client:
            return await client.chat.completions.create(
                model="travel", messages=said("fly to Rome"), tools=TOOLS
            )

    assert called(in_own_loop(ask_it()))[0] == "book_flight"


def test_models_are_listed(client: openai.OpenAI) -> None:
    models = client.models.list().data
    assert [m.id for m in models] == ["travel", "bank"]
    assert models[1].model_extra["version"] == "7"
    assert client.models.retrieve("bank").model_extra["functions"] == ["book_flight", "book_hotel"]


IMAGE = [{"type": "image_url", "image_url": {"url": "x"}}]


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        (
            {"tools": [*TOOLS, named("sing")]},
            "unknown_function",
            "It has: book_flight, book_hotel.",
        ),
        ({"tools": []}, "invalid_value", "tools"),
        ({"tools": [{"type": "web_search"}]}, "unsupported_tool", "web_search"),
        (
            {"tools": TOOLS[:1], "tool_choice": named("book_hotel")},
            "invalid_value",
            "isn't among the tools",
        ),
        ({"tool_choice": named("sing")}, "unknown_function", "sing"),
        ({"tool_choice": "maybe"}, "invalid_value", "maybe"),
        ({"tool_choice": {"type": "function"}}, "invalid_value", "names no function"),
        ({"n": 2}, "invalid_value", "n: "),
        ({"functions": [{}], "tools": None}, "unsupported_parameter", "Give them as tools"),
        ({"metadata": {"context": "sing.song"}}, "unknown_context", "sing.song"),
        ({"metadata": {"today": "tomorrow"}}, "invalid_value", "'tomorrow'. Write it as YYYY"),
        ({"messages": [{"role": "user", "content": ""}]}, "empty_utterance", "empty"),
        ({"messages": [{"role": "system", "content": "x"}]}, "empty_utterance", "user"),
        ({"messages": []}, "invalid_value", "messages"),
        ({"messages": [{"role": "user", "content": IMAGE}]}, "unsupported_content", "image_url"),
        ({"model": None}, "model_not_found", "travel or bank"),
    ],
)
def test_bad_requests_raise_the_clients_errors(
    client: openai.OpenAI, more: Any, code: str, told: str
) -> None:
    body = {"messages": said("fly to Rome"), "model": "travel", "tools": TOOLS, **more}
    kind = openai.NotFoundError if code == "model_not_found" else openai.BadRequestError
    with pytest.raises(kind) as error:
        client.post("/chat/completions", cast_to=object, body=body)
    assert error.value.code == code
    assert told in error.value.message


def test_an_unknown_model_names_the_known_ones(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match=r"'gpt-4o'\. Give travel or bank") as error:
        ask(client, "fly to Rome", model="gpt-4o")
    assert (error.value.code, error.value.param) == ("model_not_found", "model")


def test_a_failing_model_is_a_server_error(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as error:
        ask(client, "a bug")
    assert "bug" not in error.value.message
    assert called(ask(client, "fly to Rome"))[0] == "book_flight"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": {"type": "other"}}, "tool_choice"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": ["text"]}]}, "messages.0.content"),
        ({"messages": [{"role": "nobody", "content": "a"}]}, "messages.0.role"),
        ({"n": 2}, "n"),
    ],
)
def test_an_error_names_the_field_as_clients_know_it(
    server: Live, body: dict[str, Any], param: str
) -> None:
    asked = {"model": "travel", "messages": [{"role": "user", "content": "fly to Rome"}]}
    response = server.post("/v1/chat/completions", {**asked, **body})
    error = response.json()["error"]
    assert response.status_code == 400
    assert error["param"].startswith(param)
    for internal in ("literal[", "list[", "NamedChoice", "content.str"):
        assert internal not in error["param"] + error["message"]
