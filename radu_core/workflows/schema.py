"""The Schema page: a module's functions, slots and recognizers, checked before they are saved."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from radu_core.errors import SchemaError
from radu_core.files import parse_json
from radu_core.schema import LintFinding, Schema, lint, parse_schema
from radu_core.store import SchemaVersion
from radu_core.workflows.labels import put_schema
from radu_core.workflows.outcomes import ResolveReport, resolve
from radu_core.workflows.workspace import Workspace

__all__ = ["SchemaView", "check_text", "earlier_schemas", "save_schema", "view"]


@dataclass(frozen=True)
class SchemaView:
    """A schema, what lint says of it, and how many labelled utterances each function has."""

    schema: Schema
    findings: tuple[LintFinding, ...]
    labelled: dict[str, int]

    @property
    def text(self) -> str:
        """The schema as indented JSON, without fields at their defaults."""
        return _as_text(self.schema)


def _as_text(schema: Schema) -> str:
    data = {"module": schema.module, **schema.model_dump(exclude_defaults=True)}
    for recognizer, source in zip(data.get("recognizers", ()), schema.recognizers, strict=False):
        recognizer["kind"] = source.kind
    return json.dumps(data, ensure_ascii=False, indent=2)


def view(workspace: Workspace, module: str) -> SchemaView:
    """The schema of ``module`` as the page shows it."""
    schema = workspace.store.schema(module)
    labels = Counter(i.exemplar.function or "" for i in workspace.store.exemplars(module))
    counts = {f.name: labels[f.name] for f in schema.functions}
    few = [
        LintFinding(
            "warning",
            name,
            f"has {count} labelled utterances",
            "Import or write at least 10.",
        )
        for name, count in counts.items()
        if count < 10
    ]
    return SchemaView(schema, (*lint(schema), *few), counts)


def check_text(text: str, *, module: str) -> Schema:
    """Parse schema JSON that somebody edited; ``SchemaError`` says line and field."""
    try:
        data = parse_json(text)
    except ValueError as error:
        raise SchemaError(
            f"The schema isn't JSON ({error})", remedy="Correct it; nothing was saved."
        ) from error
    return parse_schema(data, module=module)


def earlier_schemas(workspace: Workspace, module: str) -> list[tuple[SchemaVersion, str]]:
    """The schemas that ``module`` had before the one in use, newest first, each as JSON text."""
    versions = workspace.store.schema_versions(module)[:-1]
    return [(v, _as_text(v.schema)) for v in reversed(versions)]


def save_schema(
    workspace: Workspace, module: str, text: str, *, who: str
) -> tuple[bool, ResolveReport]:
    """Save an edited schema and align the module's utterances against it again.

    Returns whether anything changed, and the new funnel: labels that the new schema contradicts
    become ``invalid``, with the reason.
    """
    changed = put_schema(workspace, check_text(text, module=module), who=who)
    return changed, resolve(workspace, module, who=who)
