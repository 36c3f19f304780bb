"""A finished run as a bundle: written, loaded again, and compared with the run."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from radu_core import __version__
from radu_core.errors import InputError, ModelError, RunError
from radu_core.exemplars import AnnotatedExemplar, Split
from radu_core.files import (
    disk_errors,
    file_hash,
    whole_directory,
    write_json,
    write_text,
)
from radu_core.inference import FastParser, FullParser
from radu_core.inference.answers import Answer, Question
from radu_core.inference.asking import AnyParser, answer_questions
from radu_core.inference.bundle import (
    DEFERRAL,
    EMBEDDER,
    ENCODER,
    FAST,
    FORMAT,
    GENERATOR,
    MANIFEST,
    PROMPTS,
    SCHEMA,
    SELF_TEST,
    WEIGHTS,
    BundleManifest,
    Runtime,
    SelfTest,
    load_bundle,
)
from radu_core.models import KNOWN_MODELS
from radu_core.progress import Progress, silent
from radu_core.retrieval import SentenceEmbedder
from radu_core.training.run.cards.card import model_card
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.tokens import template_of
from radu_core.words import quantity
from radu_core.workflows.evaluate.evaluation import reports
from radu_core.workflows.evaluate.parse import full_parser, parser_of
from radu_core.workflows.frame.labelled_rows import labelled_rows
from radu_core.workflows.frame.run_list import check_answers, open_run
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground.export_files import base_directory, copy_files, free_target
from radu_core.workflows.runs.launch import serving
from radu_core.workflows.runs.trained_labels import FILE

if TYPE_CHECKING:
    from radu_core.training.joint.model import JointEncoder

__all__ = ["WrittenBundle", "write_bundle"]

_MODEL_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SELF_TEST = 20  # utterances that whoever copied it can try
_AT_ONCE = 32  # utterances; after them it may be stopped
_LEARNT = 200  # training rows that are compared where there are no validation rows


@dataclass(frozen=True)
class WrittenBundle:
    """What was written: ``size`` in bytes; ``notes`` are what whoever serves it has to know."""

    directory: Path
    manifest: BundleManifest
    size: int
    notes: tuple[str, ...]


def write_bundle(
    workspace: Workspace,
    name: str,
    out: Path,
    *,
    generator: str | None = None,
    module: str | None = None,
    runtime: Runtime = "onnx",
    texts: bool = True,
    model_name: str | None = None,
    progress: Progress = silent,
) -> WrittenBundle:
    """Write the run ``name`` (an id, or ``last``) as a bundle to ``out``: all or nothing.

    ``generator`` is the run whose language model is asked where a fast model is unsure. ``runtime``
    torch writes encoders as they are; so is one that ONNX can't hold, with a note. Without
    ``texts`` a fast bundle holds no utterance of the labels, and hashes instead of their words; the
    values that slots had stay, as answers are made of them. ``model_name`` is what clients call it
    (default: as the module), so that one server can hold several bundles of a module. The bundle is
    loaded and asked about all validation rows (up to 200 training rows where there are none) before
    it is put in its place; ``RunError`` where its calls aren't the run's.
    """
    if model_name is not None and not _MODEL_NAME.fullmatch(model_name):
        raise InputError(
            "That can't be a model's name",
            value=model_name,
            remedy="Use up to 64 letters, digits, '.', '_' and '-'.",
        )
    run = open_run(workspace, name)
    check_answers(run)
    target = free_target(out)
    progress("Loading the model", 0, 0)
    parser: AnyParser = (
        full_parser(workspace, run.id, generator, module=module, progress=progress)
        if generator
        else parser_of(workspace, run.id, module=module, progress=progress)
    )
    if not texts and not isinstance(parser, FastParser):
        raise InputError(
            "A language model's prompts show exemplars: its bundle needs their texts",
            remedy="Export a fast model alone, or keep the texts.",
        )
    writing = _Writing(workspace, run, parser, generator, runtime, texts, model_name, progress)
    with whole_directory(target) as new, disk_errors(target):
        manifest = writing.write(new)
        _open_to_readers(new)
        size = sum(p.stat().st_size for p in new.rglob("*") if p.is_file())
    return WrittenBundle(target, manifest, size, tuple(writing.notes))


class _Writing:
    """One bundle while it is written."""

    def __init__(
        self,
        workspace: Workspace,
        run: RunDirectory,
        parser: AnyParser,
        generator: str | None,
        runtime: Runtime,
        texts: bool,
        model_name: str | None,
        progress: Progress,
    ) -> None:
        self.workspace = workspace
        self.run = run
        self.parser = parser
        self.generator = open_run(workspace, generator) if generator else None
        self.progress = progress
        self.notes: list[str] = []
        self.runtime: dict[str, Runtime] = {}
        self._wanted = runtime
        self._texts = texts
        self._name = model_name

    @property
    def module(self) -> str:
        return self.parser.schema.module

    def write(self, new: Path) -> BundleManifest:
        """Write everything to ``new``, then the manifest."""
        parser = self.parser
        fast = parser.fast if isinstance(parser, FullParser) else parser
        if isinstance(fast, FastParser):
            self._write_fast(fast, new / FAST)
        if not isinstance(parser, FastParser):
            self._write_generator(self.generator or self.run, new / GENERATOR)
        if isinstance(parser, FullParser):
            parser.deferral.save(new / DEFERRAL)
        write_json(new / SCHEMA, parser.schema.model_dump(mode="json"))
        write_text(new / "README.md", self._card())
        split, rows = self._rows()
        answers = self._answers(parser, rows, "Asking the run")
        if self._texts:
            write_json(new / SELF_TEST, [_test_row(a) for a in answers[:_SELF_TEST]])
        # all are equal, or _compare raises and nothing of this is kept
        test = SelfTest(rows=len(rows), equal=len(rows), split=split)
        manifest = self._manifest(new, test)
        write_json(new / MANIFEST, manifest.model_dump(mode="json"))
        self._compare(new, test, rows, answers)
        return manifest

    def _rows(self) -> tuple[Split, Sequence[AnnotatedExemplar]]:
        """All validation rows; where there are none, training rows, evenly spread."""
        rows = labelled_rows(self.workspace, self.module, "validation").exemplars
        if rows:
            return "validation", rows
        learnt = labelled_rows(self.workspace, self.module, "train").exemplars
        count = min(_LEARNT, len(learnt))
        what = quantity(count, "training row") if count else "no row"
        self.notes.append(f"{self.module} has no validation rows: compared on {what} instead.")
        return "train", [learnt[i * len(learnt) // count] for i in range(count)]

    def _write_fast(self, parser: FastParser, folder: Path) -> None:
        from radu_core.training.joint.model import JointEncoder

        folder.mkdir(parents=True)
        model = parser.model
        salt = "" if self._texts else secrets.token_hex(16)
        model.save_votes(folder, salt=salt)
        parser.taught.save(folder, salt=salt)
        assert isinstance(model.joint, JointEncoder)
        assert isinstance(model.embedder, SentenceEmbedder)
        self.progress("Writing the encoder", 0, 2)
        self._write_encoder(ENCODER, folder, partial(_export_reader, model.joint), model.joint.save)
        model.joint.labels.save(folder / ENCODER)
        self.progress("Writing the embedding model", 1, 2)
        place = model.embedder.directory
        self._write_encoder(
            EMBEDDER, folder, partial(_export_embedder, model.embedder), partial(copy_files, place)
        )

    def _write_encoder(self, part: str, folder: Path, as_onnx: Any, as_is: Any) -> None:
        """Write an encoder as ONNX, or as it is where it can't be."""
        place = folder / part
        if self._wanted == "onnx":
            try:
                as_onnx(place)
                self.runtime[part] = "onnx"
                return
            except ModelError as error:
                self.notes.append(
                    f"{error.what}: the {part} needs torch and sentence-transformers."
                )
        as_is(place)
        self.runtime[part] = "torch"

    def _write_generator(self, run: RunDirectory, folder: Path) -> None:
        self.progress("Copying the language model", 0, 0)
        own_serving = serving(self.workspace, run, module=self.module)
        assert own_serving.folder is not None
        copy_files(run.model, folder / WEIGHTS)
        copy_files(own_serving.folder, folder / PROMPTS, without=(FILE,))
        copy_files(
            self.workspace.embedder(own_serving.manifest.embedder).directory, folder / EMBEDDER
        )

    def _answers(
        self, parser: AnyParser, rows: Sequence[AnnotatedExemplar], what: str
    ) -> list[Answer]:
        """What ``parser`` answers, told as it goes: a language model takes its time."""
        questions = [Question(r.utterance, context=r.context) for r in rows]
        answers: list[Answer] = []
        for start in range(0, len(questions), _AT_ONCE):
            self.progress(what, start, len(questions))
            answers += answer_questions(parser, questions[start : start + _AT_ONCE])
        return answers

    def _compare(
        self,
        new: Path,
        test: SelfTest,
        rows: Sequence[AnnotatedExemplar],
        expected_answers: Sequence[Answer],
    ) -> None:
        """Load what was written and ask it for the same; ``RunError`` where a call differs."""
        what = "Comparing the bundle with the run"
        self.progress(what, 0, len(rows))
        answers = self._answers(load_bundle(new).parser, rows, what)
        apart = [
            (w, f)
            for w, f in zip(expected_answers, answers, strict=True)
            if (w.function, w.arguments) != (f.function, f.arguments)
        ]
        if apart:
            right, wrong = apart[0]
            raise RunError(
                f"The bundle answers {len(apart):,} of {test.rows_text} unlike the "
                f"run; the first: {right.utterance[:80]!r} is {_call(right)}, not {_call(wrong)}",
                remedy="Write it for the runtime torch, and report this.",
            )

    def _manifest(self, new: Path, test: SelfTest) -> BundleManifest:
        files = sorted(p for p in new.rglob("*") if p.is_file())
        parser = self.parser
        kind: Literal["fast", "full", "generator"] = (
            "fast"
            if isinstance(parser, FastParser)
            else "full"
            if isinstance(parser, FullParser)
            else "generator"
        )
        speaker = None if kind == "fast" else (self.generator or self.run)
        runs = {"run": self.run.id} | ({"generator": self.generator.id} if self.generator else {})
        return BundleManifest(
            format=FORMAT,
            studio=__version__,
            name=self._name or self.module,
            module=self.module,
            kind=kind,
            runs=runs,
            files={p.relative_to(new).as_posix(): (p.stat().st_size, file_hash(p)) for p in files},
            runtime=self.runtime,
            texts=self._texts,
            chat_template=template_of(speaker) if speaker else None,
            licences=tuple(self._licences()),
            self_test=test,
        )

    def _licences(self) -> list[str]:
        """What is known of the models that it was made from."""
        names = [self.run.config().base_model]
        names += [self.generator.config().base_model] if self.generator else []
        return [
            f"{n}: {KNOWN_MODELS[n].licence}, {KNOWN_MODELS[n].source}"
            if n in KNOWN_MODELS
            else f"{n}: see its model card"
            for n in dict.fromkeys(names)
        ]

    def _card(self) -> str:
        config = self.run.config()
        card = model_card(
            self.run.id,
            config,
            self.run.report() or {},
            base=base_directory(self.workspace, config),
            modules=[self.module],
            form="bundle",
            evaluations=[r.model_dump(mode="json") for r in reports(self.run).values()],
        )
        return f"{card.rstrip()}\n\n{_USE}"


_USE = """## Use

This directory is a bundle: it holds all that answering needs. In it:

```python
import radu

model = radu.load(".")
print(model.parse("what somebody says"))
```

`pip install "radu-studio[serve]"` installs what a fast model's bundle needs. `radu parse . "…"`
asks it from the shell, and `radu serve .` answers by HTTP.
"""


def _export_reader(model: JointEncoder, place: Path) -> None:
    from radu_core.inference.onnx_export import export_reader

    export_reader(model, place)


def _export_embedder(embedder: SentenceEmbedder, place: Path) -> None:
    from radu_core.inference.onnx_export import export_embedder

    export_embedder(embedder, place)


def _open_to_readers(directory: Path) -> None:
    """Weights are written for their owner alone; a server may be another user."""
    mode = (directory / MANIFEST).stat().st_mode & 0o777
    for path in directory.rglob("*"):
        if path.is_file():
            path.chmod(mode)


def _test_row(answer: Answer) -> Mapping[str, Any]:
    return {
        "utterance": answer.utterance,
        "function": answer.function,
        "arguments": answer.arguments,
        "confidence": round(answer.confidence, 4),
    }


def _call(answer: Answer) -> str:
    return f"{answer.function or 'none'} {answer.arguments}"
