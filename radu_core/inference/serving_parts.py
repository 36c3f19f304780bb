"""What a model that prompts needs beside its weights, kept as it was when its run was launched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from radu_core.dataset import Manifest, read_manifest
from radu_core.errors import RaduError, RunError
from radu_core.files import read_json
from radu_core.inference.parser import ParserSettings
from radu_core.prompts import TemplateSet
from radu_core.retrieval import Embedder, ModuleIndex, read_index
from radu_core.schema import Schema, parse_schema

__all__ = ["TAUGHT_FILE", "Serving", "load_serving"]

TAUGHT_FILE = "taught.json"  # of a mixture's module: the tasks that training rows were drawn of


@dataclass(frozen=True)
class Serving:
    """What a run needs to parse, as it was when the run was launched.

    ``drawn`` are the tasks that a mixture has training rows of; None for a module's own dataset,
    of which all rows are trained on.
    """

    schema: Schema
    templates: TemplateSet
    index: ModuleIndex
    manifest: Manifest
    folder: Path | None = None  # where a run keeps them
    drawn: tuple[str, ...] | None = None

    @property
    def settings(self) -> ParserSettings:
        """How to parse: as the rows of the run's dataset were made."""
        config = self.manifest.config
        strategies = config.strategies
        return ParserSettings(
            function_strategy="knn" if "rag" not in strategies and "knn" in strategies else "rag",
            slot_strategy="single" if "all" not in strategies and "single" in strategies else "all",
            reads_answers=self._is_taught("yes_no"),
            k_desc=config.k_desc,
            k_exemplar=config.rows.k_exemplar,
            k_slot_examples=config.rows.k_slot_examples,
            order="most_relevant_first"
            if config.rows.order == "most_relevant_first"
            else "most_relevant_last",
        )

    def _is_taught(self, task: str) -> bool:
        """Whether a row of the task was trained on.

        A strategy may have given none, and a mixture may have left it out.
        """
        if self.drawn is not None and task not in self.drawn:
            return False
        counts = self.manifest.counts.get("train", {})
        return any(rows for key, rows in counts.items() if key.partition("/")[0] == task)


def load_serving(folder: Path, title: str, embedder_of: Callable[[str], Embedder]) -> Serving:
    """Load what ``folder`` holds, of a run or an exported model that ``title`` names.

    ``embedder_of`` gives an embedder by its name. ``RunError`` where it is damaged.
    """
    with _check_damage(title, folder):
        manifest = read_manifest(folder)
        schema = parse_schema(read_json(folder / "schema.json"))
        sources = read_json(folder / "templates.json")
        if not isinstance(sources, dict) or not sources:
            raise TypeError("templates.json holds no templates")
        templates = TemplateSet(sources)
        file = folder / TAUGHT_FILE
        taught_tasks = tuple(map(str, read_json(file))) if file.exists() else None
    embedder = embedder_of(manifest.embedder)
    with _check_damage(title, folder):
        index = read_index(folder / "index", embedder, expected_fingerprint=manifest.index)
    return Serving(schema, templates, index, manifest, folder, taught_tasks)


@contextmanager
def _check_damage(title: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except (RaduError, AttributeError, TypeError) as error:
        why = error.what if isinstance(error, RaduError) else error
        raise RunError(
            f"What {title[0].lower()}{title[1:]} needs to parse is damaged, in {folder}: {why}",
            remedy="Restore a backup of the run, or launch it again.",
        ) from error
