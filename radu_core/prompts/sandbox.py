"""The sandbox that prompt templates run in: what they may say, and how much work they may make.

A template comes from a person or a database and is not trusted. Three walls, each enough against
most of what can be tried:

1. *What may be written.* A list of jinja's nodes that a prompt needs; everything else (macros,
   imports, calls, powers) is refused when the template is parsed, with its line.
2. *What may be reached.* Plain data only: no attribute of a Python object but those of ``loop``.
3. *How much work.* Every rendering has a budget. A loop pays for all its steps before it begins,
   and every value that grows (joined, filtered, listed, shown) pays by its size and is bounded.
   So the time is bounded by counting, not by a clock: the same template always fares the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import BuiltinMethodType, MethodType
from typing import Any, cast

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

__all__ = [
    "LONGEST",
    "LONGEST_SOURCE",
    "PARTS",
    "BudgetError",
    "Render",
    "compile_template",
    "names_read",
    "short",
]

LONGEST = 100_000  # characters of a prompt, and of any text that is kept on the way to it
LONGEST_SOURCE = 50_000
PARTS = ("instruction", "descriptions", "exemplars", "utterance")
_WORK = 1_000_000  # nodes a rendering may evaluate; about a second at the very worst
_DEEPEST = 20
_RENDER = "radu render"  # a template can't write a name with a space in it
_DESCRIPTION_WORDS = 14
_LOOP_NAMES = "index index0 revindex revindex0 first last length depth previtem nextitem"
_LOOP = frozenset(_LOOP_NAMES.split())
_ALLOWED_NAMES = (
    "Template Output TemplateData For If Assign AssignBlock With FilterBlock Name Const List "
    "Tuple Dict Pair Keyword Getattr Getitem Slice Filter Test Compare Operand Concat "
    "CondExpr And Or Not Neg Pos Add Sub Mul Div FloorDiv Mod Call"
)
_ALLOWED = tuple(getattr(nodes, name) for name in _ALLOWED_NAMES.split())
_FORBIDDEN_NAMES = frozenset(["self", "super", "caller", "varargs", "kwargs"])
_WORDS = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.Pow: "**",
    nodes.NSRef: "a namespace",
}


class BudgetError(SecurityError):
    """A rendering that works on, or grows, beyond its budget: nothing else is wrong with it."""


class Render:
    """One rendering: what it has left of its budget, and the part it is in.

    ``parts`` counts the calls of ``part``, ``origin`` is the newest one's.
    """

    __slots__ = ("left", "origin", "parts")

    def __init__(self) -> None:
        self.left = _WORK
        self.origin = "instruction"
        self.parts = 0

    def part(self, name: str) -> str:
        """Begin a part; shows nothing."""
        if name not in PARTS:
            raise SecurityError(f"there is no part {name!r:.40}, only {', '.join(PARTS)}")
        self.origin = name
        self.parts += 1
        return ""

    def spend(self, work: int) -> None:
        """Pay for work; ``BudgetError`` when nothing is left."""
        self.left -= work
        if self.left < 0:
            raise BudgetError("too much work: too many loop steps, or texts that are too long")

    def measure(self, value: Any, depth: int = 0) -> None:
        """Pay for a value by its size, with all that is in it; ``SecurityError`` if too large."""
        if isinstance(value, str):
            size = len(value)
            if size > LONGEST:
                raise BudgetError(f"a text of more than {LONGEST:,} characters")
            self.spend(1 + size // 16)
        elif isinstance(value, Mapping):
            self._inside(value.keys(), depth)
            self._inside(value.values(), depth)
        elif isinstance(value, list | tuple):
            self._inside(value, depth)
        else:
            self.spend(1)

    def _inside(self, values: Any, depth: int) -> None:
        if depth >= _DEEPEST:
            raise SecurityError(f"lists more than {_DEEPEST} deep")
        self.spend(1 + len(values))
        for value in values:
            self.measure(value, depth + 1)

    def variables(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the template is rendered with: the given variables, ``part`` and this object."""
        return {**values, "part": self.part, _RENDER: self}


class _Environment(ImmutableSandboxedEnvironment):
    """A jinja environment for plain data only.

    It has no methods of texts and lists, and no operator that makes a text of any size in one step.
    jinja's own sandbox has both ("x" * 10**9, "{:999999999}".format).
    """

    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        if len(source) > LONGEST_SOURCE:
            raise TemplateSyntaxError(f"it has more than {LONGEST_SOURCE:,} characters", 1)
        tree = super()._parse(source, name, filename)
        _check(tree, is_output=True)
        guarded: nodes.Template = _Guard().visit(tree)
        return guarded

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """``+`` of two texts or lists is measured; ``*`` and ``%`` are for small numbers only."""
        if operator == "+" and isinstance(left, str | list | tuple):
            result = super().call_binop(context, operator, left, right)
            _render(context).measure(result)
            return result
        for value in (left, right):
            if isinstance(value, Undefined):
                str(value)  # says what is missing
            if not isinstance(value, int | float) or abs(value) > 1e9 or operator == "**":
                raise SecurityError(f"{operator!r} between {left!r:.40} and {right!r:.40}")
        return super().call_binop(context, operator, left, right)

    def call(
        __self,  # noqa: N805
        __context: Context,
        __callable: Any,
        *arguments: Any,
        **_scopes: Any,
    ) -> Any:
        """``part(…)`` and ``.items()``, which the first wall has let through.

        ``_scopes`` are jinja's: what functions that ask for their context are given.
        """
        if not isinstance(__callable, MethodType | BuiltinMethodType | Undefined):
            raise SecurityError(f"calling {__callable!r:.40}")
        return __callable(*arguments)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key of a mapping before anything else: what templates see is made of these."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def wrap_str_format(self, value: Any) -> None:
        """Refuse ``str.format``, which jinja would let through.

        jinja wraps it before it asks ``is_safe_attribute``.
        """

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Keys of mappings are looked up as items; nothing else but ``loop`` has attributes."""
        if isinstance(obj, LoopContext):
            return attr in _LOOP
        return attr == "items" and isinstance(obj, Mapping)


def _render(context: Context) -> Render:
    render: Render = context.parent[_RENDER]
    return render


# The first wall: what may be written.


def _check(node: nodes.Node, *, is_output: bool) -> None:
    """``TemplateSyntaxError`` at the first node that isn't allowed.

    ``is_output``: what ``node`` outputs goes straight into the prompt. Only there can a part begin;
    in a block that is set or filtered it would be cut out of the text.
    """
    if not isinstance(node, _ALLOWED):
        what = _WORDS.get(type(node), type(node).__name__)
        raise TemplateSyntaxError(
            f"the sandbox forbids it: {what} can't be used in a prompt template", node.lineno or 1
        )
    if isinstance(node, nodes.For) and node.recursive:
        raise TemplateSyntaxError("the sandbox forbids recursive loops", node.lineno)
    if isinstance(node, nodes.Name) and node.name in _FORBIDDEN_NAMES:
        raise TemplateSyntaxError(f"the sandbox forbids the name {node.name}", node.lineno)
    if isinstance(node, nodes.Call):
        _check_call(node)
    below = is_output and not isinstance(node, nodes.AssignBlock | nodes.FilterBlock)
    for child in node.iter_child_nodes():
        if _is_part(child) and not (isinstance(node, nodes.Output) and below):
            raise TemplateSyntaxError(
                "part(…) can stand alone between {{ and }} only, outside of set and filter blocks",
                child.lineno,
            )
        _check(child, is_output=below)


def _is_part(node: nodes.Node) -> bool:
    return (
        isinstance(node, nodes.Call)
        and isinstance(node.node, nodes.Name)
        and node.node.name == "part"
    )


def _check_call(node: nodes.Call) -> None:
    items = isinstance(node.node, nodes.Getattr) and node.node.attr == "items"
    if not (_is_part(node) or (items and not node.args)) or node.kwargs or node.dyn_args:
        raise TemplateSyntaxError(
            "the sandbox forbids calls other than part(…) and .items()", node.lineno
        )


# The third wall: how much work. Nodes whose value can grow are wrapped in filters that measure.


class _Guard(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - jinja's name
        cost = _weight(node)
        self.generic_visit(node)
        node.iter = _filter(node.iter, "radu loop", nodes.Const(cost, lineno=node.lineno))
        return node

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.AssignBlock:  # noqa: N802
        """What a block set is as long as any other text may be."""
        self.generic_visit(node)
        # a filter of no node is one of the block's text
        measure = nodes.Filter(node.filter, "radu measure", [], [], None, None, lineno=node.lineno)
        node.filter = measure
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), "radu concat")

    def visit_List(self, node: nodes.List) -> nodes.Filter:  # noqa: N802
        self.generic_visit(node)
        return _filter(node, "radu measure")

    def visit_Dict(self, node: nodes.Dict) -> nodes.Filter:  # noqa: N802
        self.generic_visit(node)
        return _filter(node, "radu measure")

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:  # noqa: N802
        self.generic_visit(node)
        return _filter(node, "radu measure") if node.ctx == "load" else node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:  # noqa: N802
        """What is compared is gone over: both sides pay by their size, each time."""
        self.generic_visit(node)
        node.expr = _measured_node(node.expr)
        for operand in node.ops:
            operand.expr = _measured_node(operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802
        """A slice is a new text or list."""
        self.generic_visit(node)
        return _filter(node, "radu measure") if isinstance(node.arg, nodes.Slice) else node


def _measured_node(node: nodes.Expr) -> nodes.Expr:
    return node if isinstance(node, nodes.Const) else _filter(node, "radu measure")


def _filter(node: nodes.Node, name: str, *arguments: nodes.Expr) -> nodes.Filter:
    expression = cast("nodes.Expr", node)
    return nodes.Filter(expression, name, list(arguments), [], None, None, lineno=node.lineno)


def _weight(node: nodes.Node) -> int:
    """What one pass through a node costs, without the steps of the loops in it."""
    own = 1 + (len(node.data) // 16 if isinstance(node, nodes.TemplateData) else 0)
    return own + sum(_weight(child) for child in node.iter_child_nodes())


@pass_context
def _loop(context: Context, values: Any, cost: int) -> Any:
    if isinstance(values, Undefined):
        return values  # it says itself what is missing
    if not isinstance(values, str | list | tuple | Mapping | type({}.items())):
        raise SecurityError(f"a loop over {values!r:.40}, which is no list")
    _render(context).spend(cost * (1 + len(values)))
    return values


@pass_context
def _concat(context: Context, values: list[Any]) -> str:
    text = _join(values)
    _render(context).measure(text)
    return text


@pass_context
def _measure(context: Context, value: Any) -> Any:
    _render(context).measure(value)
    return value


@pass_context
def _finalize(context: Context, value: Any) -> Any:
    """What ``{{ … }}`` shows: texts, numbers, and None."""
    text = value if type(value) is str else _text(value)
    render: Render = context.parent[_RENDER]  # looked up here: this runs for every piece
    render.left -= 1 + len(text) // 16
    if render.left < 0:
        render.spend(0)
    return text


def _text(value: Any) -> str:
    if isinstance(value, str | int | float | Undefined) or value is None:
        return str(value)  # an undefined one raises here, and says its name
    kind = type(value).__name__
    raise SecurityError(f"showing a {kind}; make it a text first: join, tojson or one of its items")


# Filters.


def short(text: str, words: int = _DESCRIPTION_WORDS) -> str:
    """The first sentence of a description, at most 14 words."""
    return _short(str(text), int(words))


@lru_cache(maxsize=4096)
def _short(text: str, words: int) -> str:
    sentence = re.split(r"(?<=[.!?;])\s", text.strip(), maxsplit=1)[0].rstrip(".;")
    words_found = sentence.split()
    return " ".join(words_found[:words]) + ("…" if len(words_found) > words else "")


def _join(values: Any, separator: str = "") -> str:
    texts = [_text(v) for v in values]
    if sum(map(len, texts)) + len(texts) * len(separator) > LONGEST:
        raise BudgetError(f"joining to more than {LONGEST:,} characters")
    return separator.join(texts)


def _tojson(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_FILTERS: dict[str, Callable[..., Any]] = {
    "first": lambda values: next(iter(values), ""),
    "join": _join,
    "last": lambda values: values[-1] if len(values) else "",
    "length": len,
    "lower": lambda text: _text(text).lower(),
    "short": lambda text, words=_DESCRIPTION_WORDS: short(_text(text), words),
    "title": lambda text: _text(text).title(),
    "tojson": _tojson,
    "trim": lambda text: _text(text).strip(),
    "upper": lambda text: _text(text).upper(),
}
_TESTS = ("defined", "undefined", "none", "string", "number", "boolean", "mapping", "odd", "even")


def _count_cost(function: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def run(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        render = _render(context)
        render.measure(value)
        result = function(value, *args, **kwargs)
        render.measure(result)
        return result

    return run


@lru_cache(maxsize=1)
def _environment() -> _Environment:
    environment = _Environment(
        undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=False, finalize=_finalize
    )
    environment.filters = {name: _count_cost(work) for name, work in _FILTERS.items()}
    environment.filters |= {"radu loop": _loop, "radu concat": _concat, "radu measure": _measure}
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    environment.globals = {"part": None}
    return environment


@lru_cache(maxsize=128)
def compile_template(source: str) -> Template:
    """A template, guarded; raises what jinja and Python's compiler do."""
    return _environment().from_string(source)


def names_read(source: str) -> Iterator[tuple[str, int]]:
    """The names a template reads that it doesn't set itself, each with a line; sorted by line."""
    from jinja2.meta import find_undeclared_variables

    tree = _environment().parse(source)
    unknown = find_undeclared_variables(tree)
    places = ((n.name, n.lineno) for n in tree.find_all(nodes.Name) if n.name in unknown)
    yield from sorted(set(places), key=lambda pair: (pair[1], pair[0]))
