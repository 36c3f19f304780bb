"""Commands about prompts: what a model is shown and taught, and the templates that say it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radu_core.cli.data import Module
from radu_core.cli.output import Output, app, command, progress_bar, table, who, workspace
from radu_core.errors import InputError, ModelError, TemplateError
from radu_core.prompts import STRATEGIES
from radu_core.terms import TERMS
from radu_core.words import quantity

if TYPE_CHECKING:
    from radu_core.workflows.coverage.prompt_tokens import TokenView
    from radu_core.workflows.prompts.preview import PreviewRow
    from radu_core.workflows.prompts.templates import Verdict

__all__: list[str] = []

_templates = typer.Typer(help="List, show, compare and change templates.", no_args_is_help=True)
app.add_typer(_templates, name="templates")

_FOUND = {
    "rag": "right function in the prompt",
    "knn": "an exemplar of the right function among those asked about",
}
_STRATEGY_HELP = (
    "What to ask: " + ", ".join(f"{s} ({TERMS[s].name.lower()})" for s in STRATEGIES) + "."
)
Name = Annotated[str, typer.Argument(help=_STRATEGY_HELP)]


@command("prompts")
def prompts(
    text: Annotated[str, typer.Argument(help="An utterance, or the id of an exemplar with --id.")],
    module: Module,
    strategy: Annotated[str, typer.Option(help=_STRATEGY_HELP)] = "rag",
    by_id: Annotated[bool, typer.Option("--id", help="TEXT is the id of an exemplar.")] = False,
    function: Annotated[
        str | None, typer.Option(help="The function of the utterance; none means out of scope.")
    ] = None,
    context: Annotated[
        str | None,
        typer.Option(help="The function, or function.slot, that the bot last asked for."),
    ] = None,
    k_desc: Annotated[
        int | None, typer.Option(min=0, max=50, help="Default: the module's (find-k --use).")
    ] = None,
    k_exemplar: Annotated[
        int | None, typer.Option(min=0, max=50, help="Default: the module's (find-k --use).")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The installed base model whose tokens are counted.")
    ] = None,
    chat_template: Annotated[
        str, typer.Option(help="none, auto (the base model's own), or a jinja file's path.")
    ] = "none",
    max_length: Annotated[
        int | None, typer.Option(min=16, help="Most tokens of a row, completion included.")
    ] = None,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Print every token, learnt ones in ⟦ ⟧.")
    ] = False,
) -> Output:
    """Show an utterance's prompts and completions, and what is wrong with them.

    Exit 1: something is wrong.
    """
    from radu_core.workflows.coverage.indexing import chosen_point
    from radu_core.workflows.coverage.prompt_tokens import BASE
    from radu_core.workflows.prompts import preview

    space = workspace()
    first_desc, first_exemplar = chosen_point(space, module)
    with progress_bar() as progress:
        prompt_preview = preview.preview(
            space,
            module,
            strategy=strategy,
            text="" if by_id else text,
            exemplar_id=text if by_id else None,
            function=function,
            context=context,
            k_desc=first_desc if k_desc is None else k_desc,
            k_exemplar=first_exemplar if k_exemplar is None else k_exemplar,
            model=model or BASE,
            chat_template=chat_template,
            limit=max_length or preview.LIMIT,
            progress=progress,
        )
    lines: list[Any] = []
    for row in prompt_preview.rows:
        lines += _row_lines(row, tokens=tokens)
    if prompt_preview.answer_retrieved is not None:
        what = _FOUND[strategy]
        lines.append(f"{what}: {'yes' if prompt_preview.answer_retrieved else 'NO'}")
    lines += [f"{w.severity}: {w.kind}. {w.text} {w.remedy}" for w in prompt_preview.warnings]
    lines += [f"note: {note}" for note in prompt_preview.notes]
    if prompt_preview.rows and prompt_preview.rows[0].tokens is None:
        lines.append(f"note: {_not_installed(prompt_preview.model)}")
    wrong = [w for w in _all_warnings(prompt_preview) if w.severity == "error"]
    ok = prompt_preview.answer_retrieved is not False and not wrong
    return Output(preview.as_json(prompt_preview), lines, ok=ok)


def _all_warnings(preview: Any) -> list[Any]:
    return [*preview.warnings, *(w for row in preview.rows for w in row.warnings)]


def _not_installed(model: str) -> str:
    return f"{model} isn't installed: sizes are in words. Fetch it: radu models fetch {model}"


def _row_lines(row: PreviewRow, *, tokens: bool) -> list[str]:
    unit = "words" if row.tokens is None else "tokens"
    size = f"{row.prompt_tokens} + {row.completion_tokens} {unit}"
    lines = [f"── {row.row.strategy}/{row.row.kind}, {size}"]
    if row.tokens is not None:
        counts = row.tokens.per_part.items()
        lines.append("   " + ", ".join(f"{part} {count}" for part, count in counts if count))
        lines.append(f"   hash {row.tokens.row_hash[:16]}")
    if tokens and row.tokens is not None:
        lines.append(_token_text(row.tokens))
    else:
        lines.append(row.row.prompt)
        if row.row.completion:
            lines.append(f"   completion:{row.row.completion}")
    for place in row.places:
        count = f", {place.position} of {place.of} from the question" if place.of else ""
        away = (
            "" if place.distance is None else f", {quantity(place.distance, 'character')} before it"
        )
        note = f" ({place.note})" if place.note else ""
        lines.append(f"   answer: {place.what} in {place.origin}{count}{away}{note}")
    return lines + [f"   {w.severity}: {w.kind}. {w.text} {w.remedy}" for w in row.warnings]


def _token_text(view: TokenView) -> str:
    """A token a line: its ids, whether it is learnt, its part and its text."""
    lines = []
    for cell in view.cells:
        text = repr(cell.text)[1:-1]
        shown_text = f"⟦{text}⟧" if cell.supervised else f" {text}"
        kind = "special " if cell.special else ""
        lines.append(f"{' '.join(map(str, cell.ids)):>14}  {cell.origin:<12} {kind}{shown_text}")
    return "\n".join(lines)


@command("list", group=_templates)
def templates_list(module: Module) -> Output:
    """List the templates, and which of them the module has changed."""
    from radu_core.workflows.prompts import templates

    space = workspace()
    space.store.schema(module)  # an unknown module would use the shipped ones
    views = [
        templates.template(space, module, name)
        for name in templates.template_sources(space, module)
    ]
    rows = [(v.name, v.number, "yes" if v.is_changed else "", v.versions[0].who) for v in views]
    data = [{"name": v.name, "version": v.number, "changed": v.is_changed} for v in views]
    columns = ["template", "version (0: shipped)", "changed", "by"]
    return Output({"templates": data}, [table(module, columns, rows)])


@command("show", group=_templates)
def templates_show(
    name: Name,
    module: Module,
    version: Annotated[
        int | None, typer.Option(min=0, help="The version; 0 is the shipped one.")
    ] = None,
) -> Output:
    """Show a template's source: the version in use, or another."""
    text, number = _version(name, module, version)
    return Output({"name": name, "version": number, "text": text}, [text])


def _version(name: str, module: str, version: int | None) -> tuple[str, int]:
    from radu_core.workflows.prompts import templates

    view = templates.template(workspace(), module, name)
    number = view.number if version is None else version
    for candidate in view.versions:
        if candidate.number == number:
            return candidate.text, candidate.number
    text = ", ".join(str(v.number) for v in view.versions)
    raise InputError("No such version", value=version, remedy=f"There are: {text}.")


@command("diff", group=_templates)
def templates_diff(
    name: Name,
    module: Module,
    version: Annotated[
        int, typer.Option(min=0, help="The version to compare with; 0 is the shipped one.")
    ] = 0,
) -> Output:
    """Compare the version in use with another. Exit 1: they differ."""
    from radu_core.workflows.prompts import templates

    old, _ = _version(name, module, version)
    new, number = _version(name, module, None)
    lines = templates.diff(old, new, names=(f"{name} {version}", f"{name} {number}"))
    data = {"name": name, "from": version, "to": number, "diff": lines}
    return Output(data, lines or ["They are the same."], ok=not lines)


@command("set", group=_templates)
def templates_set(
    name: Name,
    module: Module,
    path: Annotated[Path, typer.Argument(help="A file with the template's source.")],
    force: Annotated[
        bool,
        typer.Option("--force", help="Save it even if it breaks prompts of pinned examples."),
    ] = False,
) -> Output:
    """Check a template on the pinned examples and save it as a new version.

    Refused if a pinned example can't be rendered with it, or is newly wrong. Old versions stay.
    """
    from radu_core.workflows.prompts import templates

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "Can't read the template", value=str(path), remedy="Name a text file in UTF-8."
        ) from error
    space = workspace()
    verdict, notes = templates.Verdict(), []
    try:
        with progress_bar() as progress:
            verdict = templates.verdict(
                templates.compare(space, module, name, text, progress=progress)
            )
    except ModelError as error:  # a template can be written where no model is installed
        notes = [f"not tried on the pinned examples: {error}"]
    _refuse(name, verdict, force=force)
    number = templates.save_template(space, module, name, text, who=who())
    return _version_output(name, module, number, notes=[*notes, *_reasons(verdict.errors)])


def _refuse(name: str, verdict: Verdict, *, force: bool) -> None:
    """``TemplateError`` where the pinned examples speak against an edit."""
    if verdict.failed:
        raise TemplateError(
            f"{name} can't be rendered on pinned examples: {' '.join(_reasons(verdict.failed))}",
            remedy="The old version stays in use.",
        )
    if verdict.errors and not force:
        raise TemplateError(
            f"{name} breaks prompts that are right now: {' '.join(_reasons(verdict.errors))}",
            remedy="The old version stays in use; --force uses the new one anyway.",
        )


def _reasons(failures: tuple[tuple[str, tuple[str, ...]], ...]) -> list[str]:
    return [f"{reason} ({', '.join(ids)})" for reason, ids in failures]


@command("restore", group=_templates)
def templates_restore(
    name: Name,
    module: Module,
    version: Annotated[int, typer.Argument(min=0, help="The version; 0 is the shipped one.")],
) -> Output:
    """Use an old version again, as a new version."""
    from radu_core.workflows.prompts import templates

    number = templates.restore_template(workspace(), module, name, version, who=who())
    return _version_output(name, module, number)


def _version_output(name: str, module: str, number: int, *, notes: Sequence[str] = ()) -> Output:
    from radu_core.workflows.prompts import templates

    old = templates.old_datasets(workspace(), module)
    lines = [f"Version {number} of {name} is saved for the module."]
    lines += [f"note: {note}" for note in notes]
    if old:
        lines.append(f"Built with older templates, build again: {', '.join(old)}.")
    return Output({"name": name, "version": number, "old_datasets": old}, lines)
