"""Answered utterances in a file: whole lines, bounded, and never at a request's cost."""

from __future__ import annotations

import json
import logging
import os
import threading
from datetime import UTC, datetime, timedelta, timezone
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from answering import FakeModel, live, until, write_fake

from radu_core.errors import InputError
from radu_core.inference.answers import Question
from radu_core.serving import Metrics, TraceSettings, load_redaction
from radu_core.serving.traces import TraceWriter, trace_record

FLY = {"utterance": "fly to Rome"}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def count(metrics: Metrics, result: str) -> float:
    for line in metrics.text().decode().splitlines():
        if line.startswith(f'radu_traces_total{{result="{result}"}}'):
            return float(line.rsplit(" ", 1)[1])
    return 0.0


def write(settings: TraceSettings, *records: dict[str, Any]) -> Metrics:
    metrics = Metrics()
    writer = TraceWriter(settings, metrics)
    for record in records:
        writer.put(record)
    writer.close()
    return metrics


def test_a_record_says_what_was_asked_and_answered() -> None:
    question = Question("fly to Köln", "book_flight")
    [answer] = FakeModel().answer([question])
    now = datetime(2026, 11, 30, 13, 0, 0, 5000, timezone(timedelta(hours=2)))
    assert trace_record(question, answer, model="travel", version="7", now=now) == {
        "time": "2026-11-30T11:00:00.005+00:00",
        "model": "travel",
        "version": "7",
        "utterance": "fly to Köln",
        "context": "book_flight",
        "answer": {
            "function": "book_flight",
            "arguments": {"destination": "Köln"},
            "spans": [{"slot": "destination", "start": 7, "end": 11, "value": "Köln"}],
        },
        "confidence": 0.8,
        "out_of_scope": 0.25,
    }


def test_every_route_leaves_a_line_for_each_answer(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    before = datetime.now(UTC)
    with live(write_fake(tmp_path / "model"), traces=TraceSettings(file)) as server:
        server.post("/parse", {"utterances": ["fly to Rome", "a joke"]})
        server.post("/model/parse", {"text": "hotel in Bonn"})
        messages = [{"role": "user", "content": "fly to Oslo"}]
        server.post("/v1/chat/completions", {"messages": messages})
        server.post("/v1/chat/completions", {"messages": messages, "tool_choice": "none"})
        server.post("/parse", {"utterance": "an odd one"})
    lines = read(file)
    assert [line["utterance"] for line in lines] == [
        "fly to Rome",
        "a joke",
        "hotel in Bonn",
        "fly to Oslo",
    ]
    assert [line["answer"]["function"] for line in lines][:2] == ["book_flight", None]
    assert before <= datetime.fromisoformat(lines[0]["time"]) + timedelta(milliseconds=1)
    assert file.stat().st_mode & 0o777 == 0o600


def test_files_are_bounded_and_rotated(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    settings = TraceSettings(file, largest=100, rotated=2)
    metrics = write(settings, *({"n": n, "text": "x" * 20} for n in range(20)))
    assert count(metrics, "written") == 20
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["traces.jsonl", "traces.jsonl.1", "traces.jsonl.2"]
    assert all(p.stat().st_size <= 100 for p in tmp_path.iterdir())
    kept = [r["n"] for name in reversed(names) for r in read(tmp_path / name)]
    assert kept == [14, 15, 16, 17, 18, 19]


def test_without_rotated_files_the_newest_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    write(TraceSettings(file, largest=30, rotated=0), *({"n": n} for n in range(10)))
    assert [r["n"] for r in read(file)] == [9]
    assert [p.name for p in tmp_path.iterdir()] == ["traces.jsonl"]


def test_a_file_that_was_cut_off_goes_on_in_a_new_line(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_bytes(b'{"n": 1}\n{"n": ')
    write(TraceSettings(file), {"n": 2})
    assert file.read_bytes() == b'{"n": 1}\n{"n": \n{"n": 2}\n'


@pytest.mark.parametrize("moved", [False, True])
def test_a_file_that_somebody_takes_away_begins_again(tmp_path: Path, moved: bool) -> None:
    """As after an import, or by logrotate."""
    file, metrics = tmp_path / "traces.jsonl", Metrics()
    writer = TraceWriter(TraceSettings(file), metrics)
    writer.put({"n": 1})
    until(lambda: count(metrics, "written") == 1)
    if moved:
        file.rename(tmp_path / "taken")
    else:
        file.unlink()
    writer.put({"n": 2})
    writer.close()
    assert [r["n"] for r in read(file)] == [2]
    assert not moved or [r["n"] for r in read(tmp_path / "taken")] == [1]


def test_a_full_disk_fails_no_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "radu.serving")
    traces = TraceSettings(Path("/dev/full"))
    with live(write_fake(tmp_path / "model"), traces=traces) as server:
        for _ in range(5):
            assert server.post("/parse", FLY).status_code == 200
        until(lambda: server.metric('radu_traces_total{result="lost_disk"}') == 5)
        assert server.metric('radu_traces_total{result="written"}') == 0
    assert [(r.getMessage(), r.fields["reason"]) for r in caplog.records] == [  # type: ignore[attr-defined]
        ("traces_lost", "disk")
    ]


def test_what_was_half_written_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that is full within a line, and free again: whole lines, each loss counted."""
    from radu_core.serving import traces

    room = iter((10_000, 10_000, 3, 10_000))  # bytes of each write that find a place

    class Narrow(FileIO):
        def write(self, data: Any) -> int:
            return super().write(bytes(data)[: next(room)])

    monkeypatch.setattr(traces, "FileIO", Narrow)
    file = tmp_path / "traces.jsonl"
    metrics = write(TraceSettings(file), *({"n": n} for n in range(4)))
    assert [r["n"] for r in read(file)] == [0, 1, 3]
    assert (count(metrics, "written"), count(metrics, "lost_disk")) == (3, 1)
    assert caplog.records[0].fields["error"] == os.strerror(28)  # type: ignore[attr-defined]


def test_a_place_that_cannot_be_written_is_counted(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert count(write(TraceSettings(tmp_path / "file" / "x"), {"n": 1}), "lost_disk") == 1


def test_a_disk_that_hangs_keeps_no_request_waiting(tmp_path: Path) -> None:
    hangs = threading.Event()

    def wait(record: dict[str, Any]) -> dict[str, Any]:
        hangs.wait(20)
        return record

    metrics = Metrics()
    writer = TraceWriter(TraceSettings(tmp_path / "t", redact=wait), metrics)
    for n in range(1_100):
        writer.put({"n": n})
    lost = count(metrics, "lost_queue_full")
    hangs.set()
    writer.close()
    assert lost in (99, 100)  # the thread has taken the first, or not yet
    assert len(read(tmp_path / "t")) == 1_100 - lost


def redact(record: dict[str, Any]) -> dict[str, Any] | None:
    """A hook as users write them."""
    if "secret" in record["utterance"]:
        return None
    if "broken" in record["utterance"]:
        raise ValueError(record["utterance"])
    return {**record, "utterance": record["utterance"].replace("Rome", "<city>")}


def test_a_hook_changes_or_leaves_out_what_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    texts = ["to Rome", "a secret", "broken Rome", "broken again", "Oslo"]
    settings = TraceSettings(tmp_path / "t", redact=redact)
    metrics = write(settings, *({"utterance": text} for text in texts))
    assert [r["utterance"] for r in read(tmp_path / "t")] == ["to <city>", "Oslo"]
    assert (count(metrics, "redacted"), count(metrics, "lost_redaction")) == (1, 2)
    assert [r.fields for r in caplog.records] == [  # type: ignore[attr-defined]
        {"reason": "redaction", "error": "ValueError"}
    ]


def test_a_hook_cannot_change_the_answer() -> None:
    [answer] = FakeModel().answer([Question("fly to Rome")])
    now = datetime(2026, 11, 30, tzinfo=UTC)
    record = trace_record(Question("fly to Rome"), answer, model="travel", version="1", now=now)
    record["answer"]["arguments"].clear()
    record["answer"]["spans"].clear()
    assert answer.arguments == {"destination": "Rome"}
    assert [s.value for s in answer.spans] == ["Rome"]


@pytest.mark.parametrize(("given", "error"), [("text", "TypeError"), (SystemExit(), "SystemExit")])
def test_a_hook_that_gives_no_record_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, given: Any, error: str
) -> None:
    def hook(record: dict[str, Any]) -> Any:
        if record["n"] != 1:
            return record
        if isinstance(given, BaseException):
            raise given
        return given

    settings = TraceSettings(tmp_path / "t", redact=hook)
    metrics = write(settings, *({"n": n} for n in range(3)))
    assert [r["n"] for r in read(tmp_path / "t")] == [0, 2]
    assert (count(metrics, "written"), count(metrics, "lost_redaction")) == (2, 1)
    assert [r.fields["error"] for r in caplog.records] == [error]  # type: ignore[attr-defined]


def test_a_hook_is_found_by_name() -> None:
    assert load_redaction("copy:copy")({"a": 1}) == {"a": 1}
    for name in ("copy", "copy:nix", "no_such_module:x", "", ":x", "string:digits", "..x:y"):
        with pytest.raises(InputError):
            load_redaction(name)
