"""The Schema page: a module's functions, slots and recognizers, checked before they are saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from radu_core.errors import InputError, NotFoundError
from radu_core.schema import Function, LintFinding, Schema, check_module_id, lint
from radu_core.store import SchemaVersion, renames
from radu_core.words import quantity
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.labels import put_schema
from radu_core.workflows.load.outcomes import ResolveReport, resolve
from radu_core.workflows.schema.edits import validate
from radu_core.workflows.schema.rename import Target
from radu_core.workflows.schema.text import as_text, check_text

__all__ = [
    "Saved",
    "SchemaView",
    "check_text",
    "create_module",
    "newest_version",
    "renames_to_undo",
    "save_schema",
    "versions",
    "view",
]

FEW = 10  # labelled utterances that a function should have


@dataclass(frozen=True)
class SchemaView:
    """A schema, what lint says of it, and how many labelled utterances each function has.

    ``strays`` are functions that the schema lacks and exemplars are labelled with, counted.
    """

    schema: Schema
    findings: tuple[LintFinding, ...]
    labelled: dict[str, int]
    strays: dict[str, int]

    @property
    def text(self) -> str:
        """The schema as indented JSON, without fields at their defaults."""
        return as_text(self.schema)

    @cached_property
    def findings_by_function(self) -> dict[str, list[LintFinding]]:
        """What lint says of each function and of its slots."""
        findings: dict[str, list[LintFinding]] = {f.name: [] for f in self.schema.functions}
        for finding in self.findings:
            place = self.schema.context_of(finding.where)
            if place is not None:
                findings[place[0].name].append(finding)
        return findings

    @property
    def remarks(self) -> list[str]:
        """What lint says, a line each; functions that lack labels are named in one line."""
        few = [*_few(self.labelled)]
        lines = [
            f"{f.level}: {f.where} {f.what}. {f.remedy}" for f in self.findings if f not in few
        ]
        if few and not any(self.labelled.values()):
            lines.append(
                f"warning: no utterance is labelled yet. Import or write at least {FEW} for each "
                "function."
            )
        elif few:
            counts = ", ".join(f"{f.where} ({self.labelled[f.where]})" for f in few)
            lines.append(
                f"warning: fewer than {quantity(FEW, 'labelled utterance')}: {counts}. "
                "Import or write more."
            )
        return lines


@dataclass(frozen=True)
class Saved:
    """Whether saving a schema changed it, and the module's new funnel."""

    changed: bool
    funnel: ResolveReport


def view(workspace: Workspace, module: str, *, schema: Schema | None = None) -> SchemaView:
    """The schema of ``module`` as the page shows it, or ``schema`` in its place."""
    schema_shown = schema or workspace.store.schema(module)
    labels = Counter(workspace.store.count_labels(module))
    counts = {f.name: labels[f.name] for f in schema_shown.functions}
    strays = {name: n for name, n in labels.items() if name is not None and name not in counts}
    findings = (*lint(schema_shown), *_few(counts), *_unused_recognizers(schema_shown))
    return SchemaView(schema_shown, findings, counts, dict(sorted(strays.items())))


def _few(counts: dict[str, int]) -> Iterator[LintFinding]:
    for name, count in counts.items():
        if count < FEW:
            text = f"has {quantity(count, 'labelled utterance')} and needs {FEW}"
            yield LintFinding("warning", name, text, f"Import or write at least {FEW}.")


def _unused_recognizers(schema: Schema) -> Iterator[LintFinding]:
    """Recognizers that fill no slot."""
    recognizers = {s.recognizer for f in schema.functions for s in f.slots}
    for recognizer in schema.recognizers:
        if recognizer.name not in recognizers:
            yield LintFinding(
                "note",
                f"recognizer {recognizer.name}",
                "fills no slot",
                "Choose it in a slot, or remove it.",
            )


def versions(workspace: Workspace, module: str) -> list[SchemaVersion]:
    """Every schema that the module has had, the oldest first."""
    return workspace.store.schema_versions(module)


def newest_version(workspace: Workspace, module: str) -> SchemaVersion:
    """The version in use: who saved it, and when."""
    all_versions = versions(workspace, module)
    if not all_versions:
        raise NotFoundError("No such module", value=module, remedy="Reload the page.")
    return all_versions[-1]


def renames_to_undo(
    workspace: Workspace, module: str, *, most: int = 5
) -> list[tuple[Target, str]]:
    """What was renamed last and can be renamed back: what it is now, and its name before."""
    schema = workspace.store.schema(module)
    with workspace.store.reading() as connection:
        all_renames = renames.list_renames(connection, module)
    renames_found: dict[Target, str] = {}
    for rename in reversed(all_renames):
        target = Target(rename.new, rename.function if rename.slot else None)
        if target not in renames_found and _is_free(schema, target, rename.old):
            renames_found[target] = rename.old
    return list(renames_found.items())[:most]


def _is_free(schema: Schema, target: Target, before: str) -> bool:
    """Whether it is there under its new name and nothing has the old one."""
    if target.function is None:
        return schema.function(target.name) is not None and schema.function(before) is None
    owner = schema.function(target.function)
    slots = {s.name for s in owner.slots} if owner else set()
    return target.name in slots and before not in slots


def save_schema(
    workspace: Workspace,
    module: str,
    text: str | Schema,
    *,
    who: str,
    expected: str | None = None,
    note: str | None = None,
) -> Saved:
    """Save an edited schema (or its JSON) and align the module's utterances against it again.

    Labels that the new schema contradicts become ``invalid``, with the reason. ``ConflictError``
    if the schema in use hasn't the hash ``expected`` any more: then nothing was changed.
    """
    schema = check_text(text, module=module) if isinstance(text, str) else text
    has_changed = put_schema(workspace, schema, who=who, expected=expected, note=note)
    return Saved(has_changed, resolve(workspace, module, who=who))


def create_module(
    workspace: Workspace,
    module: str,
    function: str,
    *,
    description: str = "",
    who: str,
) -> Schema:
    """A new module with one function. ``InputError`` if there is one of that id already."""
    check_module_id(module)
    if not function.strip():
        raise InputError(
            "A module needs a function to begin with",
            remedy="Name what the bot does first, e.g. book_flight.",
        )
    schema = validate(
        Schema.model_construct(
            module=module, functions=(Function(name=function.strip(), description=description),)
        )
    )
    if module in workspace.store.modules():
        raise InputError(
            "There is a module of that id already", value=module, remedy="Choose another id."
        )
    put_schema(workspace, schema, who=who, expected="")
    return schema
