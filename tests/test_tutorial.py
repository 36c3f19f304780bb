"""docs/tutorial.md does what it says: its files and commands, as they stand, in an empty directory.

Blocks with a title are files; ``sh`` blocks run in order in one shell that stops at the first
error; a ``text`` block is what the commands before it print. Each of its lines has to be there, in
order; "…" stands for anything, alone in a line for any lines. Models are linked, not fetched.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from studio_process import ROOT

from radu_core.training.run.directory import FINAL, list_runs
from radu_core.training.watcher.launcher import stop

PAGE = ROOT / "docs" / "tutorial.md"
LIBRARY = ROOT / "examples" / "library"
TITLE = re.compile(r'title="([\w.]+)"')
END = "\x1e"  # a record separator: printed after each block


@dataclass
class Commands:
    """A block of commands and the lines that the page shows of its output."""

    script: str
    shown: list[str] = field(default_factory=list)

    def missing(self, output: str) -> str | None:
        """The first line that is shown and not printed after those before it."""
        place = 0
        for line in self.shown:
            parts = (re.escape(part) for part in line.split("…"))
            found = re.compile(f"^{'.*'.join(parts)}$", re.MULTILINE).search(output, place)
            if found is None:
                return line
            place = found.end()
        return None


def read_page(text: str) -> tuple[dict[str, str], list[Commands]]:
    """The files and the commands of a page, in order."""
    files: dict[str, str] = {}
    commands: list[Commands] = []
    for block in MarkdownIt().parse(text):
        language, _, more = block.info.partition(" ")
        if block.type != "fence":
            continue
        if title := TITLE.search(more):
            files[title[1]] = block.content
        elif language == "sh":
            commands.append(Commands(block.content))
        else:
            assert language == "text", f"nobody runs a block of {language!r}"
            commands[-1].shown += [line for line in block.content.splitlines() if line != "…"]
    return files, commands


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Path]:
    """An empty directory, but for a link to the models. A run that goes on is stopped."""
    models = tmp_path / "workspace" / "models"
    models.parent.mkdir()
    models.symlink_to((ROOT / "workspace" / "models").resolve())
    yield tmp_path
    for started in list_runs(tmp_path / "workspace" / "runs"):
        if started.state()[0] not in FINAL:
            stop(started)


def run(commands: list[Commands], directory: Path) -> list[str]:
    """What each block prints. The shell and whatever it started are ended."""
    blocks = (f"{each.script}\nprintf '{END}'\n" for each in commands)
    (directory / "page.sh").write_text("set -e\n" + "".join(blocks), encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RADU_")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "HF_HUB_OFFLINE": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    with (directory / "out").open("wb") as out, (directory / "err").open("wb") as err:
        shell = subprocess.Popen(
            ["bash", "page.sh"],
            cwd=directory,
            env=environment,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            code = shell.wait(timeout=900)
        finally:
            with suppress(ProcessLookupError):  # the page has ended everything itself
                os.killpg(shell.pid, signal.SIGTERM)
    outputs = (directory / "out").read_text("utf-8").split(END)[:-1]
    said = (directory / "err").read_text("utf-8")[-4000:]
    assert code == 0, f"{commands[len(outputs)].script}\n{said}"
    return outputs


def test_what_is_shown_is_looked_for_in_order() -> None:
    page = '```csv title="a.csv"\n1\n```\n\n```sh\nls\n```\n\n```text\nb … d\n…\ne\n```\n'
    files, (only,) = read_page(page)
    assert (files, only) == ({"a.csv": "1\n"}, Commands("ls\n", ["b … d", "e"]))
    assert only.missing("b c d\nx\ne\n") is None
    assert only.missing("e\nb c d\n") == "e"
    assert only.missing("b c\nd\ne\n") == "b … d"


def test_its_files_are_those_of_the_examples() -> None:
    files, _ = read_page(PAGE.read_text("utf-8"))
    assert {p.name for p in LIBRARY.iterdir()} <= set(files)
    for path in LIBRARY.iterdir():
        assert files[path.name] == path.read_text("utf-8"), path.name


@pytest.mark.slow
def test_the_page_does_what_it_says(empty: Path) -> None:
    files, commands = read_page(PAGE.read_text("utf-8"))
    for name, text in files.items():
        (empty / name).write_text(text, encoding="utf-8")
    outputs = run(commands, empty)
    for block, output in zip(commands, outputs, strict=True):
        assert block.missing(output) is None, f"{block.script}\n{output}"
