"""What is copied runs as it is, whatever the utterance is made of."""

from __future__ import annotations

import ast
import json
import re
import shlex

import pytest
from typer.main import get_command

from radu_core.cli import app
from studio.playground.snippets import code, export

UTTERANCES = [
    "fly me to Oslo",
    'it\'s "now" or `never` $HOME \\ %s {x}',
    "二人で\n東京へ 🛫 'e\u0301'",
    "</script>\u2028\ttab",
]


def test_a_bundle_holds_the_language_model_that_was_beside() -> None:
    command = export("fast-1 + big-2", "acme_travel_en").replace("\\\n", "")
    wanted = "radu export-model fast-1 --generator big-2 --module acme_travel_en --to bundle"
    assert shlex.join(shlex.split(command)) == f"{wanted} acme_travel_en"
    assert "--generator" not in export("fast-1", "acme_travel_en")


@pytest.mark.parametrize("utterance", UTTERANCES)
def test_curl_posts_the_utterance(utterance: str) -> None:
    words = shlex.split(code("curl", utterance, directory="d", model="m").replace("\\\n", ""))
    assert words[:2] == ["curl", "http://127.0.0.1:8000/parse"]
    assert json.loads(words[words.index("-d") + 1]) == {"utterance": utterance}
    assert words[words.index("-H") + 1] == "Content-Type: application/json"


@pytest.mark.parametrize("utterance", UTTERANCES)
def test_python_asks_for_the_utterance(utterance: str) -> None:
    text = code("Python", utterance, directory='my "models"/m', model="m")
    calls = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)]
    said = {ast.unparse(c.func): c.args[0] for c in calls}
    del said["print"]
    assert {name: ast.literal_eval(given) for name, given in said.items()} == {
        "model.parse": utterance,
        "radu.load": 'my "models"/m',
    }


@pytest.mark.parametrize("utterance", UTTERANCES)
def test_the_openai_client_asks_for_the_utterance(utterance: str) -> None:
    tree = ast.parse(code("OpenAI client", utterance, directory="d", model="acme_travel_en"))
    calls = {ast.unparse(n.func): n for n in ast.walk(tree) if isinstance(n, ast.Call)}
    given = {k.arg: ast.literal_eval(k.value) for k in calls["OpenAI"].keywords}
    assert given["base_url"] == "http://127.0.0.1:8000/v1"
    asked = calls["client.chat.completions.create"].keywords
    assert {k.arg: ast.literal_eval(k.value) for k in asked} == {
        "model": "acme_travel_en",
        "messages": [{"role": "user", "content": utterance}],
    }


@pytest.mark.parametrize("utterance", UTTERANCES)
def test_javascript_posts_the_utterance(utterance: str) -> None:
    text = code("JavaScript", utterance, directory="d", model="m")
    body = re.search(r"JSON\.stringify\((.*)\),$", text, re.MULTILINE | re.DOTALL)
    assert body is not None
    assert json.loads(body[1]) == {"utterance": utterance}


def test_the_address_is_where_the_server_listens() -> None:
    serve = get_command(app).commands["serve"]  # type: ignore[attr-defined]
    defaults = {p.name: p.default for p in serve.params}
    listens = f"http://{defaults['host']}:{defaults['port']}"
    for language in ("curl", "OpenAI client", "JavaScript"):
        assert listens in code(language, "hi", directory="d", model="m")
