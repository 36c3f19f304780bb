"""What it would cost to put another schema in a module's place, counted before it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from radu_core.errors import DamagedError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Schema, argument_problems
from radu_core.store import Store

__all__ = ["SchemaCost", "schema_cost"]

_SHOWN = 5


@dataclass(frozen=True)
class SchemaCost:
    """``functions`` and ``slots`` (``function.slot``) would be gone → how many exemplars name them.

    ``contradicted`` of ``total`` exemplars have labels that fit the schema in use and wouldn't fit
    the new one: they would become invalid.
    """

    functions: Mapping[str, int]
    slots: Mapping[str, int]
    contradicted: int
    total: int

    def __bool__(self) -> bool:
        """Whether anything would be lost."""
        return bool(self.functions or self.slots or self.contradicted)

    def __str__(self) -> str:
        gone = [_list(self.functions, "function"), _list(self.slots, "slot")]
        removed = " and ".join(g for g in gone if g)
        return (
            (f"That removes {removed}. " if removed else "That removes no function and no slot. ")
            + f"Of {self.total:,} exemplars {self.contradicted:,} would contradict the new schema "
            "and become invalid."
        )


def _list(names: Mapping[str, int], what: str) -> str:
    if not names:
        return ""
    shown = [f"{name} (named by {count:,})" for name, count in list(names.items())[:_SHOWN]]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)} {what}{'s' if len(names) > 1 else ''}: {', '.join(shown)}{more}"


def schema_cost(store: Store, schema: Schema) -> SchemaCost:
    """What replacing the schema of ``schema.module`` by ``schema`` would cost."""
    now = _in_use(store, schema.module)
    exemplars = [i.exemplar for i in store.exemplars(schema.module)]
    named = Counter(_names(exemplars))
    known = now.functions if now else ()
    functions = [f.name for f in known if schema.function(f.name) is None]
    slots = [
        f"{f.name}.{s.name}"
        for f in known
        if (kept := schema.function(f.name))
        for s in f.slots
        if kept.slot(s.name) is None
    ]
    return SchemaCost(
        functions={name: named[name] for name in functions},
        slots={name: named[name] for name in slots},
        contradicted=sum(
            (now is None or _fits(now, e)) and not _fits(schema, e) for e in exemplars
        ),
        total=len(exemplars),
    )


def _in_use(store: Store, module: str) -> Schema | None:
    """None where the schema in use can't be read: replacing it is the remedy."""
    try:
        return store.schema(module)
    except DamagedError:
        return None


def _names(exemplars: Iterable[AnnotatedExemplar]) -> Iterable[str]:
    for exemplar in exemplars:
        if exemplar.function is not None:
            yield exemplar.function
            yield from (f"{exemplar.function}.{slot}" for slot in exemplar.arguments)


def _fits(schema: Schema, exemplar: AnnotatedExemplar) -> bool:
    if exemplar.function is None:
        return True
    function = schema.function(exemplar.function)
    return function is not None and not argument_problems(function, exemplar.arguments)
