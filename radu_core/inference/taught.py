"""What a module's exemplars teach about values, ready to be used and kept without the exemplars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radu_core.alignment import ContextModel
from radu_core.alignment.inverse import Inverse
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json, write_json
from radu_core.inference.implied import Implied
from radu_core.schema import Schema
from radu_core.training.joint.sources import word_key

if TYPE_CHECKING:
    from radu_core.retrieval import Embedder

__all__ = ["Taught"]

_FILE = "taught.json"


@dataclass(frozen=True)
class Taught:
    """What the rows that a model learnt from teach about words.

    ``inverse``: what words stand for; ``implied``: which values are meant and not written;
    ``context``: which words stand beside each slot.
    """

    inverse: Inverse
    implied: Implied
    context: ContextModel

    @classmethod
    def of(
        cls, schema: Schema, exemplars: Sequence[AnnotatedExemplar], embedder: Embedder
    ) -> Taught:
        """What these exemplars teach."""
        return cls(
            Inverse(schema, exemplars, reference=schema.reference_date),
            Implied(schema, exemplars, embedder),
            ContextModel(e.template for e in exemplars if e.template),
        )

    def save(self, directory: Path, *, salt: str = "") -> None:
        """Write it to ``directory``; with a ``salt``, hashes stand for the words of utterances."""
        key = word_key(salt)
        data = {
            "salt": salt,
            "inverse": self.inverse.data(key),
            "context": self.context.data(key),
        }
        write_json(directory / _FILE, data)
        self.implied.save(directory)

    @classmethod
    def load(cls, directory: Path, schema: Schema) -> Taught:
        """What ``save`` wrote, of the same schema."""
        data = read_json(directory / _FILE)
        key = word_key(data["salt"])
        return cls(
            Inverse.read(schema, data["inverse"], reference=schema.reference_date, key=key),
            Implied.load(directory),
            ContextModel.read(data["context"], key=key),
        )
