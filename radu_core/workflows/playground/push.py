"""A run's model or bundle on a model hub, with a card that the hub can read."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from radu_core.errors import ConflictError, InputError, ModelError, RaduError
from radu_core.files import file_hash, read_json, write_json, write_text
from radu_core.inference.bundle import MANIFEST
from radu_core.models import KNOWN_MODELS
from radu_core.progress import Progress, silent
from radu_core.training.run.cards.base_licence import base_licence
from radu_core.training.run.directory import RunDirectory
from radu_core.words import quantity
from radu_core.workflows.evaluate.evaluation import reports
from radu_core.workflows.frame.run_list import of_mixture, open_run, run_modules
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground.bundle import write_bundle
from radu_core.workflows.playground.export_files import base_directory
from radu_core.workflows.playground.export_model import export_model

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, HfApi, ModelCardData

__all__ = ["Pushed", "push_run"]

_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_SLUGS = ("apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0", "gemma", "llama3.2", "llama3.1")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_CARD = "README.md"


@dataclass(frozen=True)
class Pushed:
    """One commit on a hub: ``url`` is the repository's, ``created`` whether it is a new one."""

    url: str
    commit: str
    files: int
    size: int
    created: bool
    notes: tuple[str, ...]


def push_run(
    workspace: Workspace,
    name: str,
    repository: str,
    *,
    to: Literal["model", "bundle"] = "bundle",
    private: bool = False,
    update: bool = False,
    texts: bool = True,
    generator: str | None = None,
    module: str | None = None,
    progress: Progress = silent,
) -> Pushed:
    """Export the run ``name`` and put it into ``repository`` (``OWNER/NAME``), in one commit.

    The hub is that of ``HF_ENDPOINT``, the token that of ``HF_TOKEN``; it is neither kept nor
    written anywhere. ``update`` commits to a repository that is there; ``texts``,
    ``generator`` and ``module`` are those of ``write_bundle``. Raises ``InputError`` where the
    hub can't be reached or refuses, ``ConflictError`` where the repository is there already: both
    before anything is exported.
    """
    from huggingface_hub import CommitOperationAdd

    run = open_run(workspace, name)
    api = _api(repository)
    with _explaining(api, repository):
        exists = _is_there(api, repository)
        if exists and not update:
            raise ConflictError(
                f"There is already a repository {repository} at {api.endpoint}",
                remedy="Name a new one, or commit to it: "
                f"radu push {run.id} {repository} --update.",
            )
    workspace.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workspace.home, prefix=".push-") as scratch:
        place = Path(scratch) / "export"
        if to == "model":
            notes = export_model(workspace, run.id, place, progress=progress).notes
        else:
            notes = write_bundle(
                workspace,
                run.id,
                place,
                generator=generator,
                module=module,
                texts=texts,
                progress=progress,
            ).notes
        _put_card(workspace, run, place, to)
        files = sorted(p for p in place.rglob("*") if p.is_file())
        operations = [CommitOperationAdd(p.relative_to(place).as_posix(), str(p)) for p in files]
        progress("Uploading", 0, len(files))
        with _explaining(api, repository):
            if not exists:
                api.create_repo(repository, private=private)
        with _empty_is_told(repository, is_told=not exists), _explaining(api, repository):
            commit = api.create_commit(
                repository, operations, commit_message=f"Add run {run.id} as {to}"
            )
        size = sum(p.stat().st_size for p in files)
    url = f"{api.endpoint}/{repository}"
    return Pushed(url, str(commit.oid), len(files), size, not exists, tuple(notes))


def _api(repository: str) -> HfApi:
    from huggingface_hub import HfApi, constants

    if not _HUB_ID.fullmatch(repository):
        raise InputError(
            "That names no repository of a hub", value=repository, remedy="Write OWNER/NAME."
        )
    if constants.is_offline_mode():
        raise InputError(
            "HF_HUB_OFFLINE is set, so no hub is reached", remedy="Unset it, then push again."
        )
    token = next((os.environ[n].strip() for n in _TOKENS if os.environ.get(n, "").strip()), "")
    if not token:
        raise InputError(
            "There is no token for the hub: HF_TOKEN isn't set",
            remedy="Make a token with write access in the hub's settings, and set HF_TOKEN to it.",
        )
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)


def _is_there(api: HfApi, repository: str) -> bool:
    api.whoami()  # a hub answers of a wrong token as of no repository
    return bool(api.repo_exists(repository))


@contextmanager
def _explaining(api: HfApi, repository: str) -> Iterator[None]:
    """Say in a sentence what a hub answers, without the token that it was sent."""
    from huggingface_hub.errors import HfHubHTTPError

    client_error = HfHubHTTPError.__bases__[0]  # of whichever HTTP client the package uses
    try:
        yield
    except HfHubHTTPError as error:  # its request has the token: it isn't passed on
        status, answer = error.response.status_code, str(error.server_message or "")
        raise _refusal(status, answer, api, repository) from None
    except (client_error, OSError) as error:
        raise InputError(
            f"The hub at {api.endpoint} can't be reached ({type(error).__name__})",
            remedy="Check the network, and HF_ENDPOINT where the hub is another one.",
        ) from None


@contextmanager
def _empty_is_told(repository: str, *, is_told: bool) -> Iterator[None]:
    """A new repository that nothing came into is in the way of the next try: say how it isn't."""
    try:
        yield
    except RaduError as error:
        if is_told:
            error.remedy += (
                f" The repository is there by now, empty: then radu push RUN {repository} --update."
            )
            error.args = (str(error),)
        raise


def _refusal(status: int, message: str, api: HfApi, repository: str) -> InputError | ConflictError:
    where = f"The hub at {api.endpoint}"
    if status == 401:
        return InputError(
            f"{where} doesn't accept the token", remedy="Set HF_TOKEN to one that is valid."
        )
    if status == 403:
        return InputError(
            f"The token may not write to {repository} at {api.endpoint}",
            remedy="Use one with write access to that owner, or name another owner.",
        )
    if status == 409:
        return ConflictError(
            f"The repository {repository} was made or changed in between, at {api.endpoint}",
            remedy="Push again.",
        )
    first = next(iter(message.strip().splitlines()), "")[:200]
    return ModelError(
        f"{where} answered with status {status}{f': {first}' if first else ''}",
        remedy="Nothing was committed. Try again later, or ask whoever runs the hub.",
    )


def _put_card(workspace: Workspace, run: RunDirectory, place: Path, to: str) -> None:
    """Put what a hub reads in front of the exported card; a bundle's manifest has its hash."""
    from huggingface_hub import ModelCard

    body = (place / _CARD).read_text(encoding="utf-8")
    card = ModelCard(f"---\n{_card_data(workspace, run, to).to_yaml()}\n---\n\n{body}")
    write_text(place / _CARD, str(card))
    if (place / MANIFEST).is_file():
        manifest = read_json(place / MANIFEST)
        path = place / _CARD
        manifest["files"][_CARD] = (path.stat().st_size, file_hash(path))
        write_json(place / MANIFEST, manifest)


def _card_data(workspace: Workspace, run: RunDirectory, to: str) -> ModelCardData:
    from huggingface_hub import ModelCardData

    config, modules = run.config(), run_modules(run)
    base = config.base_model
    known_model = KNOWN_MODELS.get(base)
    hub_name = known_model.source if known_model else base
    licence = base_licence(base_directory(workspace, config))
    slug = next((s for s in _SLUGS if licence.lower().startswith(s)), "")
    is_fast = config.target == "retriever"
    library = "sentence-transformers" if is_fast else "transformers"
    return ModelCardData(
        base_model=hub_name if _HUB_ID.fullmatch(hub_name) else None,
        license=slug or "other",
        license_name=None if slug else licence,
        language=sorted({m.rsplit("_", 1)[-1] for m in modules}),
        library_name="radu-studio" if to == "bundle" else library,
        pipeline_tag="text-classification" if is_fast else "text-generation",
        tags=["radu-studio", "function-calling", to],
        model_name=run.id,
        eval_results=_results(run, modules) or None,
    )


def _results(run: RunDirectory, modules: list[str] | tuple[str, ...]) -> list[EvalResult]:
    """The evaluations that the run has, measure by measure."""
    from huggingface_hub import EvalResult

    results: list[EvalResult] = []
    for module in modules if of_mixture(run) else [None]:
        for report in reports(run, module).values():
            metrics: Any = report.trained
            figures = {
                "function accuracy": ("accuracy", metrics.function.share),
                "slot F1": ("f1", metrics.slot_f1),
                "exact match": ("exact_match", metrics.exact_match.share),
            }
            results += [
                EvalResult(
                    task_type="text-classification",
                    task_name="Function calling",
                    dataset_type=report.module,
                    dataset_name=f"{report.module} ({quantity(report.rows, 'row')})",
                    dataset_split=report.split,
                    metric_type=kind,
                    metric_name=name,
                    metric_value=round(float(value), 4),
                )
                for name, (kind, value) in figures.items()
            ]
    return results
