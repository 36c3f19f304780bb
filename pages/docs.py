"""Docs: what the studio's own pages link to, readable offline and behind the login."""

from studio.docs import page as parts
from studio.frame.page import reading

with reading():
    document, words = parts.choose()
    if words:
        parts.results(words)
    else:
        parts.show(document)
