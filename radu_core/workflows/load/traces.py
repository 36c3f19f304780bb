"""What a server was asked: what of it is worth a look goes to the annotators, and how it drifts."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from radu_core.errors import NotFoundError
from radu_core.formats.traces import ASKED, OF_NOTE, REASONS, read_traces, words_of
from radu_core.progress import Progress, silent
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import ImportReport, batch_of, report_of

__all__ = ["Day", "drift", "files_of", "import_traces"]

_DETAIL = "traces"  # among the details of an import


@dataclass(frozen=True)
class Day:
    """A day of traffic: utterances asked, those worth a look, and how many for each reason."""

    day: str
    asked: int
    of_note: int
    reasons: Mapping[str, int]

    @property
    def share(self) -> float:
        """The share of what was asked that is worth a look."""
        return self.of_note / self.asked


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files that are named, each once; a name with ``*``, ``?`` or ``[…]`` is a pattern.

    ``NotFoundError`` where no file fits a pattern.
    """
    files: list[Path] = []
    for path in paths:
        if path.exists() or not glob.has_magic(str(path)):
            files.append(path)
            continue
        root = Path(path.anchor or ".")
        pattern = str(path.relative_to(path.anchor))
        matching = sorted(p for p in root.glob(pattern) if p.is_file())
        if not matching:
            raise NotFoundError("No file matches that pattern", value=str(path), remedy="Check it.")
        files += matching
    return list(dict.fromkeys(files))


def import_traces(
    workspace: Workspace,
    paths: Sequence[Path],
    *,
    module: str,
    who: str,
    keep_good: bool = False,
    options: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> ImportReport:
    """Import what is worth a look in files of traces, unlabelled.

    All or nothing, unless ``keep_good``.

    An utterance that the module has, whatever it is labelled, is counted and left as it is. What
    was asked on each day is kept with the import, for ``drift``.
    """
    store = workspace.store
    schema = store.schema(module)
    files = files_of(paths)
    known_words = {words_of(item.exemplar.utterance) for b in store.batches(module) for item in b}
    imported, traffic = read_traces(
        files, schema=schema, excluded=known_words, options=options, progress=progress
    )
    is_stored = keep_good or not imported.rejections
    report = report_of(module, imported.source, imported, schema, stored=is_stored)
    traffic_data = [asdict(t) for t in traffic]
    report = replace(report, days={d.day: _day_counts(d) for d in _merge(traffic_data)})
    if not is_stored:
        return replace(report, number=store.record_import(module, batch_of(report, files), who=who))
    batch = batch_of(report, files, details={_DETAIL: traffic_data})
    counts = store.put_exemplars(
        module, imported.exemplars, who=who, source=report.source, batch=batch
    )
    return replace(report, **asdict(counts))


def _day_counts(day: Day) -> dict[str, int]:
    return {ASKED: day.asked, OF_NOTE: day.of_note, **day.reasons}


def drift(workspace: Workspace, module: str) -> tuple[Day, ...]:
    """The days of the traces that were imported, oldest first.

    A file that was imported several times, grown or rotated since, counts once: as it was longest.
    """
    return _merge([f for files in workspace.store.import_details(module, _DETAIL) for f in files])


def _merge(files: Iterable[Mapping[str, Any]]) -> tuple[Day, ...]:
    longest: dict[str, Mapping[str, Any]] = {}
    for file in files:
        before = longest.get(file["file"])
        if before is None or file["lines"] >= before["lines"]:
            longest[file["file"]] = file
    days: dict[str, Counter[str]] = {}
    for file in longest.values():
        for day, counts in file["days"].items():
            days.setdefault(day, Counter()).update(counts)
    return tuple(
        Day(day, counts[ASKED], counts[OF_NOTE], {reason: counts[reason] for reason in REASONS})
        for day, counts in sorted(days.items())
    )
