"""What ``fit`` says of labels and time: what couldn't be learnt, or only badly, and what helps."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from radu_core.exemplars import AnnotatedExemplar
from radu_core.models import DEFAULT_EMBEDDER
from radu_core.schema import Schema
from radu_core.words import quantity

__all__ = ["notes_on"]

_NAMED = 5


def notes_on(
    schema: Schema,
    labels: Sequence[AnnotatedExemplar],
    *,
    base: str,
    validation: bool,
    ended: str,
) -> list[str]:
    """A sentence for each thing that holds a model back.

    ``labels`` are what it learnt; ``base`` is the embedding model that it was tuned from;
    ``validation``: whether there are validation rows; ``ended`` is why its run did so early.
    """
    counts = Counter(e.function for e in labels)
    names = [f.name for f in schema.functions]
    none, one = ([n for n in names if counts[n] == k] for k in (0, 1))
    notes: list[str] = []
    if none:
        notes.append(
            f"{_names_text(none)} without a label: known by description only, so seldom chosen. "
            "Label utterances of each."
        )
    if one:
        notes.append(
            f"{_names_text(one)} with one label: learnt, but nothing says how well. Label more of "
            "each."
        )
    if sum(counts[n] > 0 for n in names) == 1 and not counts[None]:
        notes.append(
            "Only one function has labels and nothing is labelled out of scope: every utterance is "
            "taken for that function, and only values are learnt."
        )
    if not any(s.recognizer is None for f in schema.functions for s in f.slots):
        notes.append("No function has a slot to learn: only functions are learnt.")
    if double := _contradictions(labels):
        notes.append(
            f"{quantity(len(double), 'utterance')} labelled with different functions, such as "
            f"{double[0]!r}: no model can have all of them right. Look at them: radu overlap "
            f"--module {schema.module}"
        )
    if not validation:
        notes.append(
            "No utterance of validation is labelled: the run can only be measured out of fold, on "
            f"its own labels. Make splits on the Load page, or: radu split --module {schema.module}"
        )
    if base == DEFAULT_EMBEDDER and schema.language != "en":
        notes.append(
            f"{base} knows English, and the module is in another language ({schema.language}): a "
            "multilingual embedding model may learn more from the same labels. Choose one on the "
            f"Coverage page, or: radu index --module {schema.module} --embedder MODEL"
        )
    if ended:
        notes.append(f"{ended} More time lets it learn more.")
    return notes


def _contradictions(labels: Sequence[AnnotatedExemplar]) -> list[str]:
    """The utterances that have several functions, whatever their case."""
    functions: dict[str, set[str | None]] = defaultdict(set)
    texts: dict[str, str] = {}
    for exemplar in labels:
        key = " ".join(exemplar.utterance.casefold().split())
        functions[key].add(exemplar.function)
        texts.setdefault(key, exemplar.utterance)
    return [texts[key] for key, own in functions.items() if len(own) > 1]


def _names_text(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{quantity(len(names), 'function')} ({', '.join(names[:_NAMED])}{more})"
