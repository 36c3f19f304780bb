"""Two people changed a schema at the same time: what each did, and both together."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from radu_core.files import canonical_json
from radu_core.schema import Schema, parse_schema

__all__ = ["Difference", "Merged", "Side", "differences", "merge_schemas"]

Side = Literal["mine", "theirs"]
_MISSING: Any = object()


@dataclass(frozen=True)
class Difference:
    """A place in a schema that two versions have otherwise; None: it isn't there."""

    where: str
    one: str | None
    other: str | None


@dataclass(frozen=True)
class Merged:
    """Both changes in one schema.

    ``conflicts`` are the places that both changed, each as ``mine`` and ``theirs`` have it; there
    the schema has what was chosen.
    """

    schema: Schema
    conflicts: tuple[Difference, ...]


def _tree(schema: Schema) -> dict[str, Any]:
    """A schema as nested objects, its functions, slots and recognizers by name."""
    data = schema.model_dump(mode="json")
    functions = {
        f["name"]: {
            "description": f["description"],
            "slots": {s["name"]: {k: v for k, v in s.items() if k != "name"} for s in f["slots"]},
        }
        for f in data["functions"]
    }
    recognizers = {
        r["name"]: {k: v for k, v in r.items() if k != "name"} for r in data["recognizers"]
    }
    fields = {k: v for k, v in data.items() if k not in ("functions", "recognizers", "module")}
    return {**fields, "function": functions, "recognizer": recognizers}


def _schema(module: str, tree: Mapping[str, Any]) -> Schema:
    functions = [
        {**f, "name": name, "slots": [{"name": n, **s} for n, s in f["slots"].items()]}
        for name, f in tree["function"].items()
    ]
    recognizers = [{"name": name, **r} for name, r in tree["recognizer"].items()]
    fields = {k: v for k, v in tree.items() if k not in ("function", "recognizer")}
    data = {**fields, "module": module, "functions": functions, "recognizers": recognizers}
    return parse_schema(data)


def merge_schemas(
    base: Schema, mine: Schema, theirs: Schema, *, choose: Mapping[str, Side] | None = None
) -> Merged:
    """What ``mine`` and ``theirs`` made of ``base``, together.

    Where both changed the same place otherwise, ``choose`` (by the conflict's ``where``) says which
    is taken, mine by default. ``SchemaError`` if the two don't go together: one removed what the
    other uses.
    """
    work = _Merge(choose or {})
    tree = work.merge(_tree(base), _tree(mine), _tree(theirs), ())
    return Merged(_schema(mine.module, tree), tuple(work.conflicts))


class _Merge:
    def __init__(self, choose: Mapping[str, Side]) -> None:
        self.conflicts: list[Difference] = []
        self._choose = choose

    def merge(self, base: Any, mine: Any, theirs: Any, path: tuple[str, ...]) -> Any:
        """The value at a path; ``_MISSING`` where it is gone."""
        if _same(mine, base) or _same(mine, theirs):
            return theirs
        if _same(theirs, base):
            return mine
        if isinstance(mine, dict) and isinstance(theirs, dict):
            old = base if isinstance(base, dict) else {}
            values = {
                name: self.merge(
                    old.get(name, _MISSING),
                    mine.get(name, _MISSING),
                    theirs.get(name, _MISSING),
                    (*path, name),
                )
                for name in _merge_order(list(old), list(mine), list(theirs))
            }
            return {name: value for name, value in values.items() if value is not _MISSING}
        where = _words(path)
        self.conflicts.append(Difference(where, _value_text(mine), _value_text(theirs)))
        return theirs if self._choose.get(where) == "theirs" else mine


def _same(one: Any, other: Any) -> bool:
    """Whether two values are written alike; Python takes 1, 1.0 and True for the same."""
    if one is _MISSING or other is _MISSING:
        return one is other
    return json.dumps(one) == json.dumps(other)  # their order counts


def _merge_order(base: Sequence[str], mine: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """All names: in my order if I changed it, otherwise in theirs.

    What only the other has comes after the name that it follows there.
    """
    is_reordered = [n for n in mine if n in base] != [n for n in base if n in mine]
    first, second = (mine, theirs) if is_reordered else (theirs, mine)
    names_merged = list(first)
    for position, name in enumerate(second):
        if name not in names_merged:
            before = [names_merged.index(n) for n in second[:position] if n in names_merged]
            names_merged.insert(max(before, default=-1) + 1, name)
    return names_merged


def _words(path: Collection[str]) -> str:
    """A place for people: ``function book_flight · slot origin · type``."""
    names = list(path)
    words = []
    while names:
        name = names.pop(0)
        if name in ("function", "recognizer", "slots", "labels") and names:
            words.append(f"{name.removesuffix('s')} {names.pop(0)}")
        else:
            words.append(name.replace("_", " "))
    return " · ".join(words)


def _value_text(value: Any) -> str | None:
    if value is _MISSING:
        return None
    return value if isinstance(value, str) else canonical_json(value)


def differences(before: Schema, after: Schema) -> list[Difference]:
    """Every place in which two schemas differ, the smallest that there is of each."""
    differences_found: list[Difference] = []
    _differ(_tree(before), _tree(after), (), differences_found)
    return differences_found


def _differ(one: Any, other: Any, path: tuple[str, ...], differences: list[Difference]) -> None:
    if _same(one, other):
        return
    if not (isinstance(one, dict) and isinstance(other, dict)):
        differences.append(Difference(_words(path), _value_text(one), _value_text(other)))
        return
    names_common = [n for n in one if n in other]
    if names_common != [n for n in other if n in one]:
        where = f"{_words(path)} order".strip() if path else "order"
        differences.append(Difference(where, ", ".join(one), ", ".join(other)))
    for name in dict.fromkeys((*one, *other)):
        _differ(one.get(name, _MISSING), other.get(name, _MISSING), (*path, name), differences)
