"""Answered utterances, kept in a file for whoever wants to learn from them.

Written by a thread from a bounded queue: what can't be written is counted, and no request waits for
the disk or fails with it.
"""

from __future__ import annotations

import copy
import errno
import json
import os
import queue
import threading
from datetime import UTC, datetime
from io import FileIO
from typing import Any

from radu_core.inference.answers import Answer, Question
from radu_core.serving.logs import log
from radu_core.serving.metrics import Metrics
from radu_core.serving.settings import TraceSettings

__all__ = ["TraceWriter", "trace_record"]

_MOST_WAITING = 1000
_CLOSING_SECONDS = 10.0


def trace_record(
    question: Question, answer: Answer, *, model: str, version: str, now: datetime
) -> dict[str, Any]:
    """One line of a traces file. It shares nothing with the answer, which a hook may not change."""
    return {
        "time": now.astimezone(UTC).isoformat(timespec="milliseconds"),
        "model": model,
        "version": version,
        "utterance": question.utterance,
        "context": question.context,
        "answer": {
            "function": answer.function,
            "arguments": copy.deepcopy(answer.arguments),
            "spans": [span.model_dump() for span in answer.spans],
        },
        "confidence": answer.confidence,
        "out_of_scope": answer.out_of_scope,
    }


class TraceWriter:
    """Appends records to a file, which is rotated before it grows beyond its limit."""

    def __init__(self, settings: TraceSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(_MOST_WAITING)
        self._file: FileIO | None = None
        self._told: set[str] = set()  # problems in the log that still last
        self._thread = threading.Thread(target=self._write_all, name="radu-traces", daemon=True)
        self._thread.start()

    def put(self, record: dict[str, Any]) -> None:
        """Hand a record to the thread; one that finds the queue full is counted as lost."""
        try:
            self._queue.put_nowait(record)
        except queue.Full:
            self._count("lost_queue_full")

    def close(self) -> None:
        """Write what waits, and stop."""
        try:
            self._queue.put(None, timeout=_CLOSING_SECONDS)
        except queue.Full:  # the disk hangs
            return
        self._thread.join(_CLOSING_SECONDS)

    def _write_all(self) -> None:
        while (record := self._queue.get()) is not None:
            self._write(record)
        if self._file is not None:
            self._file.close()

    def _write(self, record: dict[str, Any]) -> None:
        try:
            line = self._line(record)
        except (Exception, SystemExit) as error:  # the hook is the user's: whatever it raises
            self._lose("redaction", type(error).__name__)
            return
        if line is None:
            self._count("redacted")
            return
        try:
            self._append(line)
        except OSError as error:
            self._lose("disk", error.strerror or type(error).__name__)
            return
        self._told.discard("disk")
        self._count("written")

    def _line(self, record: dict[str, Any]) -> bytes | None:
        redact = self._settings.redact
        content = redact(record) if redact else record
        if content is None:
            return None
        if not isinstance(content, dict):
            raise TypeError(f"a redaction gave {type(content).__name__}, not a dictionary")
        return json.dumps(content, ensure_ascii=False).encode() + b"\n"

    def _append(self, line: bytes) -> None:
        """Write a whole line, or leave the file as it was."""
        if self._file is not None and not self._is_in_place(self._file):
            self._file.close()
            self._file = None
        file = self._file = self._file or self._open()
        size = file.seek(0, os.SEEK_END)
        if size and size + len(line) > self._settings.largest:
            self._rotate()
            file, size = self._open(), 0
            self._file = file
        try:
            if file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self._drop(file, size)
            raise

    def _is_in_place(self, file: FileIO) -> bool:
        """Whether the file still has its name: somebody may have deleted, moved or rotated it."""
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._settings.file.stat())
        except FileNotFoundError:
            return False

    def _drop(self, file: FileIO, size: int) -> None:
        """Cut off half a line and close the file: the next record opens it again."""
        self._file = None
        try:
            if file.seek(0, os.SEEK_END) > size:
                file.truncate(size)
        except OSError:
            pass  # the line that is begun next to it is unreadable as well
        finally:
            file.close()

    def _open(self) -> FileIO:
        """The file, readable by its owner only; a line that a crash cut off is ended."""
        self._settings.file.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        file = FileIO(os.open(self._settings.file, flags, 0o600), "a+")
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        return file

    def _rotate(self) -> None:
        """``FILE`` becomes ``FILE.1``, that ``FILE.2`` …; what exceeds their number is deleted."""
        if self._file is not None:
            self._file.close()
            self._file = None
        path, most = self._settings.file, self._settings.rotated
        names = [path, *(path.with_name(f"{path.name}.{n}") for n in range(1, most + 1))]
        names[-1].unlink(missing_ok=True)
        for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
            if newer.exists():
                os.replace(newer, older)

    def _lose(self, why: str, error: str) -> None:
        self._count(f"lost_{why}")
        if why not in self._told:
            self._told.add(why)
            log.error("traces_lost", extra={"fields": {"reason": why, "error": error}})

    def _count(self, result: str) -> None:
        self._metrics.traces.labels(result).inc()
