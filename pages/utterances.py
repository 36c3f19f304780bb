"""Utterances: all of a module's utterances in a table, to filter, open, edit and export."""

from studio.frame.page import messages, page
from studio.utterances import table
from studio.utterances.edit import show_edit

with page(
    "Utterances", "All utterances of the module: filter, sort, open one, edit many, export."
) as here:
    choices = table.find_choices(here)
    filter_ = table.choose_filter(here, choices)
    with messages():
        listed, ticked, opened = table.page_of_rows(here, filter_, choices)
        if listed.total:
            table.one(here, opened)
        show_edit(here, filter_, listed.total, [item.exemplar.id for item in ticked], choices)
        if listed.total:
            table.export(here, filter_, listed.total)
