"""Which values a slot can have in an utterance: all that an answer may choose from.

They are what the schema lists, what words of the utterance stand for (the inverse of alignment),
and what the module's rows have for the slot without saying it. There is no other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date

from radu_core.alignment.inverse import Inverse
from radu_core.exemplars import AnnotatedExemplar
from radu_core.pieces import cut
from radu_core.schema import Function, Scalar, Schema, Slot, as_values, fits_type

__all__ = ["Proposals"]

_LONGEST, _MOST = 12, 3_000  # pieces of a value: in a short utterance all of them
_FEWEST = 2  # rows that imply a value


class Proposals:
    """What the slots of a schema can be filled with; ``exemplars`` teach what words stand for."""

    def __init__(self, schema: Schema, exemplars: Sequence[AnnotatedExemplar]) -> None:
        self._inverse = Inverse(schema, exemplars, reference=schema.reference_date)
        self._find_implied = _find_implied(exemplars)

    def of(
        self, function: Function, utterance: str, slot: Slot, *, today: date | None = None
    ) -> list[Scalar]:
        """The values in a fixed order, none twice; none at all if nothing in the utterance fits.

        ``today`` is the day that relative dates count from (None: the schema's).
        """
        if slot.type == "boolean" and not slot.possible_values:
            return [True, False]
        if slot.possible_values:
            return list(slot.possible_values)
        pieces = cut(utterance)
        longest = max(_LONGEST, _MOST // max(1, len(pieces)))
        values: dict[str, Scalar] = {}
        for first, (start, _) in enumerate(pieces):
            for _, end in pieces[first : first + longest]:
                value = self._inverse.value(function, slot, utterance[start:end], today=today)
                if value is not None:
                    values.setdefault(repr(value), value)
        for value in self._find_implied.get((function.name, slot.name), ()):
            if fits_type(value, slot):
                values.setdefault(repr(value), value)
        return list(values.values())


def _find_implied(exemplars: Sequence[AnnotatedExemplar]) -> dict[tuple[str, str], list[Scalar]]:
    """The values that several rows of a function have for a slot and no words for."""
    counts: dict[tuple[str, str], Counter[Scalar]] = defaultdict(Counter)
    for exemplar in exemplars:
        slots = {s.slot for s in exemplar.spans or ()}
        for slot, value in exemplar.arguments.items():
            if exemplar.function and exemplar.mode == "normal" and slot not in slots:
                counts[exemplar.function, slot].update(as_values(value))
    return {
        key: [v for v, n in sorted(values.items(), key=lambda i: repr(i[0])) if n >= _FEWEST]
        for key, values in counts.items()
    }
