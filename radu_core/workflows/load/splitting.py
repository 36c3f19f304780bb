"""Making splits: which exemplars are for training, for choosing, and for testing.

Exemplars that share a template or a text are one *group*, and a group is on one side: what a model
has learnt by heart says nothing about it. Within that, every function gets its share. The order of
groups is drawn by a hash of the seed and of what they say, so that it doesn't depend on ids or on
the order in which they came.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from radu_core.errors import ConflictError, InputError
from radu_core.exemplars import DISCARDED, AnnotatedExemplar
from radu_core.files import content_hash
from radu_core.instructions import instruct
from radu_core.schema import OUT_OF_SCOPE, as_values
from radu_core.store import NewBatch, StoredExemplar, imports, splits
from radu_core.store.derived import fold_for_search
from radu_core.words import percent, quantity
from radu_core.workflows.frame.workspace import Workspace

__all__ = [
    "SPLITS",
    "Crossing",
    "FunctionSplit",
    "SplitReport",
    "Wanted",
    "check",
    "parse_share",
    "plan",
    "split",
]

SPLITS = ("train", "validation", "test")
_HELD_OUT = ("test", "validation")  # in the order in which they are filled


@dataclass(frozen=True)
class Wanted:
    """What was asked for: the shares of exemplars, 0 to 1; ``again`` splits from scratch."""

    validation: float = 0.0
    test: float = 0.0
    seed: int = 0
    again: bool = False

    def __str__(self) -> str:
        shares = f"validation {self.validation:.4g}, test {self.test:.4g}, seed {self.seed}"
        return f"{shares}, again" if self.again else shares

    def share(self, name: str) -> float:
        """The share of a split that is held out."""
        return self.test if name == "test" else self.validation


@dataclass(frozen=True)
class Crossing:
    """A ``text`` or ``template`` that stands in several splits: how many exemplars in each."""

    kind: str
    text: str
    splits: Mapping[str, int]
    functions: tuple[str, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True)
class FunctionSplit:
    """How many exemplars of a function are in each split, now and then.

    ``groups`` of them differ in text and template.
    """

    function: str
    groups: int
    before: Mapping[str, int]
    after: Mapping[str, int]


@dataclass(frozen=True)
class SplitReport:
    """What a split does (``number`` None: would do, or that there is nothing to do).

    ``moved`` counts exemplars by "train → test"; of these, ``followed`` went where their template
    or text was already. ``too_small`` functions have too few groups to have one on every side.
    ``resolved`` counts by split the exemplars that count for training and testing by now.
    ``left`` counts those that stay where they are, by reason. ``crossing`` is what is in several
    splits afterwards.
    """

    module: str
    wanted: Wanted
    number: int | None
    functions: tuple[FunctionSplit, ...]
    moved: Mapping[str, int]
    followed: int
    too_small: Mapping[str, int]
    resolved: Mapping[str, int]
    left: Mapping[str, int]
    crossing: tuple[Crossing, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Exemplars by split afterwards."""
        return {name: sum(f.after[name] for f in self.functions) for name in SPLITS}

    @property
    def sentences(self) -> tuple[str, ...]:
        """What moves, what doesn't and why, for people."""
        moves = [f"{count:,} {way}" for way, count in self.moved.items()]
        lines = [f"Moves: {', '.join(moves)}." if moves else "Nothing moves."]
        resolved = ", ".join(f"{name} {count:,}" for name, count in self.resolved.items())
        lines.append(
            f"Resolved in each split afterwards: {resolved}. Only resolved exemplars count."
        )
        if self.followed:
            lines.append(
                f"{quantity(self.followed, 'moved exemplar shares', 'moved exemplars share')} a "
                "template or text with validation or test, and go to the same split. To move all "
                f"by the new shares, {instruct('split from scratch')}."
            )
        for function, groups in self.too_small.items():
            lines.append(
                f"{function} is too small to be split: {quantity(groups, 'different template')}."
            )
        lines += [f"{quantity(n, 'exemplar')} left alone: {why}." for why, n in self.left.items()]
        return tuple(lines)


@dataclass(frozen=True)
class _Row:
    """What of an exemplar decides about its split."""

    id: str
    revision: int
    function: str
    split: str
    text: str
    template: str
    resolved: bool


def parse_share(text: str) -> float:
    """A share: ``10%`` or ``0.1``; ``InputError`` for anything else."""
    words = text.strip()
    try:
        value = float(words.removesuffix("%")) / (100 if words.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise InputError(
            "That isn't a share of the exemplars", value=text, remedy="Write 10% or 0.1."
        )
    return value


def check(workspace: Workspace, module: str) -> list[Crossing]:
    """The texts and templates that stand in several splits, the most frequent first."""
    workspace.store.schema(module)
    rows = [
        _row(i) for batch in workspace.store.batches(module) for i in batch if not _reason_left(i)
    ]
    return _crossing(rows, {row.id: row.split for row in rows})


def plan(workspace: Workspace, module: str, request: Wanted) -> SplitReport:
    """What ``split`` would do; nothing is changed."""
    return _plan(workspace, module, request)[0]


def split(workspace: Workspace, module: str, request: Wanted, *, who: str) -> SplitReport:
    """Split a module, as one batch that can be taken back (``imports.undo``).

    Every exemplar with a label takes part, resolved or not: else the test would hold only what was
    easy to resolve. Unlabelled and discarded ones stay where they are. What is in validation or
    test stays there unless ``request.again``, and what shares its template or text follows it.
    ``ConflictError`` if somebody changes exemplars meanwhile; then nothing is changed.
    """
    report, moves = _plan(workspace, module, request)
    if not moves:
        return report
    with workspace.store.writing(module, who=who) as w:
        details = {"moved": dict(report.moved), "stored": True, "changed": len(moves)}
        size = sum(report.counts.values())
        batch = NewBatch(str(request), "", size, size, details=details, kind="split")
        number = imports.begin(w, batch)
        if splits.assign(w, number, moves):
            raise ConflictError(
                "Exemplars were changed in the meantime",
                remedy="Look at the split again; nothing was changed.",
            )
    return SplitReport(**{**vars(report), "number": number})


def _plan(
    workspace: Workspace, module: str, request: Wanted
) -> tuple[SplitReport, dict[str, tuple[int, str]]]:
    _check(request)
    workspace.store.schema(module)
    rows: list[_Row] = []
    unsplit: Counter[str] = Counter()
    for item in (i for batch in workspace.store.batches(module) for i in batch):
        reason = _reason_left(item)
        unsplit.update([reason] if reason else [])
        rows += [] if reason else [_row(item)]
    groups = _group(rows)
    sides, too_small = _Assignment(groups, request).finish()
    counts = Counter(f"{r.split} → {sides[r.id]}" for r in rows if r.split != sides[r.id])
    report = SplitReport(
        module=module,
        wanted=request,
        number=None,
        functions=tuple(_by_function(rows, groups, sides)),
        moved=dict(sorted(counts.items())),
        followed=0 if request.again else _count_moved(groups, sides),
        too_small=too_small,
        resolved={s: sum(r.resolved and sides[r.id] == s for r in rows) for s in SPLITS},
        left=dict(sorted(unsplit.items())),
        crossing=tuple(_crossing(rows, sides)),
    )
    return report, {r.id: (r.revision, sides[r.id]) for r in rows if r.split != sides[r.id]}


def _check(request: Wanted) -> None:
    for share in (request.validation, request.test):
        if not 0 <= share < 1:
            raise InputError("A share lies between 0 and 1", value=share, remedy="Use 0.1.")
    if not 0 < request.validation + request.test < 1:
        raise InputError(
            "The shares of validation and test must leave something to train on, and something "
            "to hold out",
            value=f"{percent(request.validation, 0)} and {percent(request.test, 0)}",
            remedy="Use 10% each, for example.",
        )


def _reason_left(item: StoredExemplar) -> str:
    """Why an exemplar takes no part, "" if it does."""
    if DISCARDED in item.exemplar.tags:
        return "discarded by a person"
    return "unlabelled" if item.exemplar.unlabelled else ""


def _row(item: StoredExemplar) -> _Row:
    e = item.exemplar
    return _Row(
        id=e.id,
        revision=item.revision,
        function=e.function or OUT_OF_SCOPE,
        split=e.split,
        text=_plain(e.utterance),
        template=_plain(e.template) if e.template is not None else _mask(e),
        resolved=e.outcome == "resolved",
    )


def _plain(text: str) -> str:
    """Without what makes no other utterance of it: case, width of characters, blanks."""
    return " ".join(fold_for_search(text).split())


def _mask(exemplar: AnnotatedExemplar) -> str:
    """What comes near the template of an exemplar whose values have no places yet."""
    text = _plain(exemplar.utterance)
    values = [
        (_plain(str(value)), slot)
        for slot, argument in exemplar.arguments.items()
        for value in as_values(argument)
    ]
    for value, slot in sorted(values, key=lambda pair: (-len(pair[0]), pair)):
        if value:
            text = text.replace(value, f"<{slot}>")
    return text


def _group(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Rows that share a text or a template, directly or by others, together."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(key: tuple[str, str]) -> tuple[str, str]:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for row in rows:
        parent[root(("text", row.text))] = root(("template", row.template))
    groups: dict[tuple[str, str], list[_Row]] = defaultdict(list)
    for row in rows:
        groups[root(("text", row.text))].append(row)
    return list(groups.values())


class _Assignment:
    """Groups to sides: first those that are there already, then as many as each function wants."""

    def __init__(self, groups: Sequence[Sequence[_Row]], request: Wanted) -> None:
        self._wanted = request
        self._sides: dict[str, str] = {}
        self._have: dict[str, Counter[str]] = {name: Counter() for name in SPLITS}
        self._groups = _shuffle(groups, request.seed)
        self._of: dict[str, list[Sequence[_Row]]] = defaultdict(list)
        for group in self._groups:
            for function in sorted({row.function for row in group}):
                self._of[function].append(group)
        self._totals = Counter(row.function for group in groups for row in group)
        self._asked = [name for name in _HELD_OUT if request.share(name)]
        counts = {f: len(members) for f, members in sorted(self._of.items())}
        self._small = {f: count for f, count in counts.items() if count <= len(self._asked)}

    def finish(self) -> tuple[dict[str, str], dict[str, int]]:
        """The side of every exemplar, and the functions that are too small, with their groups."""
        if not self._wanted.again:
            for group in self._groups:
                side = _held_out(group)
                if side:
                    self._put(group, side)
        for name in self._asked:
            for function in sorted(self._of):
                if function not in self._small:
                    self._fill(function, name)
        for group in self._groups:
            if group[0].id not in self._sides:
                self._put(group, "train")
        return self._sides, self._small

    def _fill(self, function: str, name: str) -> None:
        """Put groups of a function there until it has its share, and one at least."""
        target = self._target(function, name)
        for group in self._of[function]:
            if self._is_free(group) and self._fits(group, name):
                self._put(group, name)
            if self._have[name][function] >= target:
                return
        free = [g for g in self._of[function] if self._is_free(g) and not self._keeps(g)]
        if self._have[name][function] or len(free) < 2:
            return
        smallest = min(free, key=len)  # of equals the one that was drawn first
        self._put(smallest, name)

    def _fits(self, group: Sequence[_Row], name: str) -> bool:
        """Whether no function gets more than its share by it, or loses all it is trained on."""
        sizes = Counter(row.function for row in group)
        return not self._keeps(group) and all(
            self._have[name][f] + size <= self._target(f, name) for f, size in sizes.items()
        )

    def _target(self, function: str, name: str) -> int:
        return max(1, round(self._wanted.share(name) * self._totals[function]))

    def _keeps(self, group: Sequence[_Row]) -> bool:
        """Whether a function that is too small would lose it."""
        return any(row.function in self._small for row in group)

    def _is_free(self, group: Sequence[_Row]) -> bool:
        return group[0].id not in self._sides

    def _put(self, group: Sequence[_Row], side: str) -> None:
        for row in group:
            is_fixed = row.split in _HELD_OUT and not self._wanted.again
            self._sides[row.id] = row.split if is_fixed else side
            self._have[self._sides[row.id]][row.function] += 1


def _shuffle(groups: Iterable[Sequence[_Row]], seed: int) -> list[Sequence[_Row]]:
    """In an order that only the seed and what they say decide."""
    return sorted(groups, key=lambda g: content_hash([seed, min(row.text for row in g)]))


def _held_out(group: Sequence[_Row]) -> str:
    """The side where a group is already, if it isn't in training only; of two the larger part."""
    sides = Counter(row.split for row in group if row.split in _HELD_OUT)
    return max(sides, key=lambda name: (sides[name], name)) if sides else ""


def _count_moved(groups: Iterable[Sequence[_Row]], sides: Mapping[str, str]) -> int:
    return sum(row.split != sides[row.id] for group in groups if _held_out(group) for row in group)


def _by_function(
    rows: Sequence[_Row], groups: Iterable[Sequence[_Row]], sides: Mapping[str, str]
) -> Iterator[FunctionSplit]:
    differing = Counter(f for group in groups for f in {row.function for row in group})
    before = Counter((row.function, row.split) for row in rows)
    after = Counter((row.function, sides[row.id]) for row in rows)
    for function in sorted(differing):
        yield FunctionSplit(
            function,
            differing[function],
            {name: before[function, name] for name in SPLITS},
            {name: after[function, name] for name in SPLITS},
        )


def _crossing(rows: Sequence[_Row], sides: Mapping[str, str]) -> list[Crossing]:
    """Texts and templates in several splits. A template with only one text is listed as text."""
    texts: dict[str, list[_Row]] = defaultdict(list)
    templates: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        texts[row.text].append(row)
        templates[row.template].append(row)
    several = {
        t: rows_found
        for t, rows_found in templates.items()
        if len({row.text for row in rows_found}) > 1
    }
    crossing = [
        _make_crossing(kind, text, rows_found, sides)
        for kind, by in (("text", texts), ("template", several))
        for text, rows_found in by.items()
        if len({sides[row.id] for row in rows_found}) > 1
    ]
    return sorted(crossing, key=lambda c: (c.kind != "text", -sum(c.splits.values()), c.text))


def _make_crossing(
    kind: str, text: str, rows: Sequence[_Row], sides: Mapping[str, str]
) -> Crossing:
    counts = Counter(sides[row.id] for row in rows)
    return Crossing(
        kind,
        text,
        {name: counts[name] for name in SPLITS if counts[name]},
        tuple(sorted({row.function for row in rows})),
        tuple(sorted(row.id for row in rows)),
    )
