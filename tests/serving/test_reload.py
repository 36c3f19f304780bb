"""New versions while others ask, and back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from answering import KEY, Live, live, load_fake, until, write_fake

from radu_core.errors import InputError
from radu_core.serving import Metrics, Registry, Settings

HOTEL = {"utterance": "hotel in Bonn"}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_fake(tmp_path / "model")


def version(server: Live) -> str:
    body = server.post("/parse", HOTEL).json()
    assert body["arguments"]["version"] == body["version"]
    return str(body["version"])


def test_a_new_version_and_back(bundle: Path) -> None:
    with live(bundle, key=KEY) as server:
        write_fake(bundle, version="2")
        assert version(server) == "1"
        assert server.post("/reload", {}).json() == {
            "model": "travel",
            "before": "1",
            "version": "2",
            "changed": True,
        }
        assert version(server) == "2"
        back = server.post("/rollback", {"model": "travel"}).json()
        assert (back["before"], back["version"]) == ("2", "1")
        assert version(server) == "1"
        assert server.client.post("/rollback").json()["version"] == "2"  # no body is needed
        assert version(server) == "2"
        assert server.client.get("/ready").json()["models"] == {"travel": "2"}
        assert server.metric('radu_loads_total{model="travel",result="swapped"}') == 3


def test_the_same_version_is_not_swapped(bundle: Path) -> None:
    with live(bundle, key=KEY) as server:
        write_fake(bundle, version="2")
        server.post("/reload", {})
        assert server.post("/reload", {}).json()["changed"] is False
        assert server.post("/rollback", {}).json()["version"] == "1"


@pytest.mark.parametrize(
    ("text", "told"), [("broken", "The file was edited"), ("bank 2", "another model now: 'bank'")]
)
def test_what_cannot_be_loaded_changes_nothing(bundle: Path, text: str, told: str) -> None:
    with live(bundle, key=KEY) as server:
        (bundle / "model").write_text(text, "utf-8")
        response = server.post("/reload", {})
        assert response.status_code == 409
        assert told in response.json()["error"]["message"]
        assert response.json()["error"]["message"].startswith("Nothing changed: ")
        assert version(server) == "1"
        assert server.metric('radu_loads_total{model="travel",result="failed"}') == 1


def test_there_is_nothing_before_the_first_version(bundle: Path) -> None:
    with live(bundle, key=KEY) as server:
        response = server.post("/rollback", {})
        assert response.status_code == 409
        assert "no version before 1" in response.json()["error"]["message"]


def test_a_version_that_is_not_kept_cannot_come_back(bundle: Path) -> None:
    with live(bundle, key=KEY, keeps_previous=False) as server:
        write_fake(bundle, version="2")
        server.post("/reload", {})
        assert server.post("/rollback", {}).status_code == 409


def test_without_keys_nobody_reloads(bundle: Path) -> None:
    with live(bundle) as server:
        for path in ("/reload", "/rollback"):
            response = server.post(path, {})
            assert (response.status_code, response.json()["error"]["code"]) == (403, "keys_needed")


def test_which_model_is_reloaded_has_to_be_said_where_there_are_several(tmp_path: Path) -> None:
    one, two = write_fake(tmp_path / "one"), write_fake(tmp_path / "two", "bank")
    with live(one, two, key=KEY) as server:
        assert server.post("/reload", {}).status_code == 404
        write_fake(two, "bank", "2")
        assert server.post("/reload", {"model": "bank"}).json()["version"] == "2"
        assert server.client.get("/ready").json()["models"] == {"travel": "1", "bank": "2"}


def test_two_models_of_one_name_cannot_be_served(tmp_path: Path) -> None:
    directories = [write_fake(tmp_path / name) for name in ("one", "two")]
    with pytest.raises(InputError, match="models of one name: 'travel'"):
        Registry(load_fake, directories, Settings(), Metrics())


def test_a_request_keeps_its_version_to_its_end(bundle: Path) -> None:
    """Its second batch comes after the swap, from the version that it began with."""
    with live(bundle, key=KEY, largest_batch=1) as server, ThreadPoolExecutor(1) as pool:
        old = server.model
        old.entered.acquire()
        old.open.clear()
        both = {"utterances": ["hotel in Bonn", "hotel in Rome"]}
        pending = pool.submit(server.post, "/parse", both)
        assert old.entered.acquire(timeout=20)
        write_fake(bundle, version="2")
        assert server.post("/reload", {}).json()["version"] == "2"
        assert version(server) == "2"
        old.open.set()
        body = pending.result().json()
        assert body["version"] == "1"
        assert [a["arguments"]["version"] for a in body["answers"]] == ["1", "1"]


@pytest.mark.slow
def test_fifty_clients_and_three_reloads(bundle: Path) -> None:
    """No request fails, and none has answers of two versions."""
    stop = threading.Event()
    done = [0] * 50
    utterances = {"utterances": ["hotel in Bonn", "hotel in Rome", "hotel in Oslo"]}

    def ask(number: int) -> set[tuple[str, ...]]:
        seen = set()
        while not stop.is_set():
            response = server.post("/parse", utterances)
            assert response.status_code == 200, response.text
            body = response.json()
            seen.add((body["version"], *(a["arguments"]["version"] for a in body["answers"])))
            done[number] += 1
        return seen

    def progress(more: int) -> None:
        """Every client has had as many more answers."""
        wanted = [count + more for count in done]
        until(lambda: all(a >= b for a, b in zip(done, wanted, strict=True)))

    with live(bundle, key=KEY) as server, ThreadPoolExecutor(50) as pool:
        running = [pool.submit(ask, number) for number in range(50)]
        try:
            for new in "234":
                progress(2)
                write_fake(bundle, version=new)
                assert server.post("/reload", {}).json()["changed"] is True
            progress(2)
        finally:
            stop.set()
        seen = set().union(*(future.result() for future in running))
    assert seen == {(v,) * 4 for v in "1234"}
