"""Utterances: all of a module's utterances in a table, to filter, open, edit and export."""

from studio.frame.page import messages, page
from studio.utterances import table

with page("Utterances", "All utterances of the module: filter, sort, open one, or export.") as here:
    choices = table.find_choices(here)
    wanted = table.choose_filter(here, choices)
    with messages():
        listed, ticked, opened = table.page_of_rows(here, wanted, choices)
        table.one(here, opened)
        table.export(here, wanted, listed.total)
