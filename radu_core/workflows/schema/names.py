"""Names of functions and slots in text that people wrote.

Prompt templates, guidelines, descriptions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from radu_core.schema import Function, Schema, Slot

__all__ = ["Mention", "in_schema", "in_text", "put_in_schema"]

_QUOTES = r"\"'`<«“‘"
_ENDS = r"\"'`>»”’"
_INSIDE = r"\w\-"  # what makes a longer name of it; a dot after it may be a slot's or a sentence's


@dataclass(frozen=True)
class Mention:
    """A text that names what is renamed: where it is, and what it becomes."""

    where: str
    before: str
    after: str


def in_text(text: str, old: str, new: str, *, of: str | None = None, alone: bool = True) -> str:
    """The text with the new name where it can only be that name; all else stays.

    A name that no sentence has by chance (``book_flight``, ``get2``, ``bookFlight``) is taken
    wherever it stands by itself; a plain word (``date``) between quotes, backticks or angle
    brackets only. Of a slot ``of`` a function ``function.slot`` is taken anywhere, and unless it is
    ``alone`` (other functions have one of that name) nothing else.
    """
    new_text = text
    if of is not None:
        dotted = rf"(?<![{_INSIDE}.]){re.escape(of)}\.{re.escape(old)}(?![{_INSIDE}])"
        new_text = re.sub(dotted, lambda _: f"{of}.{new}", new_text)
    if not alone:
        return new_text
    if _is_name(old):
        pattern = rf"(?<![{_INSIDE}.]){re.escape(old)}(?![{_INSIDE}])"
    else:
        pattern = rf"(?<=[{_QUOTES}]){re.escape(old)}(?=[{_ENDS}]|\.\w)"
    return re.sub(pattern, lambda _: new, new_text)


def _is_name(name: str) -> bool:
    """Whether nobody would write it as a word or two of a sentence."""
    return " " not in name and bool(re.search(r"[_\d.:/]|[a-zß-ÿ][A-ZÀ-Þ]", name))


def in_schema(
    schema: Schema, old: str, new: str, *, of: str | None = None, alone: bool = True
) -> list[Mention]:
    """The descriptions of a schema that name it; those of its own function mean its own slot."""
    mentions = []
    for where, owner, text in _descriptions(schema):
        own = owner is not None and owner == of
        after = in_text(text, old, new, of=of, alone=alone or own)
        mentions += [Mention(where, text, after)] if after != text else []
    return mentions


def _descriptions(schema: Schema) -> Iterator[tuple[str, str | None, str]]:
    """Where each description is, of which function, and its text."""
    yield "the module's description", None, schema.description
    for function in schema.functions:
        yield f"the description of {function.name}", function.name, function.description
        for slot in function.slots:
            where = f"the description of {function.name}.{slot.name}"
            yield where, function.name, slot.description


def put_in_schema(schema: Schema, mentions: Iterable[Mention]) -> Schema:
    """The schema with the descriptions that ``in_schema`` found."""
    after = {(m.where, m.before): m.after for m in mentions}
    text_after = {
        (owner, where): after.get((where, text), text)
        for where, owner, text in _descriptions(schema)
    }

    def slot(function: Function, one: Slot) -> Slot:
        text = text_after[function.name, f"the description of {function.name}.{one.name}"]
        return one.model_copy(update={"description": text})

    functions = tuple(
        f.model_copy(
            update={
                "description": text_after[f.name, f"the description of {f.name}"],
                "slots": tuple(slot(f, s) for s in f.slots),
            }
        )
        for f in schema.functions
    )
    update = {"description": text_after[None, "the module's description"], "functions": functions}
    return schema.model_copy(update=update)
