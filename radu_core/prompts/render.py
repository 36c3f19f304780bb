"""Prompt templates: jinja in a sandbox, where an undefined variable is an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from jinja2 import Template, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError

from radu_core.errors import TemplateError
from radu_core.files import content_hash
from radu_core.prompts.sandbox import LONGEST, BudgetError, Render, compile_template, names_read

__all__ = ["Part", "TemplateSet", "shipped_templates"]


@dataclass(frozen=True)
class Part:
    """A piece of a rendered prompt and where it comes from."""

    origin: str
    text: str


class TemplateSet:
    """The shipped templates, with a module's own versions in their place.

    Templates run in a sandbox (``sandbox.py``): they see plain data only, and their work and their
    output are bounded. Errors carry the line, as ``TemplateError.line`` and in words.
    """

    def __init__(self, overrides: Mapping[str, str] | None = None) -> None:
        self._sources = {**shipped_templates(), **(overrides or {})}
        self._compiled: dict[str, Template] = {}

    def names(self) -> tuple[str, ...]:
        """The templates' names, sorted."""
        return tuple(sorted(self._sources))

    def source(self, name: str) -> str:
        """A template's text; ``TemplateError`` names the ones there are."""
        if name not in self._sources:
            raise TemplateError(
                "No such template", value=name, remedy=f"There are {', '.join(self.names())}."
            )
        return self._sources[name]

    @property
    def hash(self) -> str:
        """SHA-256 over all templates."""
        return content_hash(self._sources)

    def check(self, name: str) -> None:
        """Parse a template; ``TemplateError`` with the line that is wrong."""
        self._template(name)

    def names_read(self, name: str) -> list[tuple[str, int]]:
        """The variables that a template reads, each with a line it stands in, by line."""
        self.check(name)
        return list(names_read(self.source(name)))

    def render(self, name: str, **variables: Any) -> str:
        """The prompt as the model sees it."""
        return "".join(part.text for part in self.render_parts(name, **variables))

    def render_parts(self, name: str, **variables: Any) -> list[Part]:
        """The prompt as the pieces that the template's ``part(…)`` begin; rendered once.

        Line breaks at the end are left out. Raises ``TemplateError``.
        """
        template = self._template(name)
        render = Render()
        with _template_errors(name, template):
            context = template.new_context(render.variables(variables))
            pieces = _pieces(template, template.root_render_func(context), render)
        return _strip(pieces)

    def _template(self, name: str) -> Template:
        if name not in self._compiled:
            source = self.source(name)
            with _template_errors(name, None):
                self._compiled[name] = compile_template(source)
        return self._compiled[name]


class _LengthError(BudgetError):
    """The output got too long at ``line``: counted outside of the template's own frames."""

    def __init__(self, line: int | None) -> None:
        self.line = line
        super().__init__(f"more than {LONGEST:,} characters")


def _pieces(
    template: Template, output: Iterator[str], render: Render
) -> list[tuple[str, list[str]]]:
    """The output, a list for every part. A part begins before the piece that its call gives."""
    current: list[str] = []
    pieces = [("instruction", current)]
    number = size = 0
    for piece in output:
        if render.parts != number:
            number = render.parts
            current = []
            pieces.append((render.origin, current))
        current.append(piece)
        size += len(piece)
        if size > LONGEST:
            frame = getattr(output, "gi_frame", None)  # where it has just given this piece
            raise _LengthError(frame and template.get_corresponding_lineno(frame.f_lineno))
    return pieces


def _strip(pieces: list[tuple[str, list[str]]]) -> list[Part]:
    parts = [Part(origin, "".join(texts)) for origin, texts in pieces]
    while parts:
        text = parts[-1].text.rstrip("\n")
        if text:
            parts[-1] = Part(parts[-1].origin, text)
            break
        parts.pop()
    return [p for p in parts if p.text]


@contextmanager
def _template_errors(name: str, template: Template | None) -> Iterator[None]:
    """Whatever a template raises, as a ``TemplateError`` that says the line and the cause.

    jinja, the sandbox, Python's compiler and the arithmetic of a template raise what they like.
    """
    try:
        yield
    except TemplateError:
        raise
    except Exception as error:
        raise _error(name, template, error) from error


def _error(name: str, template: Template | None, error: Exception) -> TemplateError:
    line = _line(template, error)
    where = f"Template {name}" + (f", line {line}" if line else "")
    if isinstance(error, TemplateSyntaxError):
        what, remedy = f": {error.message}", "Correct this line; the old version stays in use."
    elif isinstance(error, UndefinedError):
        what = f" uses something that isn't there ({error.message})"
        remedy = "See docs/reference/prompts.md for the variables of each template."
    elif isinstance(error, BudgetError):
        what = f" makes more of a prompt than the sandbox allows ({error})"
        remedy = "Shorten it, or loop over less: loops within loops multiply."
    elif isinstance(error, SecurityError | OverflowError):
        what = f" does something the sandbox forbids ({error})"
        remedy = "Use the given variables and filters only."
    elif isinstance(error, RecursionError | MemoryError):
        what, remedy = " is nested too deeply", "Take it apart."
    else:
        what = f" can't be rendered ({type(error).__name__}: {error})"
        remedy = "Correct the template."
    return TemplateError(where + what, remedy=remedy, line=line)


def _line(template: Template | None, error: Exception) -> int | None:
    """The template's line that raised: of the syntax error, or of the compiled code's frame."""
    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    if isinstance(error, _LengthError):
        return error.line
    if template is None:
        return None
    line, trace = None, error.__traceback__
    while trace is not None:
        source: Template | None = trace.tb_frame.f_globals.get("__jinja_template__")
        if source is template:
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line


@lru_cache(maxsize=1)
def shipped_templates() -> Mapping[str, str]:
    """The templates that come with the studio: name → source."""
    folder = resources.files("radu_core.prompts") / "templates"
    return {
        item.name.removesuffix(".jinja"): item.read_text(encoding="utf-8")
        for item in sorted(folder.iterdir(), key=lambda i: i.name)
        if item.name.endswith(".jinja")
    }
