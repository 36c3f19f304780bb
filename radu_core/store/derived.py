"""What the columns say of an exemplar that its JSON says too: for queues, worth and search."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from radu_core.exemplars import DISCARDED, AnnotatedExemplar
from radu_core.schema import as_values

__all__ = [
    "DISAGREEMENT",
    "QUEUES",
    "UNLABELLED_QUEUE",
    "FlagKind",
    "derive",
    "flag_kind_of",
    "fold_for_search",
    "folded_text",
    "queue_of",
    "slots_of",
    "split_slots",
]

FlagKind = Literal["suspected", "evaluation"]
# In the order in which they are worked through.
DISAGREEMENT = "disagreement"
UNLABELLED_QUEUE = "unlabelled"
_OUTCOMES = ("ambiguous", "unlocated", "invalid", UNLABELLED_QUEUE)
QUEUES = (
    "ambiguous",
    "unlocated",
    "invalid",
    "suspected",
    DISAGREEMENT,
    "evaluation",
    UNLABELLED_QUEUE,
)
_LONGEST = 500
_SEPARATE = re.compile(r"[\\,]")  # what is escaped in a slot's name, where names are joined
_JOINED = re.compile(r"((?:[^\\,]|\\.)+)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def queue_of(
    outcome: str | None, tags: Iterable[str], flag_kind: str | None, *, disagreement: bool = False
) -> str | None:
    """The queue an exemplar waits in; None when there is nothing for a person to do.

    A disagreement goes before a flag and a flag before the outcome. What hasn't been aligned yet
    waits for that, not for a person.
    """
    if DISCARDED in tags:
        return None
    if disagreement:
        return DISAGREEMENT
    return flag_kind or (outcome if outcome in _OUTCOMES else None)


def flag_kind_of(flag: str | None, kind: str | None) -> str | None:
    """The kind of a flag. An older studio stored none; then the flag's text decides."""
    if flag is None:
        return None
    return kind or ("suspected" if flag.startswith("Coverage:") else "evaluation")


def derive(
    exemplar: AnnotatedExemplar, flag_kind: str | None, *, disagreement: bool = False
) -> dict[str, Any]:
    """The columns ``queue`` and ``slots`` of an exemplar."""
    queue = queue_of(exemplar.outcome, exemplar.tags, flag_kind, disagreement=disagreement)
    return {"queue": queue, "slots": slots_of(exemplar.arguments)}


def slots_of(arguments: Mapping[str, Any]) -> str:
    """The slots with a value, sorted and joined by commas; at most 500 characters, whole names.

    A comma or backslash in a name is escaped by a backslash.
    """
    joined = ""
    for slot in sorted(arguments):
        name = _SEPARATE.sub(r"\\\g<0>", slot)
        longer = f"{joined},{name}" if joined else name
        if len(longer) > _LONGEST:
            break
        joined = longer
    return joined


def split_slots(joined: str | None) -> list[str]:
    """The names that ``slots_of`` joined."""
    return [_ESCAPED.sub(r"\1", name) for name in _JOINED.findall(joined or "")]


def folded_text(exemplar: AnnotatedExemplar) -> str:
    """What a search looks through: utterance, function, values and id, folded."""
    values = [str(v) for value in exemplar.arguments.values() for v in as_values(value)]
    parts = [exemplar.utterance, exemplar.function or "", *values, exemplar.id]
    return fold_for_search("\n".join(parts))


def fold_for_search(text: str) -> str:
    """Text as it is searched for: case folded, composed or not the same.

    A NUL, which PostgreSQL doesn't take, is a space.
    """
    return unicodedata.normalize("NFKC", text.casefold()).replace("\0", " ")
