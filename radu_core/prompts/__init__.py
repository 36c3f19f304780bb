"""Prompt templates and strategies: (utterance, retrieved context) → prompt and completion."""

from radu_core.prompts.render import Part, TemplateSet
from radu_core.prompts.rows import (
    Discard,
    PromptRow,
    RowOptions,
    Rows,
    Suspect,
    rows_asked,
    rows_for,
)
from radu_core.prompts.strategies import (
    FUNCTION_STRATEGIES,
    SLOT_POOL,
    SLOT_STRATEGIES,
    STRATEGIES,
    all_prompt,
    check_template,
    completion_for_all,
    completion_for_knn,
    completion_for_rag,
    completion_for_single,
    knn_prompts,
    rag_prompt,
    single_prompt,
    yes_no_prompt,
)

__all__ = [
    "FUNCTION_STRATEGIES",
    "SLOT_POOL",
    "SLOT_STRATEGIES",
    "STRATEGIES",
    "Discard",
    "Part",
    "PromptRow",
    "RowOptions",
    "Rows",
    "Suspect",
    "TemplateSet",
    "all_prompt",
    "check_template",
    "completion_for_all",
    "completion_for_knn",
    "completion_for_rag",
    "completion_for_single",
    "knn_prompts",
    "rag_prompt",
    "rows_asked",
    "rows_for",
    "single_prompt",
    "yes_no_prompt",
]
