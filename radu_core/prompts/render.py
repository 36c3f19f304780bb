"""Prompt templates: jinja in a sandbox, where an undefined variable is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from radu_core.errors import TemplateError
from radu_core.files import content_hash

__all__ = ["Part", "TemplateSet", "short"]

_LONGEST = 100_000
_DESCRIPTION_WORDS = 14
_PARTS = ("instruction", "descriptions", "exemplars", "utterance")
_MARKS = {name: chr(0xE000 + i) for i, name in enumerate(_PARTS)}  # private use: never in a text
_SPLIT = re.compile(f"([{''.join(_MARKS.values())}])")


@dataclass(frozen=True)
class Part:
    """A piece of a rendered prompt and where it comes from."""

    origin: str
    text: str


class _Sandbox(ImmutableSandboxedEnvironment):
    """Plain data only: no methods of texts and lists, and no operator that multiplies a text.

    jinja's own sandbox lets both make a text of any size ("x" * 10**9, "{:999999999}".format).
    """

    intercepted_binops = frozenset(["*", "**", "%"])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """``*`` and ``%`` between small numbers only."""
        for value in (left, right):
            if not isinstance(value, int | float) or abs(value) > 1e9 or operator == "**":
                raise SecurityError(f"{operator!r} between {left!r:.40} and {right!r:.40}")
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> None:
        """jinja would let ``str.format`` through before it asks ``is_safe_attribute``."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Keys of mappings are looked up as items; nothing else has attributes here."""
        return attr in ("items", "index", "first", "last", "length") and not isinstance(obj, str)


def short(text: str) -> str:
    """The first sentence of a description, at most 14 words."""
    sentence = re.split(r"(?<=[.!?;])\s", text.strip(), maxsplit=1)[0].rstrip(".;")
    words = sentence.split()
    return " ".join(words[:_DESCRIPTION_WORDS]) + ("…" if len(words) > _DESCRIPTION_WORDS else "")


class TemplateSet:
    """The shipped templates, with a module's own versions in their place.

    Templates see plain data only: the sandbox forbids attributes that lead out of it, loops are
    bounded by ``range`` and by the length of what they go over, output by 100,000 characters.
    """

    def __init__(self, overrides: Mapping[str, str] | None = None) -> None:
        self._sources = {**_shipped(), **(overrides or {})}
        self._compiled: dict[str, Template] = {}
        self._environment = _Sandbox(
            undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=False
        )
        self._environment.filters = {
            k: v
            for k, v in self._environment.filters.items()
            if k in ("join", "length", "lower", "upper", "trim", "first", "last", "tojson", "title")
        } | {"short": short}
        self._environment.globals = {"part": lambda name: ""}

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

    def render(self, name: str, **variables: Any) -> str:
        """The prompt as the model sees it."""
        return self._render(name, variables, mark=False)

    def render_parts(self, name: str, **variables: Any) -> list[Part]:
        """The same text cut at the template's ``part(…)`` marks; joined it equals ``render``."""
        marked = self._render(name, variables, mark=True)
        plain = self._render(name, variables, mark=False)
        if _SPLIT.sub("", marked) != plain:  # somebody's text has such a character of its own
            return [Part("utterance", plain)]
        pieces = _SPLIT.split(marked)
        origins = {mark: origin for origin, mark in _MARKS.items()}
        parts = [Part("instruction", pieces[0])]
        for mark, text in zip(pieces[1::2], pieces[2::2], strict=True):
            parts.append(Part(origins[mark], text))
        return [p for p in parts if p.text]

    def _render(self, name: str, variables: Mapping[str, Any], *, mark: bool) -> str:
        template = self._template(name)
        marks = _MARKS if mark else {}
        try:
            pieces: list[str] = []
            size = 0
            for piece in template.generate(**variables, part=lambda origin: marks.get(origin, "")):
                pieces.append(piece)
                size += len(piece)
                if size > _LONGEST:
                    raise TemplateError(
                        f"Template {name} gives more than {_LONGEST:,} characters",
                        remedy="Shorten it or show fewer exemplars.",
                    )
        except UndefinedError as error:
            raise TemplateError(
                f"Template {name} uses something that isn't there ({error.message})",
                remedy="See docs/prompts.md for the variables of each template.",
            ) from error
        except (SecurityError, OverflowError) as error:
            raise TemplateError(
                f"Template {name} does something the sandbox forbids ({error})",
                remedy="Use the given variables and filters only.",
            ) from error
        except (JinjaError, TypeError, ValueError, AttributeError) as error:
            raise TemplateError(
                f"Template {name} can't be rendered ({error})", remedy="Correct the template."
            ) from error
        return "".join(pieces).rstrip("\n")

    def _template(self, name: str) -> Template:
        if name not in self._compiled:
            try:
                self._compiled[name] = self._environment.from_string(self.source(name))
            except TemplateSyntaxError as error:
                raise TemplateError(
                    f"Template {name}, line {error.lineno}: {error.message}",
                    remedy="Correct this line; the old version stays in use.",
                ) from error
            except JinjaError as error:
                raise TemplateError(
                    f"Template {name} can't be used ({error})", remedy="Correct the template."
                ) from error
        return self._compiled[name]


@lru_cache(maxsize=1)
def _shipped() -> Mapping[str, str]:
    folder = resources.files("radu_core.prompts") / "templates"
    return {
        item.name.removesuffix(".jinja"): item.read_text(encoding="utf-8")
        for item in sorted(folder.iterdir(), key=lambda i: i.name)
        if item.name.endswith(".jinja")
    }
