"""The Playground page: ask finished models, see why they say so, and send back what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from radu_core.calls import flat_arguments
from radu_core.errors import InputError, NotFoundError
from radu_core.exemplars import DISCARDED
from radu_core.files import canonical_json
from radu_core.inference import FastParser, FullParser
from radu_core.inference.answers import Answer, AnswerModel, Explanation, Question
from radu_core.inference.asking import answer_questions, check_utterance
from radu_core.inference.explain import explain
from radu_core.progress import Progress, silent
from radu_core.schema import Function, Scalar, Schema, as_values
from radu_core.store import StoredExemplar
from radu_core.training.joint.files import HEAD_FILE
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.evaluate.parse import Loaded, load
from radu_core.workflows.frame.run_list import answers, runs
from radu_core.workflows.frame.run_names import BESIDE
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.add import Typed, add, add_unlabelled, arguments_of

__all__ = ["Right", "Sent", "ask", "models", "open_model", "send_back", "values_of"]


@dataclass
class _Model:
    """A run, or an exported directory, as an ``AnswerModel``."""

    name: str
    version: str
    kind: str
    schema: Schema
    loaded: Loaded

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        with self.loaded.lock:
            return answer_questions(self.loaded.parser, questions)

    def explain(self, question: Question) -> Explanation:
        with self.loaded.lock:
            return explain(self.loaded.parser, question)


def models(workspace: Workspace, module: str) -> list[str]:
    """What can be asked, newest first.

    Finished runs of the module that answer utterances, then each fast model with each language
    model beside it.
    """
    answering = [r for r in runs(workspace, module) if r.model.is_dir() and answers(r)]
    fast = [r for r in answering if _is_fast(r)]
    pairs = [f"{f.id}{BESIDE}{r.id}" for f in fast for r in answering if r not in fast]
    return [*(r.id for r in answering), *pairs]


def _is_fast(run: RunDirectory) -> bool:
    return (run.model / HEAD_FILE).is_file()


def open_model(
    workspace: Workspace, name: str, *, module: str, progress: Progress = silent
) -> AnswerModel:
    """One of ``models``, or the model in a directory (a bundle, or exported), kept in memory."""
    name = name.strip()
    first, _, generator = name.partition(BESIDE)
    if _is_directory(name):
        first, generator = name, ""
    elif Path(first).name != first:
        raise NotFoundError(
            "There is no such directory",
            value=first,
            remedy="Give the path of a bundle or an exported model, or choose a run.",
        )
    model = load(workspace, first, module=module, generator=generator or None, progress=progress)
    return _Model(name, model.state[:12], _kind(model), model.parser.schema, model)


def _is_directory(name: str) -> bool:
    try:
        return Path(name).expanduser().is_dir()
    except (OSError, RuntimeError):  # a name that is too long, or of a user there isn't
        return False


def _kind(model: Loaded) -> str:
    if isinstance(model.parser, FullParser):
        return "full"
    return "fast" if isinstance(model.parser, FastParser) else "generator"


def ask(
    workspace: Workspace,
    name: str,
    utterance: str,
    *,
    module: str,
    context: str | None = None,
    progress: Progress = silent,
) -> Explanation:
    """What a model makes of an utterance, and how it came about."""
    check_utterance(utterance)
    model = open_model(workspace, name, module=module, progress=progress)
    return model.explain(Question(utterance.strip(), context))


@dataclass(frozen=True)
class Right:
    """What an utterance means, as a person says: function (None: out of scope) and typed values."""

    function: str | None
    typed: Typed


def values_of(function: Function, answer: Answer) -> dict[str, list[Scalar]]:
    """The values that a model gave to the slots of ``function``; none if it chose another."""
    if answer.function != function.name:
        return {}
    arguments = flat_arguments(function, answer.arguments)
    return {slot: [*as_values(value)] for slot, value in arguments.items() if value is not None}


@dataclass(frozen=True)
class Sent:
    """An utterance that was sent back.

    ``is_new``: the module didn't have it before; ``queue`` is where it waits for a person (None:
    nothing is left to do).
    """

    exemplar: str
    is_new: bool
    queue: str | None
    outcome: str


def send_back(
    workspace: Workspace,
    module: str,
    model: str,
    answer: Answer,
    right: Right | None,
    *,
    who: str,
) -> Sent:
    """Send an utterance with a wrong answer to the Annotate page, with the right one if known.

    An utterance that the module has is flagged, with both answers, and keeps its labels until
    somebody decides. A new one is added: with the right answer, or unlabelled and flagged.
    ``InputError`` where the right answer is the wrong one.
    """
    store, utterance = workspace.store, answer.utterance
    if right is not None:
        _check_differs(store.schema(module), answer, right)
    note = f"Playground: {model} said {_call(answer.function, answer.arguments)}"
    twin = _twin(store.saying(module, utterance))
    if twin is not None:
        if right is not None:
            note += f"; {who} says {_right_call(store.schema(module), right)}"
        store.flag(module, {twin.exemplar.id: note}, who=who, kind="evaluation")
        return _make_sent(workspace, module, twin.exemplar.id, is_new=False)
    if right is not None:
        new_exemplar = add(
            workspace, module, utterance, function=right.function, typed=right.typed, who=who
        )
        return _make_sent(workspace, module, new_exemplar.exemplar.id, is_new=True)
    new_exemplar = add_unlabelled(workspace, module, utterance, who=who)
    store.flag(module, {new_exemplar.exemplar.id: note}, who=who, kind="evaluation")
    return _make_sent(workspace, module, new_exemplar.exemplar.id, is_new=True)


def _check_differs(schema: Schema, answer: Answer, right: Right) -> None:
    """A form that is sent as it was filled in would make the model's error a label."""
    if right.function != answer.function:
        return
    function = schema.function(right.function) if right.function else None
    arguments = flat_arguments(function, answer.arguments) if function else {}
    if arguments_of(function, right.typed, schema.language) == arguments:
        raise InputError(
            "That is what the model said",
            remedy="Correct the function or a value, or let an annotator say what is right.",
        )


def _twin(candidates: Sequence[StoredExemplar]) -> StoredExemplar | None:
    return next((i for i in candidates if DISCARDED not in i.exemplar.tags), None)


def _make_sent(workspace: Workspace, module: str, id: str, *, is_new: bool) -> Sent:
    item = workspace.store.exemplar(module, id)
    return Sent(id, is_new, item.queue, item.exemplar.outcome or "new")


def _right_call(schema: Schema, right: Right) -> str:
    function = schema.function(right.function) if right.function else None
    return _call(right.function, arguments_of(function, right.typed, schema.language))


def _call(function: str | None, arguments: object) -> str:
    return f"{function} {canonical_json(arguments)}" if function else "out of scope"
