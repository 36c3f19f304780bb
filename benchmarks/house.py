"""The state of the code in figures: ``python benchmarks/house.py [CHECKOUT]``.

A checkout of another commit can be named, to see before and after. *Arrows* are imports between the
files and packages that lie directly in a folder, each pair once; a *circle* is a set of files that
import each other, however far round, wherever the import stands. Blank lines and comments count as
lines. Docstrings are asked of what is public: modules, classes, functions and methods whose names
don't begin with an underscore, outside of tests. A *participle* is a name that is one word and says
only what happened (``found``, ``told``, ``checked``): for a function neither a verb nor a noun, for
a variable or a parameter not what it is. Fields and columns aren't counted: a record's name says
what was skipped in it. An *alias* gives what is imported another name.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOMS = ("radu", "radu_core", "radu_studio", "studio", "pages", "components")
LONGEST_FUNCTION = 60
_OVERRULED = "# " + "fmt:"  # in two parts: this file doesn't overrule the formatter
_PARTICIPLE = re.compile(
    r"_*(?:(?!(?:bed|breed|embed|exceed|feed|hundred|need|proceed|red|seed|speed|succeed)_*$)"
    r"[a-z]+ed|asked|begun|bound|broken|brought|built|caught|chosen|cut|done|drawn|driven|fallen|"
    r"felt|forgotten|found|given|gone|grown|heard|held|hidden|hurt|kept|known|laid|led|"
    r"left|lent|lost|made|meant|met|paid|proven|said|seen|sent|shown|sold|sought|spent|"
    r"stolen|struck|stuck|sworn|taken|taught|thought|thrown|told|torn|understood|undone|"
    r"unsaid|withheld|won|worn|written)_*",
    re.IGNORECASE,
)
_VERBS = {"cut", "hurt", "read"}  # imperatives that look like their participles
# States and counts that the field names so: a value that holds them needs no other word.
_TERMS = {
    "accepted",
    "done",
    "dropped",
    "excluded",
    "expected",
    "imported",
    "labelled",
    "predicted",
    "rejected",
    "resolved",
    "retrieved",
    "skipped",
    "unlabelled",
}
_USUAL_ALIASES = {"alt", "np", "pd", "sa", "st"}
BANNED = Path("tests/banned_phrases.txt")  # one regular expression a line


class House:
    """A checkout. Modules are named as they are imported."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = {self._name(p): p for room in ROOMS for p in (root / room).rglob("*.py")}

    def _name(self, path: Path) -> str:
        parts = path.relative_to(self.root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cache  # noqa: B019 - one house a process
    def tree(self, path: Path) -> ast.Module:
        return ast.parse(path.read_text("utf-8"))

    @cache  # noqa: B019
    def imports(self) -> dict[str, set[str]]:
        """Module → the modules here that it imports, at the top or inside a function."""
        return {name: set(self._imports_of(name, path)) for name, path in self.files.items()}

    def _imports_of(self, name: str, path: Path) -> Iterator[str]:
        package = name if path.stem == "__init__" else name.rpartition(".")[0]
        for node in ast.walk(self.tree(path)):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                near = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*(near if node.level else ()), *filter(None, [node.module])])
                whole = [f"{base}.{alias.name}" for alias in node.names]
                modules = [n if n in self.files else base for n in whole]
            else:
                continue
            yield from (n for n in modules if n in self.files and n != name)

    def arrows(self, folder: str) -> int:
        """Between what lies directly in a folder."""
        inside = f"{folder}."
        pairs = {
            (one[len(inside) :].split(".")[0], other[len(inside) :].split(".")[0])
            for one, others in self.imports().items()
            for other in others
            if one.startswith(inside) and other.startswith(inside)
        }
        return sum(one != other for one, other in pairs)

    def circles(self) -> list[list[str]]:
        """Sets of modules that import each other (Tarjan's strongly connected components)."""
        number: dict[str, int] = {}
        low: dict[str, int] = {}
        stack: list[str] = []
        components: list[list[str]] = []

        def visit(name: str) -> None:
            number[name] = low[name] = len(number)
            stack.append(name)
            for other in self.imports()[name]:
                if other not in number:
                    visit(other)
                    low[name] = min(low[name], low[other])
                elif other in stack:
                    low[name] = min(low[name], number[other])
            if low[name] == number[name]:
                at = stack.index(name)
                components.append(sorted(stack[at:]))
                del stack[at:]

        for name in self.imports():
            if name not in number:
                visit(name)
        return [some for some in components if len(some) > 1]

    def functions(self) -> Iterator[tuple[int, str]]:
        """Lines of every function's body, without its docstring, and its place."""
        for name, path in self.files.items():
            for node in ast.walk(self.tree(path)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    body = node.body[ast.get_docstring(node) is not None :] or node.body
                    assert node.end_lineno is not None
                    yield node.end_lineno - body[0].lineno + 1, f"{name}.{node.name}"

    def count_docstrings(self) -> tuple[int, int]:
        """How many public things have a docstring, and how many there are."""
        have = whole = 0
        for path in self.files.values():
            for node in public(self.tree(path)):
                whole += 1
                have += ast.get_docstring(node) is not None
        return have, whole

    def nodes(self) -> Iterator[tuple[str, ast.AST]]:
        """Every node of the rooms' code, and of the benchmarks', with its file."""
        for room in (*ROOMS, "benchmarks"):
            for path in sorted((self.root / room).rglob("*.py")):
                yield from (
                    (str(path.relative_to(self.root)), n) for n in ast.walk(self.tree(path))
                )

    def participles(self) -> tuple[list[str], Counter[str]]:
        """Functions that a participle names, and such variables with how often each is bound."""
        functions, bound = [], dict[tuple[str, int, int], str]()
        for file, node in self.nodes():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if is_participle(node.name) and node.name.strip("_") not in _VERBS:
                    functions.append(f"{file}:{node.lineno}: {node.name}")
                names = dict(_bindings(node))
                sides = {"left"} if "right" in names.values() else set()
                for place, name in names.items():
                    if is_participle(name) and name not in _TERMS | sides:
                        bound[file, *place] = name
        return functions, Counter(bound.values())

    def aliases(self) -> list[str]:
        """Imports under another name, but for the usual ones of other people's packages."""
        return [
            f"{file}:{node.lineno}: {alias.name} as {alias.asname}"
            for file, node in self.nodes()
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
            if alias.asname and alias.asname not in _USUAL_ALIASES
        ]

    def lines(self, *rooms: str) -> list[int]:
        """Lines of each Python file."""
        paths = [p for room in rooms for p in (self.root / room).rglob("*.py")]
        return [len(p.read_text("utf-8").splitlines()) for p in paths]

    def texts(self) -> Iterator[tuple[Path, str]]:
        """Everything that is written here and read by somebody, but for tests and data."""
        for room in (*ROOMS, "docs", "benchmarks"):
            for path in sorted((self.root / room).rglob("*")):
                if path.suffix in (".py", ".md", ".js", ".html", ".css"):
                    yield path, path.read_text("utf-8")
        for path in sorted(self.root.glob("*.md")):
            yield path, path.read_text("utf-8")

    def banned_places(self) -> list[str]:
        """Where a banned phrase stands; in Python only strings and comments are prose."""
        phrases = (Path(__file__).resolve().parents[1] / BANNED).read_text("utf-8").splitlines()
        pattern = re.compile("|".join(f"(?:{p})" for p in phrases if p), re.IGNORECASE)
        return [
            f"{path.relative_to(self.root)}:{number}: {line.strip()[:100]}"
            for path, text in self.texts()
            for number, line in (prose if path.suffix == ".py" else number_lines)(text)
            if pattern.search(line)
        ]


def is_participle(name: str) -> bool:
    """Whether one word is all of a name, and a participle."""
    return _PARTICIPLE.fullmatch(name) is not None


def _bindings(function: ast.AST) -> Iterator[tuple[tuple[int, int], str]]:
    """The variables and parameters of a function: where each is given a value, and its name."""
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            yield (node.lineno, node.col_offset), node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield (node.lineno, node.col_offset), node.id


def number_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a text."""
    yield from enumerate(text.splitlines(), start=1)


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a module's strings and comments."""
    kinds = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in kinds:
            yield from enumerate(token.string.splitlines(), start=token.start[0])


def public(tree: ast.AST) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef]:
    """A module, its classes and functions, and their methods, without what is private."""
    if isinstance(tree, ast.Module | ast.ClassDef | ast.FunctionDef):
        yield tree
    for node in getattr(tree, "body", []):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            if isinstance(tree, ast.FunctionDef):
                continue
            yield from public(node)


def main() -> None:
    """Print the table, then what is to be corrected."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]).resolve()
    house = House(root)
    long = sorted((f for f in house.functions() if f[0] > LONGEST_FUNCTION), reverse=True)
    have, whole = house.count_docstrings()
    source, tests = house.lines(*ROOMS), house.lines("tests")
    skipped = sum(text.count(_OVERRULED) for _, text in house.texts())
    (functions, values), aliases = house.participles(), house.aliases()
    circles, banned = house.circles(), house.banned_places()
    print("| what | at most | here |\n|---|---|--:|")
    for folder, most in (("studio", 15), ("radu_core.workflows", 30)):
        print(f"| arrows within {folder} | {most} | {house.arrows(folder)} |")
    print(f"| circles | 0 | {len(circles)} |")
    print(f"| lines of a file, 95 % within | | {sorted(source)[int(0.95 * len(source))]} |")
    print(f"| functions over {LONGEST_FUNCTION} lines | 0 | {len(long)} |")
    print(f"| `fmt: skip` | 0 | {skipped} |")
    print(f"| public docstrings | at least 92 % | {100 * have / whole:.1f} % |")
    print(f"| test lines per source line | at least 0.55 | {sum(tests) / sum(source):.2f} |")
    print(f"| functions named by a participle | 0 | {len(functions)} |")
    print(f"| values named by a participle | | {values.total()} |")
    print(f"| imports under another name | 0 | {len(aliases)} |")
    print(f"| places of banned phrases | 0 | {len(banned)} |")
    for lines, place in long:
        print(f"{place}: {lines} lines")
    for some in circles:
        print(f"circle: {', '.join(some)}")
    print("named by a participle:", ", ".join(f"{n} {c}" for n, c in values.most_common(10)))
    print("\n".join([*banned, *functions, *aliases]))


if __name__ == "__main__":
    main()
