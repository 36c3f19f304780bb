"""Annotate: one utterance at a time, decided from the keyboard."""

from components.span_marker import span_marker
from studio.annotate.page import MARKER, filters, token, tools, version
from studio.frame.page import page

with page(
    "Annotate",
    "Most decisions take one key, or one tap.",
    needs_name=True,
    offline=True,
) as here:
    filter_chosen = filters(here)
    span_marker(
        key=MARKER,
        who=here.who,
        module=here.module,
        language=here.module.rsplit("_", 1)[-1],
        token=token(here),
        filter=filter_chosen,
        version=version(here),
    )
    tools(here)
