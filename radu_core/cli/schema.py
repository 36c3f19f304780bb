"""``radu schema``: a module's schema shown, replaced, renamed in, removed from, and restored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from radu_core.cli.data import KeepGood, Module, left_out_lines
from radu_core.cli.output import Output, app, command, table, who, workspace
from radu_core.errors import InputError
from radu_core.files import readable
from radu_core.words import quantity
from radu_core.workflows.load import files
from radu_core.workflows.load.schema_cost import schema_cost, what_is_built
from radu_core.workflows.schema import remove, rename
from radu_core.workflows.schema.module import save_schema, view
from radu_core.workflows.schema.restore import restorable
from radu_core.workflows.schema.text import as_text, diff

__all__: list[str] = []

_schema = typer.Typer(help="Show and change a module's schema.", no_args_is_help=True)
app.add_typer(_schema, name="schema")
_SHOWN = 20

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the effect; change nothing.")]
Of = Annotated[str | None, typer.Option("--of", help="The function that has the slot NAME.")]
IsRecognizer = Annotated[bool, typer.Option("--recognizer", help="NAME is a recognizer.")]
Name = Annotated[
    str,
    typer.Argument(
        help="A function or function.slot; with --of a slot; with --recognizer a recognizer."
    ),
]


@command("show", group=_schema)
def show(
    module: Module,
    version: Annotated[
        int | None, typer.Option(help="An earlier version, by its number. Default: the one in use.")
    ] = None,
) -> Output:
    """Print the schema as JSON, with lint's findings."""
    space = workspace()
    schema = space.store.schema(module)
    if version is not None:
        schema = restorable(space, module, version).version.schema
    module_view = view(space, module, schema=schema)
    data = {
        "module": module,
        "hash": schema.hash,
        "schema": schema.model_dump(mode="json"),
        "findings": module_view.findings,
        "exemplars": module_view.labelled,
        "strays": module_view.strays,
    }
    lines: list[Any] = [as_text(schema)]
    lines += module_view.remarks
    lines += [
        f"{quantity(n, 'exemplar is', 'exemplars are')} labelled {name}: no such function"
        for name, n in module_view.strays.items()
    ]
    return Output(data, lines)


@command("versions", group=_schema)
def versions(module: Module) -> Output:
    """List every schema that the module has had: who saved it, when, and what was done."""
    space = workspace()
    space.store.schema(module)
    versions_stored = space.store.schema_versions(module)
    rows = [
        (v.number, f"{v.at:%Y-%m-%d %H:%M}", v.who, len(v.schema.functions), v.note or "")
        for v in versions_stored
    ]
    data = [
        {
            "number": v.number,
            "at": v.at.isoformat(),
            "who": v.who,
            "note": v.note,
            "hash": v.schema.hash,
            "functions": len(v.schema.functions),
        }
        for v in versions_stored
    ]
    columns = ["version", "when", "who", "functions", "what"]
    return Output({"module": module, "versions": data}, [table(module, columns, rows)])


@command("set", group=_schema)
def set_(
    path: Annotated[Path, typer.Argument(help="The functions: a schema JSON, or a file of tools.")],
    module: Module,
    expect: Annotated[
        str | None,
        typer.Option(help="Refuse unless the schema in use has this hash (radu schema show)."),
    ] = None,
    keep_good: KeepGood = False,
    dry_run: DryRun = False,
) -> Output:
    """Replace the schema by a file's, then align again."""
    with readable(path):
        file = files.read_schema(module, path, keep_good=keep_good)
    answer = _put(module, file.schema, f"Set from {path.name}", expect, dry_run)
    remarks = {"left_out": file.left_out, "rejections": file.rejections}
    return replace(
        answer, data={**answer.data, **remarks}, text=[*left_out_lines(file), *answer.text]
    )


@command("restore", group=_schema)
def restore(
    number: Annotated[
        int, typer.Argument(help="The version's number: radu schema versions --module M.")
    ],
    module: Module,
    dry_run: DryRun = False,
) -> Output:
    """Use an earlier version of the schema again, then align again."""
    restored = restorable(workspace(), module, number)
    answer = _put(module, restored.schema, f"Restored version {number}", None, dry_run)
    lines = [f"renamed since, and kept so: {name}" for name in restored.names]
    return replace(
        answer, data={**answer.data, "names": restored.names}, text=[*lines, *answer.text]
    )


def _put(module: str, schema: Any, note: str, expect: str | None, dry_run: bool) -> Output:
    space = workspace()
    now = space.store.schema(module)
    cost = schema_cost(space, schema)
    dependents = what_is_built(space, module)
    data: dict[str, Any] = {
        "module": module,
        "cost": cost,
        "built": dependents,
        "diff": diff(now, schema),
    }
    lines: list[Any] = [*data["diff"], str(cost), *_broken_table(cost.broken), str(dependents)]
    if dry_run:
        return Output({**data, "saved": False, "hash": now.hash}, lines)
    report = save_schema(
        space, module, schema, who=who(), expected=now.hash if expect is None else expect, note=note
    )
    text = f"Saved. {quantity(report.funnel.changed, 'utterance')} changed outcome."
    lines.append(text if report.changed else "The schema was like that already.")
    return Output(
        {**data, "saved": report.changed, "hash": schema.hash, "funnel": report.funnel}, lines
    )


def _broken_table(
    exemplars: Sequence[Any], title: str = "Exemplars that would become invalid"
) -> list[Any]:
    if not exemplars:
        return []
    more = f" ({_SHOWN} of {len(exemplars)}; all with --json)" if len(exemplars) > _SHOWN else ""
    rows = [(b.id, b.utterance, b.function, b.reason) for b in exemplars[:_SHOWN]]
    return [table(title + more, ["id", "utterance", "function", "what"], rows)]


@command("rename", group=_schema)
def rename_part(
    name: Name,
    new: Annotated[str, typer.Argument(help="The new name.")],
    module: Module,
    of: Of = None,
    recognizer: IsRecognizer = False,
    keep_texts: Annotated[
        bool,
        typer.Option(
            "--keep-texts", help="Leave prompt templates, guidelines and descriptions as they are."
        ),
    ] = False,
    dry_run: DryRun = False,
) -> Output:
    """Rename a function, slot or recognizer everywhere: all or nothing.

    Exemplars, opinions, templates and guidelines follow; built datasets and trained runs are
    listed. Renaming it back undoes it.
    """
    space = workspace()
    what = rename.target(space.store.schema(module), name, of=of, recognizer=recognizer)
    plan = rename.plan_rename(space, module, what, new, follow_texts=not keep_texts)
    lines: list[Any] = [str(plan)]
    lines += [f"{part}: {n}" for part, n in plan.parts.items()]
    lines += [f"follows: {m.where}" for m in plan.texts]
    lines += [f"can't follow: {reason}" for reason in plan.unchanged]
    lines += [str(plan.built)] if str(plan.built) else []
    if dry_run:
        lines += [f"forbidden: {why}" for why in plan.conflicts]
        return Output({"plan": plan, "renamed": False}, lines, ok=not plan.conflicts)
    report = rename.rename(
        space, module, what, new, who=who(), follow_texts=not keep_texts, expected=plan.expected
    )
    return Output(
        {"plan": report.plan, "renamed": True, "funnel": report.funnel}, [*lines, "Renamed."]
    )


@command("remove", group=_schema)
def remove_part(
    name: Name,
    module: Module,
    of: Of = None,
    recognizer: IsRecognizer = False,
    to: Annotated[
        str | None, typer.Option(help="Move a function's exemplars to this function.")
    ] = None,
    unlabel: Annotated[
        bool, typer.Option("--unlabel", help="Remove the labels of the function's exemplars.")
    ] = False,
    drop: Annotated[
        bool, typer.Option("--drop-values", help="Remove the slot's values from its exemplars.")
    ] = False,
    dry_run: DryRun = False,
) -> Output:
    """Remove a function, slot or recognizer.

    Its exemplars become invalid unless an option says what becomes of them.
    """
    fates = [f for f, is_given in (("move", to), ("unlabel", unlabel), ("drop", drop)) if is_given]
    if len(fates) > 1:
        raise InputError(
            "--to, --unlabel and --drop-values contradict each other", remedy="Give one of them."
        )
    fate: Any = fates[0] if fates else "keep"
    space = workspace()
    what = rename.target(space.store.schema(module), name, of=of, recognizer=recognizer)
    plan = remove.plan_remove(space, module, what, fate=fate, to=to)
    lines: list[Any] = [str(plan), *_broken_table(plan.exemplars, "Exemplars that name it")]
    lines += [f"names it, and stays as it is: {where}" for where in plan.mentions]
    lines += [str(plan.built)] if str(plan.built) else []
    if dry_run:
        return Output({"plan": plan, "removed": False}, lines)
    report = remove.remove(space, module, what, who=who(), fate=fate, to=to, expected=plan.expected)
    return Output({"plan": plan, "removed": True, "funnel": report.funnel}, [*lines, "Removed."])
