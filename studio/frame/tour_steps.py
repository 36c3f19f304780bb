"""What the tour says of each page: a few steps, each with what it points at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["TOURS", "Step"]


@dataclass(frozen=True)
class Step:
    """A title, a sentence or two, and the part of the page that is outlined: a CSS selector.

    ``later`` says when that part is there, and is shown while it isn't.
    """

    title: str
    text: str
    at: str
    later: str


_TABS = '[role="radiogroup"][aria-label="Tabs"]'
_MODULE = "It is here once there is a module."
_TABS_OF_MODULE = "The tabs are here once there is a module."
_UTTERANCES = "They are here once the module has utterances."
_RUN = "It is here once a run has finished."

TOURS: Mapping[str, tuple[Step, ...]] = {
    "home": (
        Step(
            "The pages follow the work",
            "Load data, annotate what is open, look at coverage and prompts, train, evaluate, "
            "and ask the model.",
            '[data-testid="stSidebarNav"]',
            "",
        ),
        Step(
            "A funnel for each module",
            "It counts how many utterances have reached each stage. The button beside a module's "
            "name leads to the next thing to do; what needs attention is listed below.",
            '[class*="st-key-funnel"]',
            _MODULE,
        ),
    ),
    "load": (
        Step(
            "Bring a schema, then utterances",
            "Create a module from a schema file, then import its utterances. Rows that can't be "
            "read are listed with their line and a remedy.",
            _TABS,
            "",
        ),
        Step(
            "See what became of them",
            "Outcome counts what is resolved and what isn't, and why. Splits divides the module "
            "into train, validation and test. Earlier imports undoes an import.",
            _TABS,
            "",
        ),
    ),
    "schema": (
        Step(
            "Functions, slots, recognizers",
            "Descriptions are what functions are found by, so write them as you would explain "
            "the function to a colleague.",
            _TABS,
            _TABS_OF_MODULE,
        ),
        Step(
            "Nothing is saved by itself",
            "A change is shown with its effect first, and saved when you say so. Earlier "
            "versions stay, and can be restored.",
            _TABS,
            _TABS_OF_MODULE,
        ),
    ),
    "annotate": (
        Step(
            "One utterance at a time",
            "Each question shows its readings. Press a digit to choose one, and Enter to accept "
            "it; the next utterance is there at once.",
            '[class*="st-key-span"]',
            "It is here once the module has utterances and you have chosen a name.",
        ),
        Step(
            "Choose what to work on",
            "Queue and Function narrow what comes; Search looks through all utterances.",
            ".st-key-annotate-filters",
            _UTTERANCES,
        ),
        Step(
            "All keys",
            "Press ? for the list of keys. The buttons below the utterance do the same by mouse "
            "and touch. u takes the last decision back.",
            '[class*="st-key-span"]',
            "It is here once the module has utterances and you have chosen a name.",
        ),
    ),
    "utterances": (
        Step(
            "All utterances in one table",
            "Search, Function, Outcome and Split narrow the list; More filters has the rest. The "
            "address has it all: send it to a colleague.",
            '[data-testid="stMain"] :is([data-testid="stSelectbox"], [data-testid="stTextInput"])',
            _UTTERANCES,
        ),
        Step(
            "Choose one, or edit many",
            "Choose a cell to see its row in full. Edit changes the ticked rows, or all that are "
            "found; a preview comes first, and Undo after.",
            '[data-testid="stDataFrame"]',
            _UTTERANCES,
        ),
    ),
    "coverage": (
        Step(
            "Is the right function in the prompt?",
            "Measure counts how often the right function is among those retrieved. What isn't "
            "retrieved can't be learnt.",
            '[class*="st-key-coverage-do-measure"]',
            _MODULE,
        ),
        Step(
            "More retrieved, longer prompts",
            "The recommended point is the cheapest that covers enough. The tabs show each miss, "
            "why it was missed, and what would help.",
            _TABS,
            "The tabs are here once you have measured.",
        ),
    ),
    "overlap": (
        Step(
            "Do functions exclude each other?",
            "Measure compares every exemplar with all others and lists functions that are "
            "confused and labels that are doubtful.",
            ".st-key-overlap-do-measure",
            _MODULE,
        ),
    ),
    "prompts": (
        Step(
            "What the model will read",
            "Choose an utterance and a strategy, and see each row as the model gets it, with "
            "its answer and what is wrong with it.",
            ".st-key-prompt-strategy",
            "They are here once there is a module.",
        ),
        Step(
            "Templates and negatives",
            "Templates changes the wording, with a preview. Negatives shows what each utterance "
            "is set against.",
            _TABS,
            _TABS_OF_MODULE,
        ),
    ),
    "train": (
        Step(
            "First a dataset, then a run",
            "1 Dataset builds the rows, after a preview. 2 Launch begins a run with them.",
            _TABS,
            _TABS_OF_MODULE,
        ),
        Step(
            "A run needs nobody to watch it",
            "3 Runs shows each run live. Close the tab: the run continues, and its end is "
            "announced on whatever page is open.",
            _TABS,
            _TABS_OF_MODULE,
        ),
        Step(
            "Without a language model",
            "Fit trains a small, fast model in minutes. It is a good first result to compare with.",
            _TABS,
            _TABS_OF_MODULE,
        ),
    ),
    "evaluate": (
        Step(
            "Is it better than what is free?",
            "Evaluate measures a run beside baselines that learn from the same labels, with 95 "
            "% intervals.",
            ".st-key-evaluate-do",
            _RUN,
        ),
        Step(
            "Errors go back to annotation",
            "The tab Errors lists what the model got wrong. Send the errors to Annotate: many "
            "are labels that are wrong.",
            _TABS,
            "The tabs are here once a run has finished.",
        ),
    ),
    "playground": (
        Step(
            "Ask a run anything",
            "Choose a run, or two side by side, type an utterance, and see the call and why it "
            "is that one.",
            '[class*="st-key-playground-first"]',
            _RUN,
        ),
        Step(
            "Use it in an app",
            "The second tab has the code that asks the model from a program.",
            _TABS,
            _TABS_OF_MODULE,
        ),
    ),
}
