"""Docs: what the studio's own pages link to, readable offline and behind the login."""

from studio.docs import page
from studio.frame.page import reading

with reading():
    document, words = page.choose()
    if words:
        page.results(words)
    else:
        page.show(document)
