"""What a server kept of the utterances it answered: those that somebody should look at, unlabelled.

One JSON object a line, as the server writes them. Options: ``below`` (a confidence under it is
unsure), ``unlike`` (this share of what is in scope looks more in scope), ``model``.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from radu_core.errors import FormatError, InputError
from radu_core.exemplars import UNLABELLED, AnnotatedExemplar
from radu_core.files import content_hash, parse_json, readable
from radu_core.formats.collected import to_exemplar
from radu_core.formats.common import (
    Imported,
    Notice,
    Rejection,
    RowError,
    check_options,
    row_json,
)
from radu_core.formats.lines import TextFile
from radu_core.instructions import instruct
from radu_core.progress import Progress, silent
from radu_core.schema import OUT_OF_SCOPE, Schema
from radu_core.words import join_words, percent, quantity

__all__ = [
    "ASKED",
    "BELOW",
    "OF_NOTE",
    "REASONS",
    "TAG",
    "UNLIKE",
    "Traffic",
    "are_traces",
    "read",
    "read_traces",
    "words_of",
]

UNSURE, OUTSIDE, UNSEEN = "unsure", "out of scope", "unlike anything seen"
REASONS = (UNSURE, OUTSIDE, UNSEEN)
ASKED, OF_NOTE = "asked", "worth a look"  # in a day's counts: all, and those with a reason
TAG = "traces"
BELOW, UNLIKE = 0.7, 0.95  # by default
_READ = {"time", "model", "utterance", "context", "confidence", "out_of_scope", "function"}
_HEAD = 65_536  # bytes that show what a file holds
_FINE = "the model was sure, it is in scope and like what was seen"
_KNOWN = "the module has the utterance"
_REPEATED = "the same utterance as one before it"
_OTHER = "asked of another model"
_BLANK = "a blank line"


@dataclass(frozen=True)
class Traffic:
    """How much was asked in one file: day → ``ASKED``, ``OF_NOTE`` and each reason → utterances.

    ``file`` is the hash of its first line, which stays when the file grows or is rotated.
    """

    file: str
    name: str
    lines: int
    days: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class _Trace:
    """A line that was read. ``day`` is None where it has no time."""

    utterance: str
    context: str | None
    model: str | None
    function: str | None
    confidence: float
    day: str | None
    reasons: tuple[str, ...]
    unread: tuple[str, ...]


def are_traces(path: Path) -> bool:
    """Whether a file's first line is a trace."""
    with readable(path), path.open("rb") as file:
        head = file.readline(_HEAD)
    try:
        first = parse_json(head.decode("utf-8-sig"))
    except (ValueError, UnicodeDecodeError):
        return False
    return isinstance(first, dict) and {"utterance", "confidence", "out_of_scope"} <= first.keys()


def words_of(utterance: str) -> str:
    """What two utterances that say the same have in common.

    Case, spaces and the writing in Unicode don't count.
    """
    return " ".join(unicodedata.normalize("NFKC", utterance.casefold()).split())


def read(
    path: Path,
    *,
    module: str,
    schema: Schema | None,
    options: Mapping[str, Any],
    progress: Progress,
) -> Imported:
    """Read one file of traces; see ``read_traces``."""
    return read_traces([path], schema=schema, options=options, progress=progress)[0]


def read_traces(
    paths: Sequence[Path],
    *,
    schema: Schema | None,
    excluded: Collection[str] = (),
    options: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> tuple[Imported, list[Traffic]]:
    """The utterances of files that matter, each once, unlabelled and tagged with why.

    With it comes how much was asked. ``excluded`` are the ``words_of`` utterances that aren't read.

    ``InputError`` where several models were asked and ``model`` doesn't say which.
    """
    options = options or {}
    check_options("traces", options, ("below", "unlike", "model"))
    below, unlike = (_share(options, *o) for o in (("below", BELOW), ("unlike", UNLIKE)))
    reader = _Reader(schema, below, unlike, options.get("model"), frozenset(excluded))
    for path in paths:
        with readable(path):
            reader.read(path, progress)
    return reader.finish([path.name for path in paths]), reader.traffic


def _share(options: Mapping[str, Any], name: str, default: float) -> float:
    value = options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"{name} isn't a share", value=value, remedy="Give a number from 0 to 1.")
    return float(value)


@dataclass
class _Reader:
    """Traces as they come in, of one file after the other."""

    schema: Schema | None
    below: float
    unlike: float
    model: object
    known: frozenset[str]
    traffic: list[Traffic] = field(default_factory=list)
    rows: int = 0
    exemplars: dict[str, AnnotatedExemplar] = field(default_factory=dict)  # by words
    rejections: list[Rejection] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    untimed: int = 0
    foreign: int = 0  # answers with a function that the schema doesn't have
    _again: dict[tuple[str, str], tuple[Notice, int]] = field(default_factory=dict)

    def read(self, path: Path, progress: Progress) -> None:
        """Take the traces of a file."""
        days: dict[str, Counter[str]] = {}
        first, lines = "", 0
        for number, text in TextFile(path).lines():
            if number % 1000 == 0:
                progress("Reading traces", number, 0)
            self.rows += 1
            if isinstance(text, str) and not text.strip():
                self.skipped[_BLANK] += 1
                continue
            lines += 1
            first = first or content_hash(str(text))
            try:
                trace = self._trace(text)
                if trace is not None:
                    self._count(trace, days)
                    self._take(trace, number, path.name)
            except RowError as error:
                self.rejections.append(error.at(number, path.name))
        if lines:
            counts_by_day = {
                day: dict(sorted(counts.items())) for day, counts in sorted(days.items())
            }
            self.traffic.append(Traffic(first, path.name, lines, counts_by_day))

    def finish(self, names: Sequence[str]) -> Imported:
        """Everything that was read."""
        if not self.rows:
            raise FormatError(
                f"{join_words(names, 'and')} {'is' if len(names) == 1 else 'are'} empty",
                remedy="Choose a file with at least one trace.",
            )
        if self.model is None and len(self.models) > 1:
            raise InputError(
                f"The traces are of {quantity(len(self.models), 'model')}",
                value=sorted(self.models),
                remedy=f"{instruct('trace model')}.",
            )
        if self.model is not None and str(self.model) not in self.models:
            raise InputError(
                "No trace is of that model",
                value=self.model,
                remedy=f"There are {', '.join(sorted(self.models)) or 'none with a model'}.",
            )
        return Imported(
            None,
            tuple(self.exemplars.values()),
            tuple(self.rejections),
            self.rows,
            skipped={reason: n for reason, n in sorted(self.skipped.items()) if n},
            ignored=dict(sorted(self.ignored.items())),
            notices=tuple(self._notices()),
            notes=tuple(self._notes()),
            source=names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more",
        )

    def _notices(self) -> Iterator[Notice]:
        for notice, times in self._again.values():
            more = f", {times:,} times" if times > 1 else ""
            yield Notice(
                notice.line, notice.kind, notice.utterance, notice.detail + more, notice.source
            )

    def _notes(self) -> Iterator[str]:
        if self.untimed:
            yield f"{quantity(self.untimed, 'trace')} without a time: not in the shares per day."
        if self.foreign:
            yield (
                f"{quantity(self.foreign, 'answer')} with a function that the schema doesn't have: "
                "is that the right module?"
            )

    def _trace(self, text: str | RowError) -> _Trace | None:
        """A line as a trace; None for one of another model."""
        if isinstance(text, RowError):
            raise text
        row = row_json(text, "", "JSON", "One JSON object a line.")
        if not isinstance(row, dict):
            raise RowError("line", row, "isn't a JSON object", "One JSON object a line.")
        model = _text(row, "model")
        self.models[model or ""] += 1
        if self.model is not None and model != self.model:
            self.skipped[f"{_OTHER}: {model}" if model else _OTHER] += 1
            return None
        return self._read(row, model)

    def _read(self, row: Mapping[str, Any], model: str | None) -> _Trace:
        utterance = _text(row, "utterance")
        if not utterance or not utterance.strip():
            raise RowError("utterance", utterance, "missing or empty", "Remove the line.")
        answer = row.get("answer", row)
        if not isinstance(answer, dict) or "function" not in answer:
            raise RowError("answer", answer, "has no function", "Keep the answer in the traces.")
        confidence, outside = _number(row, "confidence"), _number(row, "out_of_scope")
        if confidence is None:
            raise RowError("confidence", None, "missing", "Keep the confidence in the traces.")
        function = _text(answer, "function")
        conditions = (
            (UNSURE, confidence < self.below),
            (OUTSIDE, function is None or function == OUT_OF_SCOPE),
            (UNSEEN, outside is not None and outside >= self.unlike),
        )
        inner = [f"answer.{k}" for k in answer if k != "function"] if "answer" in row else []
        return _Trace(
            utterance,
            _text(row, "context"),
            model,
            function,
            confidence,
            _day(row),
            tuple(reason for reason, holds in conditions if holds),
            (*(k for k in row if k not in _READ and k != "answer"), *inner),
        )

    def _count(self, trace: _Trace, days: dict[str, Counter[str]]) -> None:
        if self.schema is not None and trace.function not in (None, OUT_OF_SCOPE):
            self.foreign += self.schema.function(str(trace.function)) is None
        if trace.day is None:
            self.untimed += 1
            return
        counts = days.setdefault(trace.day, Counter())
        counts.update([ASKED, *([OF_NOTE] if trace.reasons else []), *trace.reasons])

    def _take(self, trace: _Trace, line: int, source: str) -> None:
        """Keep an utterance that matters, or count why it is left out."""
        words = words_of(trace.utterance)
        if not trace.reasons:
            self.skipped[_FINE] += 1
            return
        for reason, others in ((_KNOWN, self.known), (_REPEATED, self.exemplars)):
            if words in others:
                self.skipped[reason] += 1
                notice = Notice(line, "repeated", trace.utterance, reason, source)
                first, times = self._again.get((reason, words), (notice, 0))
                self._again[reason, words] = (first, times + 1)
                return
        self.exemplars[words] = to_exemplar(
            {
                "utterance": trace.utterance,
                "context": trace.context,
                "tags": (TAG, *trace.reasons),
                "unlabelled": True,
                "outcome": "unlabelled",
                "reason": f"{UNLABELLED} {_answer_text(trace)}",
            },
            self.schema,
        )
        self.ignored.update(trace.unread)


def _answer_text(trace: _Trace) -> str:
    """What a served model said of it, for whoever labels it."""
    text = "nothing to call" if trace.function in (None, OUT_OF_SCOPE) else str(trace.function)
    why = join_words(trace.reasons)
    return f"A served model said: {text}, {percent(trace.confidence, 0)} sure ({why})."


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise RowError(name, value, "isn't text", "Correct this field.")
    return value


def _number(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise RowError(name, value, "isn't a number from 0 to 1", "Correct this field.")
    return float(value)


def _day(row: Mapping[str, Any]) -> str | None:
    """The day (UTC) that a trace is of; a time without a zone is UTC."""
    value = _text(row, "time")
    if value is None:
        return None
    with suppress(ValueError, OverflowError):
        at = datetime.fromisoformat(value)
        return (at.astimezone(UTC) if at.tzinfo else at).date().isoformat()
    raise RowError("time", value, "isn't a time", "Write it as 2026-11-30T12:00:00Z.")
