"""What it would cost to put another schema in a module's place, counted before it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from radu_core.alignment import conflict
from radu_core.errors import DamagedError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Schema
from radu_core.store import Store
from radu_core.words import join_words, quantity
from radu_core.workflows.frame.run_list import runs
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["Broken", "Built", "SchemaCost", "schema_cost", "what_is_built"]

_SHOWN = 5


@dataclass(frozen=True)
class Broken:
    """An exemplar whose labels a schema would contradict, and why."""

    id: str
    utterance: str
    function: str
    reason: str


@dataclass(frozen=True)
class SchemaCost:
    """``functions`` and ``slots`` (``function.slot``) would be gone → how many exemplars name them.

    ``broken`` of ``total`` exemplars have labels that fit the schema in use and wouldn't fit the
    new one: they would become invalid. ``mended`` is how many don't fit now, and would.
    """

    functions: Mapping[str, int]
    slots: Mapping[str, int]
    broken: tuple[Broken, ...]
    total: int
    mended: int = 0

    @property
    def invalid_count(self) -> int:
        """How many exemplars would become invalid."""
        return len(self.broken)

    def __bool__(self) -> bool:
        """Whether anything would be lost."""
        return bool(self.functions or self.slots or self.broken)

    def __str__(self) -> str:
        losses = [_list(self.functions, "function"), _list(self.slots, "slot")]
        removed = " and ".join(g for g in losses if g)
        return (
            (
                f"The new schema removes {removed}. "
                if removed
                else "The new schema removes no function and no slot. "
            )
            + f"Of {quantity(self.total, 'exemplar')} {self.invalid_count:,} would contradict "
            "it and become invalid."
            + (f" {self.mended:,} that contradict it now would fit." if self.mended else "")
        )


def _list(names: Mapping[str, int], what: str) -> str:
    if not names:
        return ""
    texts = [f"{name} (named by {count:,})" for name, count in list(names.items())[:_SHOWN]]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{quantity(len(names), what)}: {', '.join(texts)}{more}"


def schema_cost(workspace: Workspace, schema: Schema) -> SchemaCost:
    """What replacing the schema of ``schema.module`` by ``schema`` would cost."""
    store = workspace.store
    now = _in_use(store, schema.module)
    exemplars = [i.exemplar for batch in store.batches(schema.module) for i in batch]
    counts = Counter(_names(exemplars))
    functions_known = now.functions if now else ()
    functions = [f.name for f in functions_known if schema.function(f.name) is None]
    slots = [
        f"{f.name}.{s.name}"
        for f in functions_known
        if (function := schema.function(f.name))
        for s in f.slots
        if function.slot(s.name) is None
    ]
    reasons = [(e, conflict(now, e) if now else "", conflict(schema, e)) for e in exemplars]
    return SchemaCost(
        functions={name: counts[name] for name in functions},
        slots={name: counts[name] for name in slots},
        broken=tuple(
            Broken(e.id, e.utterance, e.function or "", why)
            for e, before, why in reasons
            if why and not before
        ),
        total=len(exemplars),
        mended=sum(bool(before) and not why for _, before, why in reasons),
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


@dataclass(frozen=True)
class Built:
    """What was built from a module and keeps the schema it was built with.

    ``datasets`` and ``runs`` by name; ``index`` is whether there is one: it is built again when it
    is needed next.
    """

    index: bool
    datasets: tuple[str, ...]
    runs: tuple[str, ...]

    def __str__(self) -> str:
        """What doesn't follow a change, in a sentence or two; empty if nothing was built."""
        parts = [_names_text(self.datasets, "dataset"), _names_text(self.runs, "run")]
        text = join_words([p for p in parts if p], "and")
        sentence = f"Built before, and unchanged by this: {text}." if text else ""
        index = "The index is built again when it is needed next." if self.index else ""
        return f"{sentence} {index}".strip()


def _names_text(names: tuple[str, ...], what: str) -> str:
    if not names:
        return ""
    text = ", ".join(names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{quantity(len(names), what)} ({text}{more})"


def what_is_built(workspace: Workspace, module: str) -> Built:
    """What was built from ``module`` so far."""
    manifests = sorted(workspace.datasets.glob(f"*/{module}/manifest.json"))
    return Built(
        workspace.index(module).is_dir(),
        tuple(path.parent.parent.name for path in manifests),
        tuple(run.id for run in runs(workspace, module)),
    )
