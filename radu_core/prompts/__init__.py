"""Prompt templates and strategies: (utterance, retrieved context) → prompt and completion.

A file of ``strategies/`` owns each strategy: ``rag.ask``, ``rag.completion``, ``rag.read``, ….
"""

from radu_core.prompts.asking import Asking, Order, Prompt
from radu_core.prompts.check import check_template, template_variables
from radu_core.prompts.negatives import (
    Judgements,
    Negative,
    Suspect,
    Verdict,
    judgements_hash,
    mine,
    pair_of,
)
from radu_core.prompts.options import RowOptions
from radu_core.prompts.prompt_row import Discard, PromptRow, Rows
from radu_core.prompts.render import Part, TemplateSet, shipped_templates
from radu_core.prompts.rows import question_rows, shorten, training_rows
from radu_core.prompts.strategies import (
    BY_NAME,
    FUNCTION_STRATEGIES,
    SLOT_STRATEGIES,
    STRATEGIES,
    require_strategy,
)

__all__ = [
    "BY_NAME",
    "FUNCTION_STRATEGIES",
    "SLOT_STRATEGIES",
    "STRATEGIES",
    "Asking",
    "Discard",
    "Judgements",
    "Negative",
    "Order",
    "Part",
    "Prompt",
    "PromptRow",
    "RowOptions",
    "Rows",
    "Suspect",
    "TemplateSet",
    "Verdict",
    "check_template",
    "judgements_hash",
    "mine",
    "pair_of",
    "question_rows",
    "require_strategy",
    "shipped_templates",
    "shorten",
    "template_variables",
    "training_rows",
]
