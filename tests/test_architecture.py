"""The import order of DESIGN, what the core must not import, and how light it is to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

CORE = Path(__file__).resolve().parents[1] / "radu_core"
STUDIO, PAGES = CORE.parent / "studio", CORE.parent / "pages"
ORDER = [
    "errors",
    "extras",
    "instructions",
    "numbers",
    "statistics",
    "progress",
    "files",
    "hardware",
    "words",
    "terms",
    "fields",
    "schema",
    "calls",
    "exemplars",
    "pieces",
    "models",
    "tokenizing",
    "formats",
    "alignment",
    "eligibility",
    "retrieval",
    "prompts",
    "dataset",
    "generator",
    "training",
    "inference",
    "serving",
    "evaluation",
    "agreement",
    "store",
    "workflows",
    "cli",
]
STORE_MAY_USE = {
    "errors",
    "extras",
    "files",
    "instructions",
    "progress",
    "schema",
    "exemplars",
    "store",
}


def room(path: Path) -> str:
    """The name in ORDER that a file belongs to."""
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """All modules that a file names in an import, wherever it stands."""
    package = path.relative_to(CORE.parent).parent.parts
    return names_in(path.read_text(encoding="utf-8"), package)


def names_in(text: str, package: tuple[str, ...]) -> set[str]:
    """The modules, or what is taken from them, that code in ``package`` imports, in full.

    ``from radu_core import x`` imports ``radu_core.x``, and so does ``from . import x`` in it.
    """
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            near = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*near, *filter(None, [node.module])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import radu_core.cli", {"radu_core.cli"}),
        ("from radu_core.cli import app", {"radu_core.cli.app"}),
        ("from radu_core import cli, errors", {"radu_core.cli", "radu_core.errors"}),
        ("from . import index", {"radu_core.retrieval.index"}),
        ("from .index import Query", {"radu_core.retrieval.index.Query"}),
        ("from .. import cli", {"radu_core.cli"}),
        ("from ..cli.output import app", {"radu_core.cli.output.app"}),
        ("def f():\n    from ..cli import app", {"radu_core.cli.app"}),
    ],
)
def test_every_way_to_import_is_seen(text: str, names: set[str]) -> None:
    assert names_in(text, ("radu_core", "retrieval")) == names


def files() -> list[Path]:
    return sorted(p for p in CORE.rglob("*.py") if room(p) not in ("__init__", "__main__"))


def test_every_room_is_in_the_order() -> None:
    assert {room(p) for p in files()} == set(ORDER)


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(CORE)))
def test_imports_go_upwards_only(path: Path) -> None:
    own = ORDER.index(room(path))
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "radu_core" and not parts[1].startswith("__"):  # its version
            assert parts[1] in ORDER, f"{path} imports {name}"
            assert ORDER.index(parts[1]) <= own, f"{path} imports {name}"
            if room(path) == "store":
                assert parts[1] in STORE_MAY_USE


TRAINING = [  # a way to tune is chosen by a process, which knows them all
    {"run"},
    {"worker"},
    {"probe"},
    {"joint"},
    {"contrastive", "lsr"},
    {"worker.process", "probe.process", "probe.probe"},
]


def level(names: list[str]) -> int:
    """Where in TRAINING a module of ``radu_core.training`` stands, by its name's parts."""
    keys = {names[0], ".".join(names[:2])}
    return max(at for at, packages in enumerate(TRAINING) if packages & keys)


def test_the_packages_of_training_import_those_above_only() -> None:
    for path in sorted((CORE / "training").rglob("*.py")):
        own = path.relative_to(CORE / "training").with_suffix("").parts
        for name in imported(path):
            parts = name.split(".")
            if parts[:2] != ["radu_core", "training"]:
                continue
            if own[0] == "watcher":
                assert parts[2] in ("watcher", "run"), f"{path} imports {name}"
            else:
                assert level(parts[2:]) <= level(list(own)), f"{path} imports {name}"


def test_the_core_never_imports_streamlit() -> None:
    for path in CORE.rglob("*.py"):
        roots = {name.split(".")[0] for name in imported(path)}
        assert not roots & {"streamlit", "studio", "pages"}, path


def loads_of_models(path: Path) -> list[ast.Call]:
    """The calls of ``AutoModelForCausalLM.from_pretrained`` in a file."""
    calls = (n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call))
    return [c for c in calls if ast.unparse(c.func) == "AutoModelForCausalLM.from_pretrained"]


def test_who_loads_a_model_says_in_which_precision() -> None:
    """Else it is that of the file, which depends on what the machine it was written on can do."""
    tests = Path(__file__).parent
    paths = [p for root in (CORE, tests) for p in root.rglob("*.py")]
    loads = [(path, call) for path in paths for call in loads_of_models(path)]
    assert len(loads) > 10
    for path, call in loads:
        assert "dtype" in {k.arg for k in call.keywords}, f"{path}:{call.lineno}"


def wings(path: Path) -> set[str]:
    """The packages of ``studio`` that a file imports from."""
    text = path.read_text(encoding="utf-8")
    parts = (n.split(".") for n in names_in(text, path.relative_to(CORE.parent).parent.parts))
    return {p[1] for p in parts if p[0] == "studio" and len(p) > 1}


def test_a_page_is_made_of_the_frame_and_its_own_package() -> None:
    rooms = {p.name for p in STUDIO.iterdir() if p.is_dir() and p.name != "__pycache__"}
    pages = list(PAGES.glob("*.py"))
    assert rooms == {"frame", *(p.stem for p in pages)}
    for path in pages:
        assert wings(path) <= {"frame", path.stem}, path
        roots = {name.split(".")[0] for name in imported(path)}
        assert roots <= {"studio", "streamlit", "components"}, f"{path} reaches past its package"
    for path in (p for room in rooms for p in (STUDIO / room).rglob("*.py")):
        assert wings(path) <= {"frame", path.relative_to(STUDIO).parts[0]}, path
    for path in (STUDIO / "frame").rglob("*.py"):
        assert wings(path) <= {"frame"}, path


# What a page's package calls of other pages' workflows, and why: to be shortened, not lengthened.
BESIDE = {
    "annotate": {"load", "schema"},  # adds utterances; guidelines
    "coverage": {"train"},  # the datasets that a change makes stale
    "frame": {"load"},  # the trash, on two pages; names of encodings in messages
    "home": {"load"},  # the sample project; traces by day
    "overlap": {"coverage", "schema"},  # judgements of pairs; merging functions
    "prompts": {"coverage"},  # the point in use, tokens, judgements of pairs
    "schema": {"load", "prompts"},  # what a change costs; differences of texts
    "train": {"coverage", "playground"},  # the point in use; bundles and exports
}
SHARED = {"frame", "runs"}
PLUMBING = set(ORDER[: ORDER.index("schema")])  # errors, words, files: nothing of the stages


def of_studio() -> list[Path]:
    """The files of pages and of what they are made of."""
    return [*PAGES.glob("*.py"), *STUDIO.rglob("*.py")]


@pytest.mark.parametrize("path", of_studio(), ids=lambda p: str(p.relative_to(CORE.parent)))
def test_a_page_calls_workflows_only(path: Path) -> None:
    """Of the stages below it names types and constants; what they do, a workflow does.

    And of workflows: its own package's, the shared ones, and those in ``BESIDE``.
    """
    own = path.stem if path.parent == PAGES else path.relative_to(STUDIO).parts[0]
    for name in names_in(path.read_text("utf-8"), path.relative_to(CORE.parent).parent.parts):
        parts = name.split(".")
        if parts[0] != "radu_core" or parts[1] in PLUMBING:
            continue
        if parts[1] == "workflows":
            assert parts[2] in {own, *SHARED, *BESIDE.get(own, ())}, f"{path} imports {name}"
        else:
            found = getattr(import_module(".".join(parts[:-1])), parts[-1])
            assert not isinstance(found, FunctionType | ModuleType), f"{path} imports {name}"


@pytest.mark.parametrize("path", of_studio(), ids=lambda p: str(p.relative_to(CORE.parent)))
def test_a_page_never_reaches_into_the_store(path: Path) -> None:
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    assert [n.lineno for n in nodes if isinstance(n, ast.Attribute) and n.attr == "store"] == []


def test_no_exception_is_left_that_nobody_needs() -> None:
    used: dict[str, set[str]] = {}
    for path in of_studio():
        own = path.stem if path.parent == PAGES else path.relative_to(STUDIO).parts[0]
        package = path.relative_to(CORE.parent).parent.parts
        parts = [n.split(".") for n in names_in(path.read_text("utf-8"), package)]
        called = {p[2] for p in parts if p[:2] == ["radu_core", "workflows"]}
        used.setdefault(own, set()).update(called - SHARED - {own})
    assert {wing: calls for wing, calls in used.items() if calls} == BESIDE


WORKFLOWS = [
    "frame",
    "load",
    "coverage",
    "overlap",
    "prompts",
    "runs",
    "evaluate",
    "train",
    "home",
    "playground",
    "schema",
    "annotate",
    "utterances",
]


def test_workflows_stand_on_those_before_them() -> None:
    place = CORE / "workflows"
    assert {p.name for p in place.iterdir()} - {"__pycache__", "__init__.py"} == {*WORKFLOWS}
    for path in place.rglob("*.py"):
        own = path.relative_to(place).parts[0]
        for name in imported(path):
            parts = name.split(".")
            if parts[:2] == ["radu_core", "workflows"] and own in WORKFLOWS:
                assert WORKFLOWS.index(parts[2]) <= WORKFLOWS.index(own), f"{path} imports {name}"


def test_what_the_server_imports_ahead_is_there() -> None:
    """A thread imports it: where a name is wrong, only a traceback in the log says so."""
    tree = ast.parse((CORE.parent / "app.py").read_text("utf-8"))
    lists = {ast.unparse(n.targets[0]): n.value for n in tree.body if isinstance(n, ast.Assign)}
    names = ast.literal_eval(lists["NEEDED"])
    assert len(names) > 10
    for name in names:
        assert find_spec(name) is not None, name


def test_nobody_imports_what_is_private() -> None:
    for path in (p for room in (CORE, STUDIO, PAGES) for p in room.rglob("*.py")):
        for name in names_in(path.read_text("utf-8"), ()):
            last = name.split(".")[-1]
            ours = name.split(".")[0] in ("radu_core", "studio")
            assert not ours or not last.startswith("_") or last.endswith("__"), f"{path}: {name}"


def test_pages_are_thin() -> None:
    for path in (CORE.parent / "pages").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 60, path


@pytest.mark.parametrize("module", ["radu_core", "radu_core.workflows.frame.workspace"])
def test_importing_is_light(module: str) -> None:
    code = (
        f"import sys, time; import {module}; used = time.process_time();"
        "heavy = {'torch', 'faiss', 'transformers', 'streamlit'} & set(sys.modules);"
        "print(sorted(heavy), used)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CORE.parent
    ).stdout
    heavy, used = out.strip().rsplit(" ", 1)
    assert heavy == "[]"
    if module == "radu_core":
        assert float(used) < 0.5
