"""Utterances → function calls, by a run's model or by one that was exported; loaded once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from radu_core.errors import InputError, ModelError, NotFoundError
from radu_core.files import content_hash, read_json
from radu_core.inference import (
    FastParser,
    FullParser,
    FunctionCall,
    Generator,
    Parser,
    ParserSettings,
    nest,
)
from radu_core.inference.answers import Question
from radu_core.inference.asking import AnyParser, check_context, check_utterance
from radu_core.inference.bundle import MANIFEST, load_bundle
from radu_core.inference.taught import Taught
from radu_core.models import KNOWN_MODELS, RECORD, model_directory
from radu_core.progress import Progress, silent
from radu_core.retrieval import Query
from radu_core.tokenizing import PLAIN, load_tokenizer
from radu_core.training.joint.files import HEAD_FILE
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.tokens import template_of
from radu_core.workflows.frame.run_list import check_answers, open_run
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.full import with_generator
from radu_core.workflows.runs.launch import Serving, read_serving, serving
from radu_core.workflows.runs.scope import check_kept, fast_of
from radu_core.workflows.runs.trained_labels import read_trained_labels

__all__ = [
    "EXPORTED",
    "Loaded",
    "ask_as",
    "exported_directory",
    "fast_parser",
    "full_parser",
    "load",
    "parse",
    "parse_many",
    "parser_of",
]

EXPORTED = "radu"  # the directory in an export that holds what prompts are made from
_MOST_LOADED = 2  # models in memory; more would crowd out a run
_HELD = "parsers"
_WEIGHED = "full"  # beside a fast model: what language models were weighed to count
_LOADING = threading.Lock()
_Key = tuple[tuple[Path, ...], str | None, bool]  # places, module, whether as an ensemble


@dataclass(frozen=True)
class Loaded:
    """A model in memory, of files as they were then (``state`` is their hash).

    One thread at a time asks it.
    """

    parser: AnyParser
    state: str
    lock: threading.Lock = field(default_factory=threading.Lock)


def parse(
    workspace: Workspace,
    name: str,
    utterance: str,
    *,
    module: str | None = None,
    context: str | None = None,
    today: date | None = None,
    generator: str | None = None,
    scope: float | None = None,
) -> FunctionCall:
    """The function call that the model makes of an utterance of ``module``.

    ``name``: a run's id, ``last``, or a directory that ``export_model`` wrote. ``generator``: the
    run whose language model is asked where a retriever's run is unsure. ``today``: the day that
    relative dates count from (None: the schema's ``reference_date``).
    """
    return parse_many(
        workspace,
        name,
        [utterance],
        module=module,
        context=context,
        today=today,
        generator=generator,
        scope=scope,
    )[0]


def parse_many(
    workspace: Workspace,
    name: str,
    utterances: Sequence[str],
    *,
    module: str | None = None,
    context: str | None = None,
    today: date | None = None,
    generator: str | None = None,
    ensemble: bool = False,
    scope: float | None = None,
    progress: Progress = silent,
) -> list[FunctionCall]:
    """One call per utterance, in order, its arguments nested as the function's caller has them.

    ``ensemble``: as ``parser_of``. ``scope``: the share of utterances in scope that a fast model is
    to keep, this time. The model stays in memory for the next time.
    """
    if not utterances:
        raise InputError("There is no utterance", remedy="Give one or more.")
    for number, utterance in enumerate(utterances, start=1):
        which = f"Utterance {number}" if len(utterances) > 1 else "The utterance"
        check_utterance(utterance, which)
    if scope is not None:
        check_kept(scope)
    model = load(
        workspace, name, module=module, generator=generator, ensemble=ensemble, progress=progress
    )
    check_context(model.parser.schema, context)
    with model.lock:
        queries = [Query(u) for u in utterances]
        contexts = [context] * len(queries)
        questions = [Question(u, context, today=today) for u in utterances]
        if scope is None:
            calls = model.parser.parse_many(
                queries, contexts=contexts, questions=questions, progress=progress
            )
        else:
            fast = fast_of(model.parser, name)
            calls = fast.parse_many(
                queries, contexts=contexts, questions=questions, scope=scope, progress=progress
            )
    return [nest(model.parser.schema, call) for call in calls]


def load(
    workspace: Workspace,
    name: str,
    *,
    module: str | None = None,
    generator: str | None = None,
    ensemble: bool = False,
    progress: Progress = silent,
) -> Loaded:
    """The model from memory, if its files are the same since; of several the newest stay."""
    places = [_place(workspace, n) for n in (name, generator) if n]
    key = (tuple(place for place, _ in places), module, ensemble)
    state = content_hash([place_state for _, place_state in places])
    busy = _LOADING.locked()  # for minutes, where a language model is weighed
    if busy and (here := _models_in_memory(workspace).get(key)) and here.state == state:
        return here
    with _LOADING:
        models = _models_in_memory(workspace)
        model = models.pop(key, None)
        if model is None or model.state != state:
            while len(models) >= _MOST_LOADED:
                del models[next(iter(models))]
            workspace.hold(_HELD, dict(models))  # before another is loaded: memory for it
            parser: AnyParser = (
                full_parser(
                    workspace, name, generator, module=module, ensemble=ensemble, progress=progress
                )
                if generator
                else parser_of(workspace, name, module=module, ensemble=ensemble, progress=progress)
            )
            model = Loaded(parser, state)
        models[key] = model
        workspace.hold(_HELD, models)
    return model


def _models_in_memory(workspace: Workspace) -> dict[_Key, Loaded]:
    """The models in memory, those asked last at the end."""
    models = workspace.recall(_HELD)
    return dict(models) if isinstance(models, dict) else {}


def _place(workspace: Workspace, name: str) -> tuple[Path, str]:
    """Where the model lies, and a hash that changes when its files do."""
    directory = exported_directory(workspace, name)
    place = directory or _run(workspace, name).path
    folders = ("model", "serving") if directory is None else (".",)
    paths = (p for part in folders for p in (place / part).rglob("*") if p.is_file())
    files = sorted(p for p in paths if p.parent != place / _WEIGHED)
    facts = [[str(p), p.stat().st_size, p.stat().st_mtime_ns] for p in files]
    return place, content_hash(facts)


def parser_of(
    workspace: Workspace,
    name: str,
    *,
    module: str | None = None,
    ensemble: bool = False,
    progress: Progress = silent,
) -> AnyParser:
    """The loaded model of a run, of an exported directory or of a bundle.

    With what its prompts are made of.

    ``ensemble``: each exemplar stands in a prompt of its own (``ParserSettings.mixing``).
    """
    directory = exported_directory(workspace, name)
    if directory is not None and (directory / MANIFEST).is_file():
        return _of_bundle(directory, module, ensemble=ensemble)
    if directory is not None:
        serving_files = read_serving(workspace, directory / EXPORTED, str(directory), module=module)
        progress("Loading the model", 0, 0)
        if (directory / HEAD_FILE).is_file():
            ask_as(serving_files, ensemble=ensemble, fast=True)
            return fast_parser(workspace, directory, serving_files)
        return _parser(_exported_generator(workspace, directory, progress), serving_files, ensemble)
    run = _run(workspace, name)
    serving_files = serving(workspace, run, module=module)
    progress("Loading the model", 0, 0)
    if (run.model / HEAD_FILE).is_file():
        ask_as(serving_files, ensemble=ensemble, fast=True)
        return fast_parser(workspace, run.model, serving_files)
    return _parser(Generator(run.model, template=template_of(run)), serving_files, ensemble)


def _of_bundle(directory: Path, module: str | None, *, ensemble: bool) -> AnyParser:
    """A bundle's parser; ``InputError`` for what a bundle can't be asked."""
    bundle = load_bundle(directory)
    if module not in (None, bundle.manifest.module):
        raise InputError(
            f"That bundle isn't of {module}",
            value=bundle.manifest.module,
            remedy=f"Choose that module, or a bundle of {module}.",
        )
    if ensemble:
        raise InputError(
            "A bundle can't answer with an ensemble",
            remedy="Leave it off, or ask the run itself.",
        )
    return bundle.parser


def full_parser(
    workspace: Workspace,
    name: str,
    generator: str,
    *,
    module: str | None = None,
    ensemble: bool = False,
    progress: Progress = silent,
) -> FullParser:
    """The fast model of the run ``name`` with the language model of the run ``generator``.

    That is asked as ``ensemble`` says.
    """
    fast = parser_of(workspace, name, module=module, progress=progress)
    other = parser_of(
        workspace, generator, module=fast.schema.module, ensemble=ensemble, progress=progress
    )
    return with_generator(
        workspace,
        fast,
        other,
        name=generator,
        directory=_place(workspace, name)[0] / _WEIGHED,
        state=content_hash([_place(workspace, generator)[1], ensemble]),
        progress=progress,
    )


def fast_parser(workspace: Workspace, directory: Path, serving: Serving) -> FastParser:
    """The fast model in ``directory``; what it learnt teaches its values as well."""
    from radu_core.training.joint.fast import FastModel

    labels = read_trained_labels(serving.folder).exemplars if serving.folder else ()
    model = FastModel.load(directory, workspace.exact_embedder)
    taught_words = Taught.of(serving.schema, labels or serving.index.exemplars, model.embedder)
    return FastParser(model, serving.schema, taught_words)


def _parser(generator: Generator, serving: Serving, ensemble: bool) -> Parser:
    settings = ask_as(serving, ensemble=ensemble)
    return Parser(generator, serving.index, serving.schema, serving.templates, settings)


def ask_as(serving: Serving, *, ensemble: bool, fast: bool = False) -> ParserSettings:
    """How to ask a model that is kept, and whether with an ensemble of prompts.

    ``InputError`` where there is no prompt that names a function.
    """
    if not ensemble:
        return serving.settings
    if fast or serving.settings.function_strategy != "rag":
        why = "it has no generator" if fast else "it is asked yes or no for each exemplar by itself"
        raise InputError(
            f"That model can't be asked with an ensemble: {why}",
            remedy="Leave it off, or choose a run whose dataset has the strategy rag.",
        )
    return serving.settings.model_copy(update={"mixing": "ensemble"})


def _run(workspace: Workspace, name: str) -> RunDirectory:
    run = open_run(workspace, name)
    check_answers(run)
    if not run.model.is_dir():
        raise NotFoundError(f"Run {run.id} has no model yet", remedy="Wait until it has finished.")
    return run


def exported_directory(workspace: Workspace, name: str) -> Path | None:
    """The directory that ``name`` names, if it isn't a run's id: an exported model.

    ``InputError`` for a directory that holds none.
    """
    plain = Path(name).name == name and name not in ("", ".", "..")
    try:
        path = Path(name).expanduser()
        if (plain and (name == "last" or (workspace.runs / name).is_dir())) or not path.is_dir():
            return None
    except (OSError, RuntimeError):  # a name that is too long, or of a user there isn't
        return None
    if not (path / MANIFEST).is_file() and not any((path / EXPORTED).glob("**/manifest.json")):
        raise InputError(
            "That directory holds no exported model",
            value=str(path),
            remedy="Write one with `radu export-model RUN DIR`, or give a run's id.",
        )
    return path.resolve()


def _exported_generator(workspace: Workspace, directory: Path, progress: Progress) -> Generator:
    template = load_tokenizer(directory).chat_template
    chat_template = None if template in (None, PLAIN) else str(template)
    if (directory / "config.json").is_file():
        return Generator(directory, template=chat_template)
    base = _base_of(workspace, directory, progress)
    return Generator(base, template=chat_template, adapter=directory)


def _base_of(workspace: Workspace, directory: Path, progress: Progress) -> Path:
    """The base model of an exported adapter: one that is here, or fetched.

    It is sought under the name it is known by.
    """
    name = str(read_json(directory / "adapter_config.json").get("base_model_name_or_path") or "")
    for record in sorted(workspace.models.glob(f"*/{RECORD}")):
        if name and read_json(record).get("source") == name:
            return record.parent
    known_name = next((k.name for k in KNOWN_MODELS.values() if k.source == name), name)
    try:
        return model_directory(known_name, workspace.models, progress=progress)
    except ModelError as error:
        raise ModelError(
            f"The adapter's base model isn't here: {error.what}",
            value=name,
            remedy="Fetch it, or export the merged model instead of the adapter.",
        ) from error
