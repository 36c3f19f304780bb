"""A module's prompt templates: their versions, what a change does to pinned examples."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from radu_core.errors import DatasetError, InputError, NotFoundError, RaduError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.progress import Progress, silent
from radu_core.prompts import TemplateSet, check_template, template_variables
from radu_core.prompts.inspect import PromptWarning, worst
from radu_core.workflows.coverage.indexing import load_index
from radu_core.workflows.coverage.prompt_tokens import BASE
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.prompts.preview import (
    LIMIT,
    Prepared,
    Preview,
    PreviewRow,
    prepare,
    render,
)

__all__ = [
    "MOST_PINS",
    "Compared",
    "TemplateView",
    "Verdict",
    "Version",
    "compare",
    "diff",
    "old_datasets",
    "pin",
    "pinned_examples",
    "restore_template",
    "save_template",
    "template",
    "template_sources",
    "try_template",
    "verdict",
]

MOST_PINS = 8
_PINS = "pinned_examples"


@dataclass(frozen=True)
class Version:
    """One version of a template; number 0 is the shipped one, which nobody saved."""

    number: int
    text: str
    at: datetime | None = None
    who: str = ""


@dataclass(frozen=True)
class TemplateView:
    """A template as it is used.

    ``versions`` are newest first, the shipped one last. With the ``variables`` that it can use, and
    those of them that are ``required`` in it.
    """

    name: str
    text: str
    shipped: str
    versions: tuple[Version, ...]
    variables: tuple[str, ...] = ()
    required: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """The number of the version in use."""
        return self.versions[0].number

    @property
    def is_changed(self) -> bool:
        """Whether it differs from the shipped one."""
        return self.text != self.shipped


@dataclass(frozen=True)
class Compared:
    """A pinned example before and after an edit: its first row.

    Where there is none, ``reason`` says why; ``failed``: because the edit can't be rendered.
    ``warnings`` are those of all its rows that it hasn't with the version in use.
    """

    exemplar: AnnotatedExemplar
    before: PreviewRow | None
    after: PreviewRow | None
    reason: str = ""
    failed: bool = False
    warnings: tuple[PromptWarning, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """Whether an edit may be saved.

    ``failed``: why it can't be, each reason with the ids of the pinned examples. ``errors``: what
    it makes wrong in them that isn't now, in the same way.
    """

    failed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    errors: tuple[tuple[str, tuple[str, ...]], ...] = ()


def template_sources(workspace: Workspace, module: str) -> dict[str, str]:
    """The current source of every template, the module's own version where it has one."""
    templates = TemplateSet(workspace.store.templates(module))
    return {name: templates.source(name) for name in templates.names()}


def template(workspace: Workspace, module: str, name: str) -> TemplateView:
    """A template with all its versions. ``TemplateError`` when there is none of that name."""
    shipped = TemplateSet().source(name)
    stored_versions = workspace.store.template_versions(module, name)
    versions = [Version(v.version, v.text, v.at, v.who) for v in reversed(stored_versions)]
    versions.append(Version(0, shipped))
    return TemplateView(name, versions[0].text, shipped, tuple(versions), *template_variables(name))


def try_template(workspace: Workspace, module: str, name: str, text: str) -> TemplateSet:
    """The module's templates with ``text`` in place of one; ``TemplateError`` as for saving."""
    templates = TemplateSet({**workspace.store.templates(module), name: text})
    check_template(templates, name)
    return templates


def save_template(
    workspace: Workspace,
    module: str,
    name: str,
    text: str,
    *,
    who: str,
    based_on: int | None = None,
) -> int:
    """Save a module's own version of a template after checking it; old ones stay.

    Returns the new version's number. ``TemplateError`` names the line that is wrong, or the
    variables that it must use; ``ConflictError`` when somebody saved a version after ``based_on``;
    ``InputError`` when nothing was changed.
    """
    try_template(workspace, module, name, text)
    now = template(workspace, module, name)
    if now.text == text and based_on in (None, now.number):
        raise InputError(f"{name} is like that already", remedy="Change something to save it.")
    return workspace.store.put_template(module, name, text, who=who, based_on=based_on)


def restore_template(workspace: Workspace, module: str, name: str, number: int, *, who: str) -> int:
    """Use an old version again (0: the shipped one), as a new version; returns its number."""
    view = template(workspace, module, name)
    versions_found = [v for v in view.versions if v.number == number]
    if not versions_found:
        text = ", ".join(str(v.number) for v in view.versions)
        raise NotFoundError(
            f"{name} has no version of that number", value=number, remedy=f"There are: {text}."
        )
    return save_template(workspace, module, name, versions_found[0].text, who=who)


def diff(before: str, after: str, *, names: tuple[str, str] = ("before", "after")) -> list[str]:
    """The lines of a unified diff, three lines of context; empty when there is no difference."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="", n=3)
    return list(lines)


def old_datasets(workspace: Workspace, module: str) -> list[str]:
    """The names of the module's datasets that were built with other templates than those in use."""
    from radu_core.dataset import read_manifest

    now = TemplateSet(workspace.store.templates(module)).hash
    names_stale = []
    for path in sorted(workspace.datasets.glob(f"*/{module}/manifest.json")):
        try:
            if read_manifest(path.parent).templates_hash != now:
                names_stale.append(path.parent.parent.name)
        except DatasetError:
            names_stale.append(path.parent.parent.name)
    return names_stale


# Pinned examples.


def pinned_examples(
    workspace: Workspace, module: str, *, exemplars: Sequence[AnnotatedExemplar] = ()
) -> list[str]:
    """The ids of the examples that a template is tried on.

    Those that a person pinned, or else a few of ``exemplars`` that differ in what templates show.
    """
    stored_pins = workspace.store.settings(module).get(_PINS)
    return [str(id) for id in stored_pins] if stored_pins else list(_default_pins(exemplars))


def pin(workspace: Workspace, module: str, ids: Iterable[str], *, who: str) -> list[str]:
    """Pin these examples, in their order.

    None: back to the default. ``NotFoundError`` for an id that there isn't; one that was pinned and
    has been deleted since is left out.
    """
    ids_wanted = list(dict.fromkeys(ids))
    if len(ids_wanted) > MOST_PINS:
        raise InputError(
            f"{len(ids_wanted)} examples are too many to look at",
            remedy=f"Pin at most {MOST_PINS}.",
        )
    there = {i.exemplar.id for i in workspace.store.exemplars(module, ids=ids_wanted)}
    before = workspace.store.settings(module).get(_PINS) or ()
    for id in ids_wanted:
        if id not in there and id not in before:
            workspace.store.exemplar(module, id)  # says that it isn't there
    ids_wanted = [id for id in ids_wanted if id in there]
    workspace.store.change_settings(module, {_PINS: ids_wanted or None}, who=who)
    return ids_wanted


def _default_pins(exemplars: Sequence[AnnotatedExemplar]) -> Iterator[str]:
    """The first by id with most values, of another function, out of scope, answering a question."""
    by_id = sorted(exemplars, key=lambda e: e.id)
    most = max(by_id, key=lambda e: len(e.arguments), default=None)
    if most is None:
        return
    picks = [
        most,
        next((e for e in by_id if e.function not in (None, most.function)), None),
        next((e for e in by_id if e.function is None), None),
        next((e for e in by_id if "." in (e.context or "")), None),
    ]
    yield from dict.fromkeys(e.id for e in picks if e is not None)


def compare(
    workspace: Workspace,
    module: str,
    name: str,
    text: str,
    *,
    k_desc: int = 3,
    k_exemplar: int = 4,
    model: str = BASE,
    limit: int = LIMIT,
    chat_template: str = "none",
    progress: Progress = silent,
) -> list[Compared]:
    """The pinned examples with the version in use and with ``text``, a row each.

    ``TemplateError`` when ``text`` can't be used. A pinned example that isn't there any more, or
    gives no prompt of this kind, is in the list with the reason.
    """
    after = try_template(workspace, module, name, text)
    before = TemplateSet(workspace.store.templates(module))
    index = load_index(workspace, module, progress=progress)
    comparisons = []
    for id in pinned_examples(workspace, module, exemplars=index.exemplars):
        try:
            prepared_rows = prepare(
                workspace,
                module,
                strategy=name,
                exemplar_id=id,
                k_desc=k_desc,
                k_exemplar=k_exemplar,
                index=index,
                model=model,
                limit=limit,
                chat_template=chat_template,
            )
        except NotFoundError as error:
            exemplar = AnnotatedExemplar(id=id, utterance=id)
            comparisons.append(Compared(exemplar, None, None, error.what))
            continue
        comparisons.append(_compare(prepared_rows, before, after))
    return comparisons


def _compare(prepared: Prepared, before: TemplateSet, after: TemplateSet) -> Compared:
    exemplar = prepared.subject.exemplar
    old, _ = _render(prepared, before)
    new, reason = _render(prepared, after)
    first = old.rows[0] if old and old.rows else None
    if new is None:
        return Compared(exemplar, first, None, reason, failed=True)
    if not new.rows:
        return Compared(exemplar, first, None, "; ".join(new.notes))
    return Compared(exemplar, first, new.rows[0], warnings=_new_warnings(old, new))


def _render(prepared: Prepared, templates: TemplateSet) -> tuple[Preview | None, str]:
    try:
        return render(prepared, templates), ""
    except RaduError as error:
        return None, str(error)


def _new_warnings(old: Preview | None, new: Preview) -> tuple[PromptWarning, ...]:
    warnings_before = {_same_as(w) for row in (old.rows if old else ()) for w in row.warnings}
    return worst(
        [w for row in new.rows for w in row.warnings if _same_as(w) not in warnings_before]
    )


def _same_as(warning: PromptWarning) -> tuple[str, str]:
    """What makes two warnings one: how many tokens are too many differs with every edit."""
    return warning.kind, "" if warning.kind == "truncated" else warning.text


def verdict(comparisons: Iterable[Compared]) -> Verdict:
    """What the pinned examples say of an edit; every reason once, in their order."""
    failed: dict[str, list[str]] = {}
    errors: dict[str, list[str]] = {}
    for one in comparisons:
        if one.failed:
            failed.setdefault(one.reason, []).append(one.exemplar.id)
        for warning in one.warnings:
            if warning.severity == "error":
                text = f"{warning.kind}. {warning.text} {warning.remedy}"
                errors.setdefault(text, []).append(one.exemplar.id)
    return Verdict(
        *(
            tuple((t, tuple(dict.fromkeys(ids))) for t, ids in failure.items())
            for failure in (failed, errors)
        )
    )
