"""What every command shares: the answer as text or JSON, errors as messages, a progress bar."""

from __future__ import annotations

import functools
import getpass
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich import progress
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from radu_core import __version__
from radu_core.cli.words import WORDS, in_shell
from radu_core.errors import InputError, RaduError, shorten
from radu_core.extras import as_missing_package
from radu_core.instructions import reword
from radu_core.progress import Progress
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["Output", "Table", "app", "command", "progress_bar", "table", "who", "workspace"]

app = typer.Typer(
    name="radu",
    help="From labelled utterances to a small, evaluated function-calling language model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# No emoji: ":x:" in somebody's data is no cross.
_errors = Console(stderr=True, highlight=False, emoji=False)
_out = Console(highlight=False, emoji=False)
_WIDEST = 10_000  # characters in a line


@dataclass(frozen=True)
class Output:
    """What a command found: ``data`` for ``--json``, ``text`` (strings and tables) for people.

    ``ok`` False is "it ran, and the answer is no": exit code 1.
    """

    data: Any
    text: Sequence[Any] = field(default_factory=tuple)
    ok: bool = True


def command(name: str, *, group: typer.Typer = app) -> Callable[..., Callable[..., None]]:
    """Register a function that gives an ``Output`` as the command ``name``, with ``--json``."""

    def register(work: Callable[..., Output]) -> Callable[..., None]:
        @functools.wraps(work)
        def run(*args: Any, json: bool = False, **kwargs: Any) -> None:
            def work_and_check() -> Output:
                _check_text([*args, *kwargs.values()])
                return work(*args, **kwargs)

            raise typer.Exit(_answer(work_and_check, as_json=json))

        as_json = inspect.Parameter(
            "json",
            inspect.Parameter.KEYWORD_ONLY,
            default=False,
            annotation=Annotated[
                bool, typer.Option("--json", help="Print one JSON object instead of text.")
            ],
        )
        signature = inspect.signature(work, eval_str=True)
        parameters = [*signature.parameters.values(), as_json]
        run.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=parameters, return_annotation=None
        )
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        del run.__wrapped__
        group.command(name)(run)
        return run

    return register


def _check_text(values: Sequence[object]) -> None:
    """``InputError`` for an argument whose bytes aren't text; a path may be of any bytes."""
    for value in values:
        if isinstance(value, list):
            _check_text(value)
        elif isinstance(value, str) and any("\ud800" <= sign <= "\udfff" for sign in value):
            raise InputError("An argument isn't UTF-8", value=value, remedy="Write it in UTF-8.")


def _answer(work: Callable[[], Output], *, as_json: bool) -> int:
    try:
        output = work()
        _tell(output, as_json=as_json)
    except RaduError as error:
        _tell_error(type(error).__name__, str(error), as_json=as_json)
        return error.exit_code
    except KeyboardInterrupt:
        _errors.print("Interrupted.")
        return 130
    except BrokenPipeError:  # `radu … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if missing := as_missing_package(error):
            _tell_error(type(missing).__name__, str(missing), as_json=as_json)
            return missing.exit_code
        _tell_error(type(error).__name__, _unexpected_error(error), as_json=as_json)
        return 1
    return 0 if output.ok else 1


def _tell(output: Output, *, as_json: bool) -> None:
    if as_json:
        data = json.loads(json.dumps(output.data, default=_plain))
        print(json.dumps(reword(data, WORDS), ensure_ascii=False))
    else:
        for part in output.text:
            _print(part)
    print(end="", flush=True)  # so that what goes wrong with it is met here


def _print(part: Any) -> None:
    """A table whose whole columns need more than the window has is printed wider than it."""
    out = _out
    if isinstance(part, str):
        part = in_shell(part)
    elif isinstance(part, Table) and any(column.no_wrap for column in part.columns):
        width = Measurement.get(_out, _out.options.update(max_width=_WIDEST), part).minimum
        out = _out if width <= _out.width else Console(width=width, highlight=False, emoji=False)
    out.print(part, soft_wrap=isinstance(part, str), markup=False)


def _tell_error(kind: str, message: str, *, as_json: bool) -> None:
    message = in_shell(message)
    if as_json:
        print(json.dumps({"error": kind, "message": message}))
    _errors.print(f"[red]Error:[/red] {_escape(message)}", soft_wrap=True)


def _unexpected_error(error: Exception) -> str:
    """One line about an error that nobody foresaw; the traceback only where it is asked for."""
    if os.environ.get("RADU_DEBUG"):
        traceback.print_exception(error)
    first = next(iter(str(error).strip().splitlines()), "")
    return (
        f"Unexpected error ({type(error).__name__}: {shorten(first)}). This is a fault of the "
        "studio's: please report it, with what RADU_DEBUG=1 shows when you run the command again."
    )


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    whole: Sequence[str] = (),
) -> Table:
    """A table for people.

    Numbers are right-aligned. What is in ``whole`` columns, such as ids that are copied, is never
    broken into lines.
    """
    grid = Table(title=title, title_justify="left", show_lines=False)
    for position, column in enumerate(columns):
        number = bool(rows) and all(isinstance(r[position], int | float) for r in rows)
        is_whole = column in whole
        widest = max((cell_len(str(r[position])) for r in rows), default=0) if is_whole else None
        grid.add_column(
            column,
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=is_whole,
            min_width=widest,
        )
    for row in rows:
        grid.add_row(*(Text(in_shell(str(cell))) for cell in row))
    return grid


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on stderr where that is a terminal, otherwise a line per step."""
    if not _errors.is_terminal:
        yield _lines()
        return
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=_errors, transient=True) as bar:
        task = bar.add_task("", total=None)
        stage = ""

        def show(what: str, done: int, total: int) -> None:
            nonlocal stage
            name = what.split(" (")[0]
            if name != stage:
                stage = name
                bar.reset(task)
            bar.update(task, description=what, completed=done, total=total or None)

        yield show


def _lines() -> Progress:
    """For logs: a step's name once, then at most every tenth of it."""
    last: tuple[str, int] = ("", -1)

    def show(what: str, done: int, total: int) -> None:
        nonlocal last
        step = (what.split(" (")[0], 10 * done // total if total else 0)
        if step != last:
            last = step
            print(f"{what} … {done}/{total}" if total else f"{what} …", file=sys.stderr, flush=True)

    return show


def workspace() -> Workspace:
    """The workspace the environment names."""
    return Workspace.from_environment()


def who() -> str:
    """Who decides: ``RADU_USER``, or the name of the account."""
    try:
        return os.environ.get("RADU_USER") or getpass.getuser()
    except (OSError, KeyError):  # KeyError: the account has no name, as in a container
        return "shell"


def _version(value: bool) -> None:
    if value:
        print(f"radu {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """State lives under RADU_HOME (./workspace by default)."""
