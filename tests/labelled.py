"""Exemplars whose values stand in their text as they are."""

from __future__ import annotations

from radu_core.exemplars import AnnotatedExemplar, Span, make_template


def exemplar(
    id: str, text: str, function: str | None = "book_flight", **values: str
) -> AnnotatedExemplar:
    """A resolved one whose values stand in it once, as they are."""
    spans = [
        Span(slot=s, start=text.index(v), end=text.index(v) + len(v), value=v)
        for s, v in values.items()
    ]
    return AnnotatedExemplar(
        id=id,
        utterance=text,
        function=function,
        arguments=values,
        spans=tuple(spans),
        template=make_template(text, spans),
        outcome="resolved",
    )


TICKETS = [
    exemplar(str(i), f"a ticket to {city}", destination=city)
    for i, city in enumerate(["Oslo", "Rome", "Bonn", "Kyiv"])
]
