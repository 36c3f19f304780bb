"""What a run that learns from a language model keeps, and who reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from radu_core.errors import RunError
from radu_core.files import disk_errors, read_json, write_json
from radu_core.training.lsr.teacher import Teacher
from radu_core.training.run.tokens import base_hashes

__all__ = ["AnswerFile", "Source", "check_source", "keep_sources", "read_sources"]

TEACHERS_FILE = "teachers.json"  # in ``serving``
ANSWERS_FILE = "teacher.jsonl"  # in the run's directory


@dataclass(frozen=True)
class Source:
    """A teacher and where its model lies.

    ``template`` is its chat template, ``hashes`` are those of the files that make it.
    """

    teacher: Teacher
    directory: Path
    template: str | None
    hashes: dict[str, str]


def keep_sources(folder: Path, sources: Sequence[Source]) -> None:
    """Write them into ``folder``."""
    teachers_data = [
        {
            "name": s.teacher.name,
            "directory": str(s.directory),
            "template": s.template,
            "hashes": s.hashes,
            "learnt": sorted(s.teacher.learnt, key=str),
        }
        for s in sources
    ]
    write_json(folder / TEACHERS_FILE, {"teachers": teachers_data})


def read_sources(folder: Path) -> list[Source]:
    """What ``keep_sources`` wrote."""
    sources = []
    for teacher_data in read_json(folder / TEACHERS_FILE)["teachers"]:
        learnt = frozenset((template, function) for template, function in teacher_data["learnt"])
        teacher = Teacher(str(teacher_data["name"]), learnt)
        sources.append(
            Source(
                teacher,
                Path(teacher_data["directory"]),
                teacher_data["template"],
                teacher_data["hashes"],
            )
        )
    return sources


def check_source(source: Source) -> None:
    """``RunError`` when a teacher's model is gone or another one by now."""
    if not source.directory.is_dir():
        raise RunError(
            f"The teacher {source.teacher.name} is gone (its model lay in {source.directory})",
            remedy="Put it back, or launch a new run with another one.",
        )
    if base_hashes(source.directory) != source.hashes:
        raise RunError(
            f"The teacher {source.teacher.name} has changed since the run was launched",
            remedy="Put it back as it was, or launch a new run.",
        )


class AnswerFile:
    """What the teachers said so far, by row and chunks: asking is what takes the time."""

    def __init__(self, run: Path) -> None:
        self._path = run / ANSWERS_FILE
        self._known: dict[tuple[str, tuple[str, ...]], list[float]] = {}
        text = ""
        if self._path.is_file():
            text = self._path.read_text(encoding="utf-8", errors="replace")
        for line in text.split("\n"):
            with suppress(ValueError, KeyError, TypeError):  # a killed process leaves half a line
                answer = json.loads(line)
                self._known[(answer["row"], tuple(answer["chunks"]))] = answer["answers"]
        if text and not text.endswith("\n"):
            self._write("\n")

    def get(self, row: str, chunks: Sequence[str]) -> list[float] | None:
        """The answers of a row with these chunks, if it was asked about."""
        return self._known.get((row, tuple(chunks)))

    def add(self, row: str, chunks: Sequence[str], answers: list[float], teacher: str) -> None:
        """Keep the answers of a row."""
        self._known[(row, tuple(chunks))] = answers
        fields = {"row": row, "chunks": list(chunks), "teacher": teacher, "answers": answers}
        self._write(json.dumps(fields) + "\n")

    def _write(self, text: str) -> None:
        with disk_errors(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(text)
