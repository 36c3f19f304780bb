"""Which exemplars a module's index holds, and what it was built from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from radu_core.eligibility import Key, Purpose, Reason, key_of, why_not
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Schema

__all__ = ["Contents"]


@dataclass(frozen=True)
class _Entry:
    """One exemplar: the SHA-256 of all its fields, and why it is left out, if it is."""

    exemplar: AnnotatedExemplar
    key: Key
    digest: bytes
    left_out: Reason | None


@dataclass(frozen=True)
class Contents:
    """The exemplars of an index: of each group of duplicates, the one with the lowest id.

    ``exemplars`` are sorted by id, ``copies`` says how many each stands for, ``position`` is key →
    place among them, ``left_out`` counts the others by reason, ``digest`` is the SHA-256 over
    everything that is indexed.
    """

    entries: Mapping[str, _Entry]
    exemplars: tuple[AnnotatedExemplar, ...]
    copies: tuple[int, ...]
    position: Mapping[Key, int]
    left_out: Mapping[str, int]
    digest: str

    @classmethod
    def of(cls, schema: Schema, exemplars: Iterable[AnnotatedExemplar]) -> Contents:
        """What of ``exemplars`` can be indexed under ``schema``."""
        return _arrange({e.id: _entry(schema, e) for e in exemplars})

    def change(self, schema: Schema, changes: Mapping[str, AnnotatedExemplar | None]) -> Contents:
        """The contents after some exemplars were changed, added, or (None) taken away."""
        entries = dict(self.entries)
        for id_, exemplar in changes.items():
            if exemplar is None:
                entries.pop(id_, None)
            else:
                entries[id_] = _entry(schema, exemplar)
        return _arrange(entries)

    def under(self, schema: Schema) -> Contents:
        """The same exemplars under another schema."""
        return Contents.of(schema, (e.exemplar for e in self.entries.values()))

    @property
    def members(self) -> int:
        """How many exemplars the index stands for, duplicates counted."""
        return len(self.exemplars) + self.left_out.get(Reason.DUPLICATE, 0)


def _entry(schema: Schema, exemplar: AnnotatedExemplar) -> _Entry:
    entry = {"arguments": dict(sorted(exemplar.arguments.items()))}  # as they are saved
    text = exemplar.model_copy(update=entry).model_dump_json().encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(text).digest()
    why = why_not(schema, exemplar, Purpose.INDEX)
    return _Entry(exemplar, key_of(exemplar), digest, why)


def _arrange(entries: Mapping[str, _Entry]) -> Contents:
    left_out: Counter[str] = Counter()
    position: dict[Key, int] = {}
    exemplars: list[AnnotatedExemplar] = []
    digests: list[bytes] = []
    copies: list[int] = []
    for _, entry in sorted(entries.items()):
        if entry.left_out:
            left_out[entry.left_out.value] += 1
            continue
        if entry.key in position:
            left_out[Reason.DUPLICATE.value] += 1
            copies[position[entry.key]] += 1
            continue
        digests.append(entry.digest)
        position[entry.key] = len(exemplars)
        exemplars.append(entry.exemplar)
        copies.append(1)
    digest = hashlib.sha256(b"".join(digests)).hexdigest()
    reasons = dict(sorted(left_out.items()))
    return Contents(entries, tuple(exemplars), tuple(copies), position, reasons, digest)
