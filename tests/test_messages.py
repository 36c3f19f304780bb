"""What messages, help and documents point to exists: commands, options, pages, tabs, files, links.

A remedy that names a place that isn't there is worse than none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from typer.main import get_command

from radu_core.cli import app
from radu_core.cli import words as shell
from studio.frame import words as pages

ROOT = Path(__file__).resolve().parents[1]
CODE = ("radu_core", "radu_studio", "studio", "pages", "components")
TEXTS = sorted(
    path
    for pattern in (
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/**/*.md",
        "benchmarks/*.md",
        "sample_data/*.md",
    )
    for path in ROOT.glob(pattern)
)
# Options of other programs that our texts name or run.
FOREIGN = {
    "--base-model",
    "--who",
    "--build-arg",
    "--from",
    "--index-url",
    "--quiet",
    "--spec",
    "--no-deps",
    "--dest",
    "--outfile",
    "--outtype",
    "--max-model-len",
    "--dtype",
    "--enable-lora",
    "--lora-modules",
    "--max-lora-rank",
    "--generation-config",
    "--head",
    "--home",
    "--secrets",
    "--retry",
    "--retry-connrefused",
    "--retry-delay",
    "--server",
}
COMMAND = re.compile(r"\bradu((?: (?:-{0,2}[a-z][a-z-]+|[A-Z|{][\w{}./|]*…?|\"[^\"]*\"|\[|…))+)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
PLACE = re.compile(r"“([^”{]+)”")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FILE = re.compile(
    r"(?<![\w/.])(?:radu_core|studio|pages|components|tests|benchmarks|docs|sample_data)/[\w./-]*\w"
)


@cache
def commands() -> dict[str, set[str]]:
    """Command with its group, by name → its options."""
    found: dict[str, set[str]] = {}

    def walk(command: click.Command, name: str) -> None:
        options = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
        found[name] = {o for o in options if o.startswith("--")} | {"--help"}
        for sub, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{name} {sub}".strip())

    walk(get_command(app), "")
    return found


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module with their lines: f-strings whole, what is put in as ``{}``."""
    tree = ast.parse(path.read_text("utf-8"))
    inside = {id(v) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for v in n.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (v.value if isinstance(v, ast.Constant) else "{}" for v in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and id(node) not in inside and node.value is not ...:
            yield node.lineno, str(node.value)


@cache
def told() -> list[tuple[str, str]]:
    """(place, text) of all that people read: strings of the code, the browser's, documents."""
    found = []
    for room in CODE:
        for path in sorted((ROOT / room).rglob("*.py")):
            place = path.relative_to(ROOT)
            found += [(f"{place}:{line}", text) for line, text in strings(path)]
        for path in sorted((ROOT / room).rglob("*.js")):
            lines = path.read_text("utf-8").splitlines()
            words = [(n, line) for n, line in enumerate(lines, 1) if not _is_style(line)]
            found += [(f"{path.relative_to(ROOT)}:{n}", line) for n, line in words]
    for path in TEXTS:
        lines = path.read_text("utf-8").splitlines()
        found += [(f"{path.relative_to(ROOT)}:{n}", line) for n, line in enumerate(lines, 1)]
    return found


def _is_style(line: str) -> bool:
    """A comment, or code that sets a property of a style sheet."""
    return "setProperty" in line or line.strip().startswith(("//", "*", "/*"))


def named_commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each ``radu …`` in a text: the command's name, and the options that follow it."""
    for match in COMMAND.finditer(text):
        words = match[1].split()
        name = words[0]
        if name not in {n.split()[0] for n in commands() if n} and "|" not in name:
            yield name, []
            continue
        if name in commands() and len(words) > 1 and f"{name} {words[1]}" in commands():
            name = f"{name} {words[1]}"
        yield name, [w for w in words if w.startswith("--")]


# Names of our own that aren't commands: jinja's functions, cookies, components.
INNER = {"render", "loop", "concat", "measure", "asks", "answers", "place", "{}"}


def test_there_are_commands() -> None:
    assert {"train", "runs list", "models fetch", "import"} <= set(commands())
    assert "--module" in commands()["resolve"]
    assert list(named_commands("see radu runs show {} and `radu train X --wait`, or radu fly")) == [
        ("runs show", []),
        ("train", ["--wait"]),
        ("fly", []),
    ]


def test_every_command_that_is_named_exists() -> None:
    wrong = [
        f"{place}: radu {name}"
        for place, text in told()
        for name, _ in named_commands(text)
        if name not in commands() and name not in INNER
    ]
    assert wrong == []


def test_every_option_of_a_named_command_exists() -> None:
    wrong = [
        f"{place}: radu {name} {option}"
        for place, text in told()
        for name, options in named_commands(text)
        for option in options
        if name in commands()
        and option not in commands()[name]
        and not any(n.startswith(f"{name} ") and option in o for n, o in commands().items())
    ]
    assert wrong == []


def test_every_option_that_is_named_alone_exists() -> None:
    every = set().union(*commands().values())
    wrong = [
        f"{place}: {option}"
        for place, text in told()
        if not place.startswith("benchmarks/")
        for option in OPTION.findall(text)
        if option not in every | FOREIGN
    ]
    assert wrong == []


def test_a_command_in_a_remedy_can_be_run_as_it_stands() -> None:
    """With the options that it can't do without."""
    needed = {
        name: [p.opts[0] for p in command.params if p.required and p.opts[0].startswith("--")]
        for name, command in _with_params(get_command(app), "")
    }
    wrong = []
    for place, text in told():
        if not place.startswith(("radu_core/", "studio/", "pages/")) or "remedy" in text:
            continue
        for match in re.finditer(r"radu ((?:[a-z-]+ )?[a-z-]+)([^;.\n]*)", text):
            name = next((n for n in (match[1], match[1].split()[0]) if needed.get(n)), "")
            missing = [o for o in needed.get(name, []) if o not in match[0]]
            if missing and re.search(r"(?:: |or |with |Now )radu", text[: match.end()]):
                wrong.append(f"{place}: radu {name} lacks {', '.join(missing)}")
    assert wrong == []


def _with_params(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    for sub, inner in getattr(command, "commands", {}).items():
        yield from _with_params(inner, f"{name} {sub}".strip())


def titles() -> set[str]:
    """The pages' titles."""
    return {path.stem.capitalize() for path in (ROOT / "pages").glob("*.py")}


def test_every_page_that_is_named_exists() -> None:
    no_names = {"Every", "One", "The", "This", "A", "Each", "No"}
    wrong = [
        f"{place}: {name} page"
        for place, text in told()
        for name in re.findall(r"\b([A-Z][a-z]+) page\b", text)
        if name not in titles() | no_names
    ]
    assert wrong == []


def test_every_tab_queue_and_field_that_is_quoted_exists() -> None:
    """What stands in typographic quotes is a label of the studio's, or was typed by a user."""
    studio = [(place, text) for place, text in told() if place.startswith(("studio/", "pages/"))]
    labels = {
        text.rpartition(": ")[2].strip() if ":material" in text else text.strip()
        for _, text in studio
    }
    examples = {"sure", "functions in the prompt", "tomorrow", "next Friday"}
    headings = {
        line.lstrip("# ")
        for path in TEXTS
        for line in path.read_text("utf-8").splitlines()
        if line.startswith("#")
    }
    wrong = [
        f"{place}: “{name}”"
        for place, text in studio
        for name in PLACE.findall(text)
        if name not in labels | examples | headings
    ]
    assert wrong == []


def test_every_file_that_is_named_exists() -> None:
    wrong = [
        f"{place}: {name}"
        for place, text in told()
        for name in FILE.findall(text)
        if not (ROOT / name).exists() and not list(ROOT.glob(f"{name}*"))
    ]
    assert wrong == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    wrong = []
    for target in LINK.findall(path.read_text("utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            wrong.append(target)
    assert wrong == []


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", head.lower()) for head in heads)
    return {head.replace(" ", "-") for head in plain}


def test_every_variable_that_is_named_is_read() -> None:
    code = [p for room in (*CODE, "tests", "benchmarks") for p in (ROOT / room).rglob("*.py")]
    read = "\n".join(path.read_text("utf-8") for path in code)
    compose = (ROOT / "compose.yaml").read_text("utf-8")
    wrong = [
        f"{place}: {name}"
        for place, text in told()
        for name in re.findall(r"\bRADU_[A-Z0-9_]+", text)
        if f"${{{name}" not in compose
        and not re.search(
            rf"""(?:environ|getenv|envvar|VARIABLE|[A-Z_]+ =).*["']{name}["']""", read
        )
    ]
    assert wrong == []


def test_no_message_of_the_core_names_an_option_alone() -> None:
    """What has a control on a page is said by the border: ``instruct``.

    A whole command is one that the shell alone can do.
    """
    wrong = [
        f"{place}: {text!r}"
        for place, text in told()
        if place.startswith("radu_core/")
        and not place.startswith(("radu_core/cli/", "radu_core/training/run/cards/"))
        and " " in text
        and not _is_docstring(text)
        and set(OPTION.findall(text)) - FOREIGN
        and not COMMAND.search(text)
    ]
    assert wrong == []


def test_both_borders_word_every_instruction() -> None:
    used: dict[str, int] = {}
    for path in (ROOT / "radu_core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "instruct":
                name, *values = node.args
                assert isinstance(name, ast.Constant), path
                used[str(name.value)] = max(used.get(str(name.value), 0), len(values))
    assert set(used) == set(shell.WORDS) == set(pages.WORDS)
    for which, count in used.items():
        said = [words[which](*["x"] * count) for words in (shell.WORDS, pages.WORDS)]
        assert "--" in said[0] or "radu " in said[0], said
        assert "--" not in said[1], said
        assert "radu " not in said[1], said
        assert all(text[0].islower() for text in said), said


def _is_docstring(text: str) -> bool:
    return "``" in text
