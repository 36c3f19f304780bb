"""The Prompts page: what the model will be shown and taught for an utterance."""

from __future__ import annotations

from dataclasses import dataclass, replace

from radu_core.errors import InputError
from radu_core.exemplars import LONGEST, AnnotatedExemplar
from radu_core.models import DEFAULT_EMBEDDER
from radu_core.progress import Progress, silent
from radu_core.prompts import STRATEGIES, PromptRow, RowOptions, TemplateSet, rows_for
from radu_core.retrieval import ExemplarHit, Query, Retrieved
from radu_core.workflows.coverage import load_index, query_of, token_counter
from radu_core.workflows.workspace import Workspace

__all__ = ["Preview", "PreviewRow", "preview", "save_template", "template_sources"]


@dataclass(frozen=True)
class PreviewRow:
    """One row of a preview with its sizes in tokens (the end token counted with the completion)."""

    row: PromptRow
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Preview:
    """Everything retrieved for an utterance and every row a strategy makes of it.

    ``negatives`` are the most similar exemplars of other functions, nearest first.
    """

    utterance: str
    exemplar: AnnotatedExemplar | None
    strategy: str
    retrieved: Retrieved
    rows: tuple[PreviewRow, ...]
    negatives: tuple[ExemplarHit, ...]
    notes: tuple[str, ...] = ()

    @property
    def answer_retrieved(self) -> bool | None:
        """Whether the right function was retrieved; None when it isn't known or out of scope."""
        if self.exemplar is None or self.exemplar.function is None:
            return None
        return self.exemplar.function in self.retrieved.functions


def preview(
    workspace: Workspace,
    module: str,
    *,
    strategy: str,
    text: str = "",
    exemplar_id: str | None = None,
    function: str | None = None,
    k_desc: int = 3,
    k_exemplar: int = 4,
    options: RowOptions | None = None,
    embedder: str = DEFAULT_EMBEDDER,
    progress: Progress = silent,
) -> Preview:
    """Render the rows of ``strategy`` for a stored exemplar or for any typed ``text``.

    A typed text is shown without a completion unless ``function`` says what it means; slot
    strategies need a function and take the likeliest retrieved one when none is given.
    """
    if strategy not in STRATEGIES:
        raise InputError(
            "No such strategy", value=strategy, remedy=f"Use one of {', '.join(STRATEGIES)}."
        )
    if len(text) > LONGEST:
        raise InputError(
            f"The utterance has {len(text):,} characters", remedy=f"Use at most {LONGEST:,}."
        )
    store = workspace.store
    schema = store.schema(module)
    index = load_index(workspace, module, embedder=embedder, progress=progress)
    exemplar = store.exemplar(module, exemplar_id).exemplar if exemplar_id else None
    utterance = exemplar.utterance if exemplar else text.strip()
    if not utterance:
        raise InputError("There is no utterance", remedy="Type one or choose an exemplar.")
    query = query_of(exemplar) if exemplar else Query(utterance)
    wide = index.search([query], k_desc=k_desc, k_exemplar=max(20, k_exemplar))[0]
    hits = replace(wide, exemplars=wide.exemplars[:k_exemplar])
    subject = exemplar or _typed(utterance, function, hits, strategy)
    templates = TemplateSet(store.templates(module))
    chosen = (options or RowOptions()).model_copy(update={"k_exemplar": k_exemplar})
    made = rows_for(strategy, subject, schema, wide, templates, options=chosen)
    count = token_counter(workspace)
    shown = tuple(
        PreviewRow(row, count(row.prompt), count(row.completion) + 1) for row in made.rows
    )
    right = subject.function
    negatives = tuple(h for h in wide.exemplars if h.function != right)
    notes = tuple(d.reason for d in made.discards)
    return Preview(utterance, exemplar, strategy, hits, shown, negatives, notes)


def _typed(
    utterance: str, function: str | None, hits: Retrieved, strategy: str
) -> AnnotatedExemplar:
    """A typed utterance as an exemplar; slot strategies assume the nearest function."""
    if function is None and strategy in ("single", "all") and hits.functions:
        nearest = (h.function for h in hits.exemplars if h.function is not None)
        function = next(nearest, hits.functions[0])
    return AnnotatedExemplar(
        id="typed", utterance=utterance, function=function, spans=(), outcome="resolved"
    )


def template_sources(workspace: Workspace, module: str) -> dict[str, str]:
    """The current source of every template, the module's own version where it has one."""
    templates = TemplateSet(workspace.store.templates(module))
    return {name: templates.source(name) for name in templates.names()}


def save_template(workspace: Workspace, module: str, name: str, text: str, *, who: str) -> int:
    """Save a module's own version of a template after checking that it parses; old ones stay.

    Returns the new version's number; ``TemplateError`` names the line that is wrong.
    """
    overrides = {**workspace.store.templates(module), name: text}
    TemplateSet(overrides).check(name)
    return workspace.store.put_template(module, name, text, who=who)
