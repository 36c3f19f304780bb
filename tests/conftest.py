"""Fixtures: a small module, a workspace that needs no model, a tiny model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from databases import empty_postgres, postgres, url  # noqa: F401 (fixtures)
from fakes import HashEmbedder, count_words
from installed import install_wheel, radu_wheel, server_alone  # noqa: F401 (fixtures)
from playwright.sync_api import Browser, sync_playwright
from studio_process import CHROMIUM
from tiny_model import make_tiny_model

from radu_core.exemplars import AnnotatedExemplar
from radu_core.hardware import VARIABLE
from radu_core.schema import Schema, parse_schema
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve

MODULE = "acme_travel_en"
SCHEMA: dict[str, Any] = {
    "module": MODULE,
    "functions": [
        {
            "name": "book_flight",
            "description": "Buy a plane ticket between two cities.",
            "slots": [
                {"name": "origin", "description": "city it leaves from"},
                {"name": "destination", "description": "city it goes to"},
                {"name": "passengers", "description": "how many people", "type": "integer"},
                {"name": "refundable", "description": "money back", "type": "boolean"},
            ],
        },
        {
            "name": "book_hotel",
            "description": "Reserve a hotel room for a stay.",
            "slots": [
                {"name": "city", "description": "where it is", "recognizer": "city"},
                {"name": "extras", "description": "what else", "multi_value": True},
            ],
        },
    ],
    "recognizers": [
        {"name": "city", "kind": "list", "labels": {"New York": ["NYC"], "Paris": []}},
    ],
}
ROWS: list[dict[str, Any]] = (
    [
        {
            "id": f"f{i:02d}",
            "utterance": f"fly {word} to {city} please",
            "function": "book_flight",
            "arguments": {"destination": city},
            "split": split,
        }
        for i, (word, city, split) in enumerate(
            [
                ("me", "Oslo", "train"),
                ("us", "Rome", "train"),
                ("quickly", "Bonn", "train"),
                ("home", "Kyiv", "validation"),
                ("now", "Lima", "test"),
                ("away", "Bern", "train"),
            ]
        )
    ]
    + [
        {
            "id": f"h{i:02d}",
            "utterance": f"a hotel {word} in {city}",
            "function": "book_hotel",
            "arguments": {"city": city},
            "split": split,
        }
        for i, (word, city, split) in enumerate(
            [
                ("room", "Paris", "train"),
                ("bed", "New York", "train"),
                ("suite", "Paris", "validation"),
                ("stay", "New York", "test"),
                ("night", "Paris", "train"),
            ]
        )
    ]
    + [
        {"id": "n00", "utterance": "tell me a joke", "function": None, "split": "train"},
        {"id": "n01", "utterance": "what is the time", "function": None, "split": "test"},
        {
            "id": "a00",
            "utterance": "from Oslo, lovely Oslo, to Rome",
            "function": "book_flight",
            "arguments": {"origin": "Oslo", "destination": "Rome"},
            "split": "train",
        },
        {
            "id": "u00",
            "utterance": "a seat for my wife and me to Bonn",
            "function": "book_flight",
            "arguments": {"destination": "Bonn", "passengers": 2},
            "split": "train",
        },
    ]
)


@pytest.fixture
def schema() -> Schema:
    return parse_schema(SCHEMA)


@pytest.fixture
def make_exemplar() -> Callable[..., AnnotatedExemplar]:
    def make(utterance: str, function: str | None = "book_flight", **more: Any) -> Any:
        return AnnotatedExemplar(
            id=more.pop("id", "x"), utterance=utterance, function=function, **more
        )

    return make


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Callable[..., Path]:
    def write(rows: list[dict[str, Any]], name: str = "rows.jsonl") -> Path:
        path = tmp_path / name
        text = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """An empty workspace whose default embedder is the hashing one."""
    space = Workspace(tmp_path / "home")
    space._embedders["all-MiniLM-L6-v2"] = HashEmbedder()  # type: ignore[assignment]
    count_words(space)
    yield space
    space.store.close()


@pytest.fixture
def loaded(workspace: Workspace, schema: Schema, write_jsonl: Callable[..., Path]) -> Workspace:
    """A workspace with the small module, imported and aligned."""
    workspace.store.put_schema(schema, who="test")
    import_file(workspace, "jsonl", write_jsonl(ROWS), module=MODULE, who="test")
    resolve(workspace, MODULE, who="test")
    return workspace


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(params=[False, True], ids=["without bf16", "with bf16"])
def native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """A processor that computes in bf16, and one that doesn't, whichever is here.

    What holds must hold on both. Where results are compared as numbers, say in which precision each
    is made.
    """
    monkeypatch.setenv(VARIABLE, str(int(request.param)))
    return bool(request.param)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "Chromium is missing: make browser installs it"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        yield opened
        opened.close()
