"""What the tour says of each page: a few steps, each with what it points at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["TOURS", "Step"]


@dataclass(frozen=True)
class Step:
    """A title, a sentence or two, and the part of the page that is outlined: a CSS selector."""

    title: str
    text: str
    at: str


_TABS = '[data-testid="stTabs"] [role="tablist"], [role="radiogroup"][aria-label="Tabs"]'
_MAIN = '[data-testid="stMainBlockContainer"]'

TOURS: Mapping[str, tuple[Step, ...]] = {
    "home": (
        Step(
            "The pages follow the work",
            "Load data, annotate what is open, look at coverage and prompts, train, evaluate, "
            "and ask the model.",
            '[data-testid="stSidebarNav"]',
        ),
        Step(
            "A funnel for each module",
            "It counts how many utterances have come how far. The button beside a module's name "
            "leads to the next thing to do; what needs attention is listed below.",
            '[class*="st-key-funnel"]',
        ),
    ),
    "load": (
        Step(
            "Bring a schema, then utterances",
            "Create a module from a schema file, then import its utterances. Rows that can't be "
            "read are listed with their line and a remedy.",
            _TABS,
        ),
        Step(
            "See what became of them",
            "Outcome counts what is resolved and what isn't, and why. Splits divides the module "
            "into train, validation and test. Earlier imports takes an import back.",
            _TABS,
        ),
    ),
    "schema": (
        Step(
            "Functions, slots, recognizers",
            "Descriptions are what functions are found by, so write them as you would explain "
            "the function to a colleague.",
            _TABS,
        ),
        Step(
            "Nothing is saved by itself",
            "A change is shown with its effect first, and saved when you say so. Earlier "
            "versions stay, and can be restored.",
            _MAIN,
        ),
    ),
    "annotate": (
        Step(
            "One utterance at a time",
            "Each question shows its readings. Press a digit to choose one, and Enter to accept "
            "it; the next utterance is there at once.",
            '[class*="st-key-span"]',
        ),
        Step(
            "Choose what to work on",
            "Queue and Function narrow what comes; Search looks through all utterances.",
            '[data-testid="stSelectbox"], [data-testid="stTextInput"]',
        ),
        Step(
            "All keys",
            "Press ? for the list of keys. The buttons below the utterance do the same by mouse "
            "and touch. u takes the last decision back.",
            '[class*="st-key-span"]',
        ),
    ),
    "utterances": (
        Step(
            "All utterances in one table",
            "Search, Function, Outcome and Split narrow the list; More filters has the rest. The "
            "address has it all: send it to a colleague.",
            '[data-testid="stSelectbox"], [data-testid="stTextInput"]',
        ),
        Step(
            "Choose one, or edit many",
            "Choose a cell to see its row in full. Edit changes the ticked rows, or all that are "
            "found; a preview comes first, and Undo after.",
            '[data-testid="stDataFrame"]',
        ),
    ),
    "coverage": (
        Step(
            "Is the right function in the prompt?",
            "Measure counts how often the right function is among those retrieved. What isn't "
            "retrieved can't be learnt.",
            '[class*="st-key-coverage-do-measure"]',
        ),
        Step(
            "More retrieved, longer prompts",
            "The recommended point is the cheapest that covers enough. The tabs show each miss, "
            "why it was missed, and what would help.",
            _MAIN,
        ),
    ),
    "overlap": (
        Step(
            "Do functions exclude each other?",
            "Measure compares every exemplar with all others and lists functions that are "
            "confused and labels that are doubtful.",
            _MAIN,
        ),
    ),
    "prompts": (
        Step(
            "What the model will read",
            "Choose an utterance and a strategy, and see each row as the model gets it, with "
            "its answer and what is wrong with it.",
            _MAIN,
        ),
        Step(
            "Templates and negatives",
            "Templates changes the wording, with a preview. Negatives shows what each utterance "
            "is set against.",
            _TABS,
        ),
    ),
    "train": (
        Step(
            "First a dataset, then a run",
            "1 Dataset builds the rows, after a preview. 2 Launch begins a run with them.",
            _TABS,
        ),
        Step(
            "A run needs nobody to watch it",
            "3 Runs shows each run live. Close the tab: the run continues, and its end is "
            "announced on whatever page is open.",
            _TABS,
        ),
        Step(
            "Without a language model",
            "Fit trains a small, fast model in minutes. It is a good first result to compare with.",
            _TABS,
        ),
    ),
    "evaluate": (
        Step(
            "Is it better than what is free?",
            "Evaluate measures a run beside baselines that learn from the same labels, with 95 "
            "% intervals.",
            _MAIN,
        ),
        Step(
            "Errors go back to annotation",
            "The tab Errors lists what the model got wrong. Send the errors to Annotate: many "
            "are labels that are wrong.",
            _TABS,
        ),
    ),
    "playground": (
        Step(
            "Ask a run anything",
            "Choose a run, or two side by side, type an utterance, and see the call and why it "
            "is that one.",
            _MAIN,
        ),
        Step(
            "Use it in an app",
            "The second tab has the code that asks the model from a program.",
            _TABS,
        ),
    ),
}
