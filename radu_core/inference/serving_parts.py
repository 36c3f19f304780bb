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

__all__ = ["Serving", "load_serving"]


@dataclass(frozen=True)
class Serving:
    """What a run needs to parse, as it was when the run was launched."""

    schema: Schema
    templates: TemplateSet
    index: ModuleIndex
    manifest: Manifest
    folder: Path | None = None  # where a run keeps them

    @property
    def settings(self) -> ParserSettings:
        """How to parse: as the rows of the run's dataset were made."""
        config = self.manifest.config
        strategies = config.strategies
        return ParserSettings(
            function_strategy="knn" if "rag" not in strategies and "knn" in strategies else "rag",
            slot_strategy="single" if "all" not in strategies and "single" in strategies else "all",
            reads_answers="yes_no" in strategies,
            k_desc=config.k_desc,
            k_exemplar=config.rows.k_exemplar,
            k_slot_examples=config.rows.k_slot_examples,
            order="most_relevant_first"
            if config.rows.order == "most_relevant_first"
            else "most_relevant_last",
        )


def load_serving(folder: Path, title: str, embedder_of: Callable[[str], Embedder]) -> Serving:
    """What ``folder`` holds, of a run or an exported model that ``title`` names; ``embedder_of``
    gives an embedder by its name. ``RunError`` where it is damaged."""
    with _undamaged(title, folder):
        manifest = read_manifest(folder)
        schema = parse_schema(read_json(folder / "schema.json"))
        sources = read_json(folder / "templates.json")
        if not isinstance(sources, dict) or not sources:
            raise TypeError("templates.json holds no templates")
        templates = TemplateSet(sources)
    embedder = embedder_of(manifest.embedder)
    with _undamaged(title, folder):
        index = read_index(folder / "index", embedder, expected_fingerprint=manifest.index)
    return Serving(schema, templates, index, manifest, folder)


@contextmanager
def _undamaged(title: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except (RaduError, AttributeError, TypeError) as error:
        why = error.what if isinstance(error, RaduError) else error
        raise RunError(
            f"What {title[0].lower()}{title[1:]} needs to parse is damaged, in {folder}: {why}",
            remedy="Restore a backup of the run, or launch it again.",
        ) from error
