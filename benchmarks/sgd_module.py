"""All services of one part of the Schema-Guided Dialogue dataset as one module, with gold spans."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from radu_core.errors import AlignmentError
from radu_core.exemplars import AnnotatedExemplar, Split, escape, make_template
from radu_core.formats import read
from radu_core.schema import Schema

MODULE = "sgd_all_en"


@dataclass(frozen=True)
class SgdModule:
    """Its schema, and its exemplars without duplicates, each resolved by its gold spans."""

    schema: Schema
    exemplars: tuple[AnnotatedExemplar, ...]

    def split(self, *names: Split) -> list[AnnotatedExemplar]:
        """The exemplars of some splits."""
        return [e for e in self.exemplars if e.split in names]


def sgd_module(directory: Path, part: str, *, all_turns: bool = False) -> SgdModule:
    """Turns that state an intent, or all turns (with the intent that is active)."""
    options = {"spans": True, "all_turns": all_turns}
    turns = read("sgd", directory / part, module=MODULE, schema=None, options=options)
    assert turns.schema is not None
    exemplars: dict[tuple[str, str | None], AnnotatedExemplar] = {}
    for exemplar in turns.exemplars:
        exemplar_made = _resolve(exemplar)
        exemplars.setdefault((exemplar_made.template or "", exemplar_made.function), exemplar_made)
    return SgdModule(turns.schema, tuple(sorted(exemplars.values(), key=lambda e: e.id)))


def _resolve(exemplar: AnnotatedExemplar) -> AnnotatedExemplar:
    try:
        template = make_template(exemplar.utterance, exemplar.spans or ())
    except AlignmentError:  # a few published spans overlap
        template = escape(exemplar.utterance)
    return exemplar.model_copy(update={"template": template, "outcome": "resolved"})
