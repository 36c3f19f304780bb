"""Evaluate: a run beside what one has for nothing, and its errors back to annotation."""

from studio.evaluate import tabs, views
from studio.evaluate.start import choose_and_start
from studio.frame.page import messages, page

with page(
    "Evaluate",
    "The model beside free baselines that learn from the same labels, on the same utterances.",
    opens_on_run=True,
) as here:
    run, split = choose_and_start(here)
    tab = tabs.choose()
    with messages():
        if tab == "Result":
            views.warn_of_damage(here, run)
        tabs.show(here, tab, run.id, views.report_of(here, run, split))
