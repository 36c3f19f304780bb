"""Commands that delete: exemplars and modules go to the trash, and from there for good."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from radu_core.cli.data import Module
from radu_core.cli.output import Output, app, command, table, who, workspace
from radu_core.errors import shorten
from radu_core.words import quantity
from radu_core.workflows.load import trash

_exemplars = typer.Typer(help="Delete exemplars and bring them back.", no_args_is_help=True)
_modules = typer.Typer(help="List, delete and bring back modules.", no_args_is_help=True)
app.add_typer(_exemplars, name="exemplars")
app.add_typer(_modules, name="modules")

Ids = Annotated[list[str] | None, typer.Argument(help="Ids of exemplars.")]
ModuleId = Annotated[str, typer.Argument(help="The module's id.")]
_LISTED = 20


@command("delete", group=_exemplars)
def exemplars_delete(
    module: Module,
    ids: Ids = None,
    tag: Annotated[str, typer.Option(help="Take all with this tag.")] = "",
    search: Annotated[
        str,
        typer.Option(help="Take all that have each of these words in text, function, value or id."),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list them; nothing is changed.")
    ] = False,
    for_good: Annotated[
        bool,
        typer.Option(
            "--for-good",
            help="Delete them for good, with their history, instead of moving them to the trash.",
        ),
    ] = False,
) -> Output:
    """Move exemplars to the trash, or delete them for good.

    Example: radu exemplars delete f01 f02 --module acme_travel_en
    """
    space = workspace()
    ids_found = trash.choose(space, module, ids=ids or (), tag=tag, search=search)
    data: dict[str, Any] = {"module": module, "ids": ids_found, "dry_run": dry_run}
    if not ids_found:
        return Output(data, ["No exemplar was found, so none is deleted."])
    if dry_run:
        ids_listed = [*ids_found[:_LISTED], *(["…"] if len(ids_found) > _LISTED else [])]
        return Output(
            data, [f"{quantity(len(ids_found), 'exemplar')} would be deleted.", *ids_listed]
        )
    if for_good:
        now = datetime.now(UTC)
        erasure = trash.delete_for_good(space, module, ids_found, who=who(), now=now)
        return Output(erasure, erasure.sentences)
    report = trash.delete(space, module, ids_found, who=who())
    lines = [f"{quantity(len(report.ids), 'exemplar')} of {module} moved to the trash."]
    back = report.ids[0] if len(report.ids) == 1 else "ID…"
    return Output(
        {**data, "ids": report.ids},
        [*lines, f"Bring them back: radu exemplars restore {back} --module {module}"],
    )


@command("restore", group=_exemplars)
def exemplars_restore(
    module: Module,
    ids: Annotated[list[str], typer.Argument(help="Ids of exemplars in the trash.")],
) -> Output:
    """Bring exemplars back from the trash.

    Example: radu exemplars restore f01 --module acme_travel_en
    """
    back = trash.restore(workspace(), module, ids, who=who())
    return Output(
        {"module": module, "ids": back}, [f"{quantity(len(back), 'exemplar')} brought back."]
    )


@command("trash", group=_exemplars)
def exemplars_trash(
    module: Module,
    ids: Ids = None,
    empty: Annotated[
        bool, typer.Option("--empty", help="Delete them (or only these ids) for good.")
    ] = False,
) -> Output:
    """List the exemplars in the trash, newest first.

    Example: radu exemplars trash --module acme_travel_en --empty
    """
    space = workspace()
    if empty:
        erasure = trash.empty(space, module, ids or None, who=who(), now=datetime.now(UTC))
        return Output(erasure, erasure.sentences)
    contents = trash.list_trash(space, module, ids=ids or None)
    rows = [
        (t.exemplar.id, shorten(t.exemplar.utterance), f"{t.at:%Y-%m-%d %H:%M}", t.who, t.note)
        for t in contents.items
    ]
    columns = ["id", "utterance", "when (UTC)", "who", "why"]
    title = f"{quantity(contents.total, 'exemplar')} of {module} in the trash"
    return Output(contents, [table(title, columns, rows)] if rows else ["The trash is empty."])


@command("list", group=_modules)
def modules_list() -> Output:
    """List all modules, with the number of their exemplars.

    Example: radu modules list
    """
    store = workspace().store
    rows = [
        (m, len(store.schema(m).functions), sum(store.counts(m).values())) for m in store.modules()
    ]
    data = [{"module": m, "functions": f, "exemplars": e} for m, f, e in rows]
    tables = [table("Modules", ["module", "functions", "exemplars"], rows, whole=["module"])]
    return Output({"modules": data}, tables if rows else ["There is no module yet."])


@command("delete", group=_modules)
def modules_delete(module: ModuleId) -> Output:
    """Move a module to the trash, with all its exemplars, templates and settings.

    Example: radu modules delete acme_travel_en
    """
    trash.delete_module(workspace(), module, who=who())
    lines = [f"{module} is in the trash.", f"Bring it back: radu modules restore {module}"]
    return Output({"module": module}, lines)


@command("restore", group=_modules)
def modules_restore(module: ModuleId) -> Output:
    """Bring a module back from the trash.

    Example: radu modules restore acme_travel_en
    """
    trash.restore_module(workspace(), module, who=who())
    return Output({"module": module}, [f"{module} is back."])


@command("trash", group=_modules)
def modules_trash(
    module: Annotated[str | None, typer.Argument(help="Only this module.")] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Delete them for good.")] = False,
) -> Output:
    """List the modules in the trash.

    Example: radu modules trash acme_travel_en --empty
    """
    space = workspace()
    modules = trash.modules_in_trash(space, module)
    if empty:
        now = datetime.now(UTC)
        erasures = [trash.erase_module(space, name, who=who(), now=now) for name in modules]
        lines = [line for one in erasures for line in one.sentences]
        return Output({"deleted": erasures}, lines or ["The trash is empty."])
    rows = [(name, f"{at:%Y-%m-%d %H:%M}", by) for name, (at, by) in modules.items()]
    data = [{"module": name, "at": at, "who": by} for name, at, by in rows]
    tables = [table("Modules in the trash", ["module", "when (UTC)", "who"], rows)]
    return Output({"modules": data}, tables if rows else ["The trash is empty."])
