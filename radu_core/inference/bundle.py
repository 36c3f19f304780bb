"""A bundle: all that answering needs, in one directory that loads without the studio.

``bundle.json`` says what it is and holds the hash of every other file, so that what was cut or
edited isn't loaded. A fast bundle holds encoder and embedding model as ONNX: torch isn't needed.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from radu_core.errors import InputError, ModelError, StoreError, shorten
from radu_core.exemplars import Split
from radu_core.files import content_hash, file_hash, read_json, readable
from radu_core.hardware import usable_cores
from radu_core.inference.answers import Answer, Explanation, Question
from radu_core.inference.asking import AnyParser, answer_questions, check_context
from radu_core.schema import Schema, parse_schema
from radu_core.words import quantity

if TYPE_CHECKING:
    from radu_core.inference import FastParser, Parser
    from radu_core.retrieval import Embedder

__all__ = [
    "FAST",
    "FORMAT",
    "GENERATOR",
    "MANIFEST",
    "Bundle",
    "BundleManifest",
    "SelfTest",
    "load_bundle",
    "read_bundle_manifest",
]

FORMAT = 1
MANIFEST, SCHEMA, SELF_TEST, DEFERRAL = "bundle.json", "schema.json", "self-test.json", "full.json"
FAST, GENERATOR = "fast", "generator"  # directories
ENCODER, EMBEDDER = "encoder", "embedder"  # in ``fast``
WEIGHTS, PROMPTS = "model", "prompts"  # in ``generator``, beside ``embedder``

Kind = Literal["fast", "full", "generator"]
Runtime = Literal["onnx", "torch"]


class SelfTest(BaseModel):
    """What a bundle was compared on when it was written.

    ``rows`` utterances of a ``split``, ``equal`` of them with the call that the run itself makes.
    """

    model_config = ConfigDict(extra="forbid")

    rows: int
    equal: int
    split: Split = "validation"

    @property
    def rows_text(self) -> str:
        """How many rows, and of what."""
        return quantity(self.rows, "training row" if self.split == "train" else "validation row")


class BundleManifest(BaseModel):
    """What a bundle is.

    ``files`` are path → (size, SHA-256); ``runtime`` says by part what loads it; ``texts``: whether
    utterances of the labels are in it; ``licences`` are notes on what it was made from.
    """

    model_config = ConfigDict(extra="forbid")

    format: int = Field(ge=1, strict=True)
    studio: str
    name: str
    module: str
    kind: Kind
    runs: dict[str, str]
    files: dict[str, tuple[int, str]]
    runtime: dict[str, Runtime]
    texts: bool
    chat_template: str | None = None
    licences: tuple[str, ...] = ()
    self_test: SelfTest | None = None


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory: an ``AnswerModel``. Several threads may ask it, one after the other."""

    manifest: BundleManifest
    version: str
    schema: Schema
    parser: AnyParser
    lock: threading.RLock

    @property
    def name(self) -> str:
        """What clients call it."""
        return self.manifest.name

    @property
    def kind(self) -> str:
        """ "fast", "full" or "generator"."""
        return self.manifest.kind

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in order. ``InputError`` for what can't be asked."""
        for question in questions:
            check_context(self.schema, question.context)
        with self.lock:
            return answer_questions(self.parser, questions)

    def explain(self, question: Question) -> Explanation:
        """The answer to one question, and how it came about."""
        from radu_core.inference.explain import explain

        check_context(self.schema, question.context)
        with self.lock:
            return explain(self.parser, question)


def read_bundle_manifest(directory: Path) -> BundleManifest:
    """The manifest of the bundle in a directory.

    ``InputError`` where there is none, or one that this version can't read.
    """
    path = directory / MANIFEST
    if not _is_file(path):
        raise InputError(
            "That directory isn't a bundle: it has no bundle.json",
            value=str(directory),
            remedy="Write one with `radu export-model RUN --to bundle DIR`.",
        )
    try:
        data = read_json(path)
    except StoreError as error:  # it was cut
        raise _damage(directory, f"{MANIFEST} isn't JSON ({error.__cause__})") from error
    version = data.get("format") if isinstance(data, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise InputError(
            f"That bundle has format {version}; this version of radu-studio reads up to {FORMAT}",
            value=str(directory),
            remedy="Install a newer radu-studio, or export the run again with this one.",
        )
    try:
        return BundleManifest.model_validate(data)
    except ValidationError as error:
        raise _damage(directory, f"bundle.json is damaged ({error.errors()[0]['msg']})") from error


def load_bundle(directory: Path, *, threads: int = 0) -> Bundle:
    """The bundle in a directory, checked and ready to answer.

    ``threads`` is how many its encoders may use together (0: one for each core). ``InputError``
    where there is no bundle; ``ModelError`` where a file is missing, was cut or edited.
    """
    directory = _resolve(directory)
    manifest = read_bundle_manifest(directory)
    check_files(directory, manifest)
    try:
        schema = parse_schema(read_json(directory / SCHEMA))
        parser = _parser(directory, manifest, schema, threads)
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise _damage(directory, f"it can't be loaded ({type(error).__name__}: {error})") from error
    version = content_hash(manifest.model_dump(mode="json"))[:12]
    return Bundle(manifest, version, schema, parser, threading.RLock())


def check_files(directory: Path, manifest: BundleManifest) -> None:
    """Raise ``ModelError`` unless every file of the manifest is there as it was written.

    Nor may another one stand beside them, which a library that loads a directory could take.

    A file may be a symbolic link, as in the cache of a model hub: its content is what counts.
    """
    for name, (size, digest) in sorted(manifest.files.items()):
        path = directory / name
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise _damage(directory, f"its manifest names a file outside of it: {name}")
        if not _is_file(path):
            raise _damage(directory, f"it has no {shorten(name)}")
        with readable(path):
            length = path.stat().st_size
            if length != size:
                raise _damage(directory, f"{name} has {length:,} bytes instead of {size:,}")
            if file_hash(path) != digest:
                raise _damage(directory, f"{name} was changed after the bundle was written")
    for name in _names_of(directory):
        if name not in manifest.files:
            raise _damage(directory, f"{name} isn't in its manifest")


def _names_of(directory: Path) -> list[str]:
    """The files in a bundle's parts, without hidden ones, which file systems put there."""
    paths = (p for part in (FAST, GENERATOR) for p in (directory / part).rglob("*"))
    names = (p.relative_to(directory) for p in paths if not p.is_dir())
    return sorted(n.as_posix() for n in names if not any(p.startswith(".") for p in n.parts))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or holds NUL
        return False


def _resolve(directory: Path) -> Path:
    try:
        return directory.expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"That names no directory ({error})",
            value=str(directory),
            remedy="Give the path of a bundle.",
        ) from error


def _damage(directory: Path, why: str) -> ModelError:
    return ModelError(
        f"The bundle is damaged: {why}",
        value=str(directory),
        remedy="Copy it again, or export the run again.",
    )


def _parser(directory: Path, manifest: BundleManifest, schema: Schema, threads: int) -> AnyParser:
    if manifest.kind == "fast":
        return _fast(directory / FAST, manifest, schema, threads)
    generator = _generator(directory / GENERATOR, manifest)
    if manifest.kind == "generator":
        return generator
    from radu_core.inference.full import Deferral, FullParser

    fast = _fast(directory / FAST, manifest, schema, threads)
    return FullParser(fast, generator, Deferral.load(directory / DEFERRAL))


def _fast(folder: Path, manifest: BundleManifest, schema: Schema, threads: int) -> FastParser:
    from radu_core.inference.fast import FastParser
    from radu_core.inference.onnx_encoder import OnnxReader
    from radu_core.inference.taught import Taught
    from radu_core.training.joint.fast import FastModel
    from radu_core.training.joint.reading import Reader
    from radu_core.training.joint.rows import Labels

    is_onnx = manifest.runtime[ENCODER] == manifest.runtime[EMBEDDER] == "onnx"
    threads = threads or usable_cores()
    # small matrices: two encoders side by side are sooner done than one after the other, each
    # with all threads
    aside = ThreadPoolExecutor(1, "radu-embedder") if is_onnx and threads > 1 else None
    each = threads // 2 if aside else threads

    def reader(place: Path) -> Reader:
        if manifest.runtime[ENCODER] == "torch":
            from radu_core.training.joint.model import JointEncoder

            return JointEncoder.load(place)
        return OnnxReader(place, Labels.read(place), threads=each)

    embedder_of = partial(_embedder, folder / EMBEDDER, manifest, each)
    model = FastModel.load(folder, embedder_of, reader=reader, aside=aside)
    return FastParser(model, schema, Taught.load(folder, schema))


def _embedder(folder: Path, manifest: BundleManifest, threads: int, name: str) -> Embedder:
    from radu_core.inference.onnx_encoder import OnnxEmbedder
    from radu_core.retrieval import SentenceEmbedder

    if manifest.runtime[EMBEDDER] == "onnx":
        return OnnxEmbedder(folder, threads=threads)
    return SentenceEmbedder(folder, name=name, precision="fp32")


def _generator(folder: Path, manifest: BundleManifest) -> Parser:
    from radu_core.generator import Generator
    from radu_core.inference.parser import Parser
    from radu_core.inference.serving_parts import load_serving
    from radu_core.retrieval import SentenceEmbedder

    parts = load_serving(
        folder / PROMPTS, "The bundle", lambda n: SentenceEmbedder(folder / EMBEDDER, name=n)
    )
    generator = Generator(folder / WEIGHTS, template=manifest.chat_template)
    return Parser(generator, parts.index, parts.schema, parts.templates, parts.settings)
