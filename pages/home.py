"""Home: what there is, what needs attention, and the next thing to do."""

from studio.frame.page import page
from studio.frame.trash import trashed_modules
from studio.home.modules import show_modules

with page(
    "Radu Studio",
    "From labelled utterances to a small, evaluated function-calling model.",
    needs_module=False,
) as here:
    show_modules(here)
    trashed_modules(here)
