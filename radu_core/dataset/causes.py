"""Why a row of one dataset isn't in another, or isn't the same there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from radu_core.dataset.manifest import Manifest, Mixture
from radu_core.dataset.rows import DatasetRow

__all__ = ["Causes", "Side", "facts_of"]

_UNKNOWN = "made by another version of the studio"
# The options that a row of a task or of a kind can depend on, beside those that any can.
_VARIED = ("fewer", "zero", "removed", "absent")
_OF_TASK = {
    "rag": {"k_desc", "k_exemplar", "order"},
    "knn": {"knn_pairs", "knn_negatives", "hardness", "near_duplicate"},
    "all": {"k_slot_examples", "order"},
    "single": {"k_slot_examples", "order"},
}
_OF_KIND = {
    "fewer": {"fewer_share", "dropout"},
    "zero": {"zero_share"},
    "removed": {"removed_share", "near_duplicate"},
    "negative": {"near_duplicate"},
    "out_of_scope": {"out_of_scope_cap", "near_duplicate"},
}
_OF_ANY = {"max_length", "tokenizer", "chat_template"}
_OF_PAIRS = ("knn_yes", "knn_no", "removed", "negative", "out_of_scope")  # what is judged matters


@dataclass(frozen=True)
class Side:
    """One of the two datasets: its number in the database, and its manifest.

    ``told`` are the modules whose discards are known.
    """

    db: sqlite3.Connection
    number: int
    manifest: Manifest | Mixture
    told: frozenset[str]

    def exemplar(self, module: str, id: str) -> tuple[str, str] | None:
        """The hash and the split of an exemplar that has a row."""
        record = self.db.execute(
            "SELECT hash, split FROM exemplar WHERE side = ? AND key = ?",
            (self.number, f"{module}\n{id}"),
        ).fetchone()
        return record and (str(record[0]), str(record[1]))

    def discard_reasons(self, row: DatasetRow) -> list[str]:
        """The recorded reasons why its exemplar has no such row; none where nothing is recorded."""
        records = self.db.execute(
            "SELECT DISTINCT reason FROM discard WHERE side = ? AND key = ? "
            "AND task IN (?, 'every task') AND coalesce(kind, ?) = ? AND coalesce(id, ?) = ? "
            "ORDER BY reason",
            (
                self.number,
                row.exemplar,
                row.task,
                row.kind,
                row.kind,
                row.id,
                row.id,
            ),
        )
        return [str(reason) for (reason,) in records]

    def mentions(self, module: str, id: str) -> bool:
        """Whether the dataset knows of an exemplar at all."""
        if self.exemplar(module, id):
            return True
        record = self.db.execute(
            "SELECT 1 FROM discard WHERE side = ? AND key = ? LIMIT 1",
            (self.number, f"{module}\n{id}"),
        )
        return record.fetchone() is not None


@dataclass(frozen=True)
class Causes:
    """Finds the causes of a difference between two sides, the most direct first."""

    old: Side
    new: Side

    def of_change(
        self, before: DatasetRow, after: DatasetRow, splits: tuple[Any, Any]
    ) -> list[str]:
        """Why a row that is in both isn't the same."""
        module = after.module
        one, two = self.old.manifest.modules[module], self.new.manifest.modules[module]
        why = []
        if splits[0] != splits[1]:
            why.append(f"split moved: {splits[0]} to {splits[1]}")
        if before.exemplar_hash != after.exemplar_hash:
            why.append("exemplar edited")
        if one.templates.get(after.task) != two.templates.get(after.task):
            why.append(f"template changed: {after.task}")
        why += _schema(before, after, one, two)
        if before.exemplar_ids != after.exemplar_ids:
            why += _explain_retrieval(one, two, after, "exemplars")
        elif any(self._was_edited(module, id) for id in after.exemplar_ids):
            why.append("an exemplar that is shown was edited")
        if before.candidates != after.candidates:
            why += _explain_retrieval(one, two, after, "functions")
        if not any(w.startswith(("split", "exemplar", "template", "schema")) for w in why):
            why += _options(one, two, after)
        return why or [_UNKNOWN]

    def of_absence(self, row: DatasetRow, *, absent: int) -> list[str]:
        """Why a row isn't in the dataset ``absent`` (0: the old one, so that it is new)."""
        there, here = (self.old, self.new) if absent == 0 else (self.new, self.old)
        module, id, task = row.module, row.exemplar_id, row.task
        manifest = there.manifest.modules.get(module)
        if manifest is None:
            return [f"module {'new' if absent == 0 else 'gone'}: {module}"]
        if task not in manifest.config.strategies:
            return [f"task {'new' if absent == 0 else 'gone'}: {task}"]
        one, two = self.old.manifest.modules[module], self.new.manifest.modules[module]
        if not there.mentions(module, id):
            weights = _weights(here, there, module, task)
            options = [] if weights or module in there.told else [*_options(one, two, row)]
            return options or [weights or _exemplar(absent)]
        both = here.discard_reasons(row)
        reasons = [reason for reason in there.discard_reasons(row) if reason not in both]
        if reasons:
            was = "was" if absent == 0 else "is now"
            return [f"{was} discarded: {reason}" for reason in reasons]
        why = []
        record = there.exemplar(module, id)
        own = here.exemplar(module, id)
        if record and record[0] != row.exemplar_hash:
            why.append("exemplar edited")
        if record and own and record[1] != own[1]:
            places = (record[1], own[1]) if absent == 0 else (own[1], record[1])
            why.append(f"split moved: {places[0]} to {places[1]}")
        weights = _weights(here, there, module, task)
        why += [weights] if weights else []
        why += [] if why else [*_options(one, two, row)]
        if not why and (one.index != two.index or one.embedder != two.embedder):
            why += _explain_retrieval(one, two, row, "exemplars")
        return why or [_UNKNOWN]

    def _was_edited(self, module: str, id: str) -> bool:
        old, new = self.old.exemplar(module, id), self.new.exemplar(module, id)
        return bool(old and new and old[0] != new[0])


def _exemplar(absent: int) -> str:
    return "exemplar new, or resolved since" if absent == 0 else "exemplar gone, or not resolved"


def _schema(before: DatasetRow, after: DatasetRow, one: Manifest, two: Manifest) -> Iterator[str]:
    for name in dict.fromkeys([*before.candidates, *after.candidates]):
        if one.functions.get(name) != two.functions.get(name):
            yield f"schema changed: {name}"


def _explain_retrieval(one: Manifest, two: Manifest, row: DatasetRow, what: str) -> list[str]:
    """What is shown differs: by the embedder, or because the index holds others."""
    if one.embedder != two.embedder:
        return [f"embedder changed: other {what} retrieved"]
    if one.index != two.index:
        return [f"index changed: other {what} retrieved"]
    return [f"other {what} retrieved"] if not list(_options(one, two, row)) else []


def _options(one: Manifest, two: Manifest, row: DatasetRow) -> Iterator[str]:
    """What was chosen and differs, and what such a row depends on: options, judgements."""
    old, new = _flat(one), _flat(two)
    shuffled = "shuffled" in (old["order"], new["order"]) and row.task in (
        "rag",
        "all",
        "single",
    )
    mattering = _OF_ANY | _OF_TASK.get(row.task, set()) | _OF_KIND.get(row.kind, set())
    if shuffled or row.kind in _VARIED or old["out_of_scope_cap"] is not None:
        mattering |= {"seed"}
    for name in sorted(mattering & set(old)):
        if old[name] != new.get(name):
            yield f"option changed: {name}" if name != "seed" else "seed changed"
    if one.tokenizer != two.tokenizer and old["tokenizer"] == new["tokenizer"]:
        yield "tokenizer changed"
    if row.kind in _OF_PAIRS and one.judgements_hash != two.judgements_hash:
        yield "judgements changed"


def _flat(manifest: Manifest) -> dict[str, Any]:
    config = manifest.config.model_dump(mode="json")
    return {**{k: v for k, v in config.items() if k != "rows"}, **config["rows"]}


def _weights(here: Side, there: Side, module: str, task: str) -> str:
    """Mixtures only: whether the weight, or the lot, decides."""
    if not isinstance(here.manifest, Mixture) or not isinstance(there.manifest, Mixture):
        return ""
    one, two = here.manifest.parts[module], there.manifest.parts[module]
    if one.weights.get(task) != two.weights.get(task):
        return f"weight changed: {module}/{task}"
    if here.manifest.seed != there.manifest.seed and one.weights.get(task, 1) % 1:
        return "seed of the mixture changed"
    return ""


def facts_of(old: Manifest | Mixture, new: Manifest | Mixture) -> Iterator[str]:
    """What differs between the two manifests, in sentences without a stop."""
    for module in sorted({*old.modules, *new.modules}):
        one, two = old.modules.get(module), new.modules.get(module)
        if one is None or two is None:
            yield f"{module} is only in the {'new' if one is None else 'old'} one"
            continue
        prefix = f"{module}: " if len({*old.modules, *new.modules}) > 1 else ""
        yield from (f"{prefix}{fact}" for fact in _module_facts(one, two))
    if isinstance(old, Mixture) and isinstance(new, Mixture):
        for module in sorted({*old.parts} & {*new.parts}):
            if old.parts[module].weights != new.parts[module].weights:
                yield f"{module}: its weights in the mixture differ"


def _module_facts(one: Manifest, two: Manifest) -> Iterator[str]:
    old, new = _flat(one), _flat(two)
    for name in old:
        if old[name] != new.get(name):
            yield f"{name} was {_text(old[name])}, is {_text(new.get(name))}"
    names_changed = [
        n
        for n in sorted({*one.functions, *two.functions})
        if one.functions.get(n) != two.functions.get(n)
    ]
    if names_changed:
        yield f"functions changed in the schema: {', '.join(names_changed)}"
    elif one.schema_hash != two.schema_hash:
        yield "the schema changed (a recognizer or its description)"
    templates = [
        n
        for n in sorted({*one.templates, *two.templates})
        if one.templates.get(n) != two.templates.get(n)
    ]
    if templates:
        yield f"templates changed: {', '.join(templates)}"
    if one.exemplars_hash != two.exemplars_hash:
        yield "exemplars were added, removed or edited"
    if one.judgements_hash != two.judgements_hash:
        yield "what people judged of pairs differs"
    if one.embedder != two.embedder:
        yield f"embedder was {one.embedder}, is {two.embedder}"
    if one.tokenizer != two.tokenizer and old["tokenizer"] == new["tokenizer"]:
        yield "the tokenizer of that name isn't the same"


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else "none" if value is None else str(value)
