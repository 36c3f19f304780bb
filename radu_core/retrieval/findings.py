"""What breaks a module's two assumptions: its functions exclude each other, and none is overloaded.

Findings are few and sure rather than many: the thresholds were set on data with planted errors
(docs/explanation/negatives.md).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval.overlap import Confusion, Neighbours, two_groups
from radu_core.retrieval.pairs import Judgements, bare, equality, frame, pair_of
from radu_core.schema import Schema, Slot
from radu_core.statistics import wilson
from radu_core.words import percent, quantity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ACTIONS", "KINDS", "Action", "Example", "Finding", "FindingKind", "findings"]

FindingKind = Literal[
    "functions overlap",
    "overloaded function",
    "names alike",
    "slot of several meanings",
    "near duplicates",
    "outlier",
    "few exemplars",
    "judged the same",
    "schema",
]
Action = Literal["annotate", "describe", "add", "merge", "judge"]

KINDS: Mapping[FindingKind, str] = {
    "functions overlap": "Functions that don't exclude each other",
    "overloaded function": "One function for several meanings",
    "names alike": "Names that can't be told apart, or name two things",
    "near duplicates": "Nearly the same, labelled with different functions",
    "judged the same": "Judged really the same, labelled with different functions",
    "outlier": "Nearer to another function than to its own",
    "few exemplars": "Too few exemplars",
    "slot of several meanings": "One slot name for different things",
    "schema": "What the schema lacks",
}
ACTIONS: Mapping[Action, str] = {
    "annotate": "Send to annotation",
    "describe": "Edit the description",
    "add": "Add an exemplar",
    "merge": "Merge the two functions",
    "judge": "Really the same / really different",
}

_MISTAKEN = 0.05  # two functions may be mistaken for each other so often
_MISTAKEN_LEAST = 3  # exemplars: a single pair of near duplicates is no overlap
_DESCRIPTIONS = 0.9  # cosine from which two descriptions say the same
_GROUPS_APART = 0.5  # cosine of two groups' centres, at most
_SILHOUETTE = 0.33  # and how clearly they are two, at least
_ENOUGH_TO_SPLIT = 12
_OUTLIER_OF = 8  # neighbours: none of its own function,
_OUTLIER_SHARE = 0.75  # this share of one other,
_OUTLIER_NEAR = 0.6  # and the nearest of it so near (cosine)
_SHOWN = 5  # examples of a finding about functions
_TOKENS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_TWO_THINGS = {"and", "or"}


@dataclass(frozen=True)
class Example:
    """An exemplar that shows a finding, and where it is about a pair, the other one."""

    id: str
    function: str | None
    template: str
    other_id: str = ""
    other_function: str | None = None
    other_template: str = ""
    similarity: float | None = None


@dataclass(frozen=True)
class Finding:
    """Something that will cost accuracy: what, how much (``figures``), shown by examples.

    ``actions`` are what can be done about it, the likeliest first; ``remedy`` says so in words.
    """

    kind: FindingKind
    functions: tuple[str, ...]
    what: str
    remedy: str
    actions: tuple[Action, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()


def findings(
    schema: Schema,
    near: Neighbours,
    confused: Confusion,
    descriptions: NDArray[np.float32],
    *,
    judgements: Judgements | None = None,
    near_duplicate: float = 0.95,
    enough: int = 10,
    limit: float = _MISTAKEN,
) -> list[Finding]:
    """Everything found, by kind in the order of ``KINDS`` and the gravest first.

    ``descriptions`` is ``(functions, dim)``, L2-normalised, in the schema's order. Pairs judged
    really different aren't found again. ``limit`` is how often two functions may be mistaken for
    each other; ``enough`` how many exemplars a function needs.
    """
    verdicts = judgements or {}
    pairs = _near_duplicates(near, verdicts, near_duplicate)
    ids_listed = {id_ for f in pairs for e in f.examples for id_ in (e.id, e.other_id)}
    outliers = _outliers(near, confused, verdicts)
    all_findings = [
        *_overlaps(schema, near, confused, descriptions, limit),
        *_overloaded_functions(schema, near),
        *_names(schema),
        *pairs,
        *(f for f in outliers if f.examples[0].id not in ids_listed),
        *_few(schema, near, enough),
        *_slots(schema),
    ]
    order = {kind: n for n, kind in enumerate(KINDS)}
    return sorted(all_findings, key=lambda f: order[f.kind])


# Functions that don't exclude each other


def _overlaps(
    schema: Schema,
    near: Neighbours,
    confused: Confusion,
    descriptions: NDArray[np.float32],
    limit: float,
) -> list[Finding]:
    findings_made = []
    names = [f.name for f in schema.functions]
    cosines = descriptions @ descriptions.T
    for a in range(len(names)):
        for b in range(a + 1, len(names)):
            pair = _overlap(near, confused, (a, b), float(cosines[a, b]), limit)
            if pair:
                findings_made.append(pair)
    return sorted(findings_made, key=lambda f: (-f.figures["lower bound"], f.functions))


def _overlap(
    near: Neighbours, confused: Confusion, pair: tuple[int, int], cosine: float, limit: float
) -> Finding | None:
    """Two functions that are mistaken for each other, or described in the same words.

    Both ways more than they may be, and more than each is for a function of its neighbourhood on
    average.
    """
    a, b = pair
    there, back = int(confused.mistaken[a, b]), int(confused.mistaken[b, a])
    total = int(confused.totals[a] + confused.totals[b])
    both_ways = there > 0 and back > 0 and there + back >= _MISTAKEN_LEAST
    low, high = wilson(there + back, total)
    mistaken = both_ways and low > max(limit, _elsewhere(confused, a, b))
    if not mistaken and cosine < _DESCRIPTIONS:
        return None
    first, second = str(confused.functions[a]), str(confused.functions[b])
    share = (there + back) / total if total else 0.0
    what = []
    if mistaken:
        what.append(
            f"{there + back} of their {quantity(total, 'exemplar')} lie among the other's "
            f"({percent(share, 0)}, "
            f"interval {100 * low:.0f} to {percent(high, 0)})"
        )
    if cosine >= _DESCRIPTIONS:
        what.append(f"their descriptions say nearly the same (cosine {cosine:.2f})")
    return Finding(
        "functions overlap",
        (first, second),
        f"{first} and {second}: {'; '.join(what)}",
        "Merge them, or say in both descriptions what tells them apart and correct the labels.",
        ("describe", "merge", "annotate"),
        {
            "mistaken": there + back,
            "of": total,
            "share": round(share, 4),
            "lower bound": round(low if mistaken else 0.0, 4),
            "cosine of descriptions": round(cosine, 4),
        },
        _examples(near, confused, a, b),
    )


def _elsewhere(confused: Confusion, a: int, b: int) -> float:
    """How often the two are mistaken for any one third function, on average."""
    others = len(confused.functions) - 2
    if others < 1:
        return 0.0
    mistakes = sum(
        int(confused.mistaken[own].sum() - confused.mistaken[own, a] - confused.mistaken[own, b])
        for own in (a, b)
    )
    return mistakes / max(1, int(confused.totals[a] + confused.totals[b])) / others


def _examples(near: Neighbours, confused: Confusion, a: int, b: int) -> tuple[Example, ...]:
    """The exemplars mistaken between two functions, each with the nearest of the other one."""
    import numpy as np

    own, guesses = confused.own, confused.said
    rows = np.flatnonzero(((own == a) & (guesses == b)) | ((own == b) & (guesses == a))).tolist()
    examples = [_nearest(near, i, confused.functions[int(guesses[i])]) for i in rows]
    pairs = [e for e in examples if e is not None]
    pairs.sort(key=lambda e: (-(e.similarity or 0.0), e.id))
    return tuple(pairs[:_SHOWN])


def _nearest(near: Neighbours, i: int, function: str | None) -> Example | None:
    for j, similarity in zip(near.ids[i].tolist(), near.similarity[i].tolist(), strict=True):
        if near.exemplars[j].function == function:
            return _pair(near.exemplars[i], near.exemplars[j], similarity)
    return None


def _pair(one: AnnotatedExemplar, other: AnnotatedExemplar, similarity: float) -> Example:
    first, second = ((e.id, e.function, e.template or "") for e in (one, other))
    return Example(*first, *second, round(similarity, 4))


# Overloaded functions and names


def _overloaded_functions(schema: Schema, near: Neighbours) -> list[Finding]:
    results = []
    by_function: dict[str | None, list[int]] = defaultdict(list)
    for i, e in enumerate(near.exemplars):
        by_function[e.function].append(i)
    for function in schema.functions:
        rows = by_function[function.name]
        if len(rows) < _ENOUGH_TO_SPLIT:
            continue
        split = two_groups(near.vectors[rows])
        if split is None or split.cosine > _GROUPS_APART or split.silhouette < _SILHOUETTE:
            continue
        groups = [[near.exemplars[rows[i]] for i in g] for g in (split.first, split.second)]
        examples = tuple(
            Example(e.id, e.function, e.template or "") for g in groups for e in g[:_SHOWN]
        )
        results.append(
            Finding(
                "overloaded function",
                (function.name,),
                f"{function.name}: its exemplars fall into two groups ({len(groups[0])} and "
                f"{len(groups[1])}) that have little in common (silhouette "
                f"{split.silhouette:.2f}, cosine of their centres {split.cosine:.2f})",
                "If they mean different things, make a function of each; if not, add exemplars in "
                "between.",
                ("describe", "annotate", "add"),
                {
                    "silhouette": round(split.silhouette, 4),
                    "cosine of centres": round(split.cosine, 4),
                    "first group": len(groups[0]),
                    "second group": len(groups[1]),
                },
                examples,
            )
        )
    return sorted(results, key=lambda f: (-f.figures["silhouette"], f.functions))


def _names(schema: Schema) -> list[Finding]:
    """Functions whose names are the same words, and names of two things."""
    results = []
    name_by_words: dict[tuple[str, ...], str] = {}
    for function in schema.functions:
        words = _name_words(function.name)
        twin = name_by_words.setdefault(tuple(sorted(set(words))), function.name)
        if twin != function.name:
            results.append(
                Finding(
                    "names alike",
                    (twin, function.name),
                    f"{twin} and {function.name} are the same words",
                    "Merge them, or name each by what tells it apart.",
                    ("describe", "merge"),
                )
            )
        if _TWO_THINGS & set(words[1:-1]):
            results.append(
                Finding(
                    "names alike",
                    (function.name,),
                    f"{function.name} names two things",
                    "Make a function of each if users ask for them apart.",
                    ("describe",),
                )
            )
    return results


def _name_words(name: str) -> list[str]:
    """The words of a name in snake, kebab or camel case, without a plural's s."""
    words = [w.casefold() for w in _TOKENS.findall(name)]
    return [w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w for w in words]


def _slots(schema: Schema) -> list[Finding]:
    """Slots of one name that hold different kinds of values in different functions."""
    slots_by_name: dict[str, list[tuple[str, Slot]]] = defaultdict(list)
    for function in schema.functions:
        for slot in function.slots:
            slots_by_name[slot.name].append((function.name, slot))
    results = []
    for name, places in sorted(slots_by_name.items()):
        kinds: dict[str, list[str]] = defaultdict(list)
        for function_name, slot in places:
            kinds[_kind(slot)].append(function_name)
        if len(kinds) > 1:
            kinds_text = "; ".join(f"{kind} in {', '.join(names)}" for kind, names in kinds.items())
            results.append(
                Finding(
                    "slot of several meanings",
                    tuple(dict.fromkeys(f for f, _ in places)),
                    f"slot {name}: {kinds_text}",
                    "Give each its own name, or make them the same: a template shows the name "
                    "only.",
                    ("describe",),
                )
            )
    return results


def _kind(slot: Slot) -> str:
    if slot.recognizer:
        return f"recognizer {slot.recognizer}"
    if slot.possible_values and slot.type != "boolean":
        return "one of " + ", ".join(sorted(map(str, slot.possible_values)))
    return slot.type


# Exemplars whose label is doubtful


def _near_duplicates(near: Neighbours, verdicts: Judgements, from_: float) -> list[Finding]:
    results = []
    for i, j, similarity in _close_pairs(near, from_):
        one, other = near.exemplars[i], near.exemplars[j]
        verdict = verdicts.get(pair_of(one.id, other.id))
        if verdict == "different":
            continue
        why = equality(one.template or "", other.template or "") or "near duplicate"
        results.append(_duplicate(_pair(one, other, similarity), why, is_judged=verdict == "same"))
    keys = {pair_of(e.id, e.other_id) for f in results for e in f.examples}
    results += [
        _duplicate(e, "", is_judged=True)
        for e in _judged_examples(near, verdicts)
        if _key(e) not in keys
    ]
    return sorted(results, key=lambda f: (-(f.figures["cosine"]), f.examples[0].id))


def _key(example: Example) -> tuple[str, str]:
    return pair_of(example.id, example.other_id)


def _judged_examples(near: Neighbours, verdicts: Judgements) -> Iterator[Example]:
    """Pairs of different functions that a person says are the same, however far apart."""
    place = {e.id: i for i, e in enumerate(near.exemplars)}
    for (first, second), verdict in sorted(verdicts.items()):
        i, j = place.get(first), place.get(second)
        if verdict != "same" or i is None or j is None:
            continue
        if near.exemplars[i].function != near.exemplars[j].function:
            cosine = float(near.vectors[i] @ near.vectors[j])
            yield _pair(near.exemplars[i], near.exemplars[j], cosine)


def _duplicate(pair: Example, why: str, *, is_judged: bool) -> Finding:
    functions = tuple(n for n in (pair.function, pair.other_function) if n is not None)
    says = f"{pair.function or 'out of scope'} and {pair.other_function or 'out of scope'}"
    words = {
        "same template": "the same template",
        "same words": "the same but for case and punctuation",
        "same frame": "the same but for the slots' names",
    }.get(why, "nearly the same")
    merge: tuple[Action, ...] = ("merge",) if len(functions) == 2 else ()
    figures = {"cosine": pair.similarity or 0.0}
    if is_judged:
        return Finding(
            "judged the same",
            functions,
            f"{says}: a person judged these two really the same",
            "Either a label is wrong, or the two functions are one.",
            ("annotate", *merge, "judge"),
            figures,
            (pair,),
        )
    return Finding(
        "near duplicates",
        functions,
        f"{says}: {words} (cosine {pair.similarity:.2f})",
        "One of the labels is wrong, or the functions overlap. If they really differ, say so.",
        ("annotate", "judge", *merge),
        figures,
        (pair,),
    )


def _close_pairs(near: Neighbours, from_: float) -> list[tuple[int, int, float]]:
    """Positions and cosine of pairs of different functions that are close or equal, each once."""
    import numpy as np

    rows, columns = np.nonzero(near.similarity >= from_)
    pairs = {
        (min(i, j), max(i, j))
        for i, j in zip(rows.tolist(), near.ids[rows, columns].tolist(), strict=True)
    }
    pairs |= set(_equal_pairs(near.exemplars))
    return [
        (i, j, float(near.vectors[i] @ near.vectors[j]))
        for i, j in sorted(pairs)
        if near.exemplars[i].function != near.exemplars[j].function
    ]


def _equal_pairs(exemplars: Sequence[AnnotatedExemplar]) -> Iterator[tuple[int, int]]:
    """Pairs of equal templates; of more than one in a function, the first stands for all."""
    groups: dict[tuple[str, ...], dict[str | None, int]] = defaultdict(dict)
    for i, e in enumerate(exemplars):
        pieces = frame(e.template or "")
        for key in (pieces, bare(pieces)):
            if key:
                groups[key].setdefault(e.function, i)
    for members in groups.values():
        places = sorted(members.values())
        yield from ((i, j) for n, i in enumerate(places) for j in places[n + 1 :])


def _outliers(near: Neighbours, confused: Confusion, verdicts: Judgements) -> list[Finding]:
    results = []
    for i, e in enumerate(near.exemplars):
        nearby = [near.exemplars[j].function for j in near.ids[i, :_OUTLIER_OF].tolist()]
        if len(nearby) < _OUTLIER_OF or e.function in nearby:
            continue
        counts = {name: nearby.count(name) for name in nearby if name is not None}
        if not counts or _too_few(confused, e.function):
            continue
        other = max(counts, key=lambda name: (counts[name], -nearby.index(name)))
        pair = _nearest(near, i, other)
        if counts[other] < _OUTLIER_SHARE * len(nearby) or pair is None:
            continue
        if (pair.similarity or 0) < _OUTLIER_NEAR or verdicts.get(_key(pair)) == "different":
            continue
        results.append(_outlier(pair, other, counts[other], len(nearby)))
    return sorted(results, key=lambda f: (-f.figures["cosine"], f.examples[0].id))


def _too_few(confused: Confusion, function: str | None) -> bool:
    """Whether a function has so few that its exemplars have nobody to be near to."""
    return int(confused.totals[confused.functions.index(function)]) < _OUTLIER_OF // 2


def _outlier(pair: Example, other: str, count: int, of: int) -> Finding:
    own = pair.function or "out of scope"
    return Finding(
        "outlier",
        tuple(n for n in (pair.function, other) if n is not None),
        f"labelled {own}, but {count} of its {of} nearest are {other} and none is of its own",
        "Correct the label if it is wrong; otherwise add exemplars like it to its own function.",
        ("annotate", "judge", "add") if pair.function else ("annotate", "judge"),
        {"neighbours": count, "of": of, "cosine": pair.similarity or 0.0},
        (pair,),
    )


def _few(schema: Schema, near: Neighbours, enough: int) -> list[Finding]:
    """Functions below a minimum; sentences that are there several times count once."""
    counts: dict[str | None, list[int]] = defaultdict(list)
    for e, copies in zip(near.exemplars, near.copies, strict=True):
        counts[e.function].append(copies)
    results = []
    for function in schema.functions:
        distinct, total = len(counts[function.name]), sum(counts[function.name])
        if distinct >= enough:
            continue
        repeated = f" ({total} with repetitions)" if total > distinct else ""
        results.append(
            Finding(
                "few exemplars",
                (function.name,),
                f"{function.name} has "
                f"{quantity(distinct, 'resolved training exemplar')}{repeated}; it needs {enough}",
                "Add some in other words, or resolve those that wait.",
                ("add", "annotate"),
                {"exemplars": distinct, "with repetitions": total, "least": enough},
            )
        )
    return sorted(results, key=lambda f: (f.figures["exemplars"], f.functions))
