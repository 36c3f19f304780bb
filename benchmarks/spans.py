"""Given spans: broken ones must be refused, right ones must not.

*Broken*: utterances with a value in plain text, emoji, CJK, right-to-left text or combining marks,
whose span was counted in one of six other ways, where that makes it hold another text than the
value. Each is checked alone, and as one of a file whose rows are all broken the same way (which
must not teach that "slo " is Oslo). Then what ``--fix-spans`` makes of those files.

*Right*: the gold spans of the Schema-Guided Dialogue dataset and of HWU64, as they are, and the
same rows broken in each way.

    python benchmarks/spans.py
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from sgd_turns import REFERENCE, Values, by_module, data_directory, parts

from radu_core.alignment import Aligner, learn
from radu_core.alignment.corrections import corrections
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.schema import Schema, as_values, parse_schema

Break = Callable[[str, int, int], tuple[int, int]]

FRAMES = (
    "a ticket to {} please",
    "{}",
    "from {} on, for two",
    "is {} far\nfrom here?",
    "{}, I said: {}!",
)
WRITING: dict[str, tuple[Sequence[str], Sequence[str]]] = {  # values, and what stands in front
    "plain": (("Oslo", "New York", "Saint-Denis", "O'Hare", "gate 4"), ("", "well\n", "1) ")),
    "emoji": (("Oslo", "New York", "🍕 place", "Rome 🇮🇹", "Bar ❤️"), ("🎉 ", "👩‍👩‍👧🎉 ", "😀\n")),
    "CJK": (("東京", "上海虹桥", "서울", "大阪駅前", "𠮷野家"), ("明日、", "私は\n", "👍🏽请")),
    "right to left": (("باريس", "تل أبيب", "ירושלים", "القاهرة", "חיפה"), ("إلى ", "אני\n", "🎉 ")),
    "combining": (
        ("Ko\u0308ln", "Sa\u0303o Paulo", "नई दिल्ली", "Z\u0323amość", "Å\u0323rhus"),
        ("cafe\u0301 ", "e\u0301\n", "n\u0303 🎉 "),
    ),
}


def _units(size: Callable[[str], int]) -> Break:
    return lambda text, start, end: (
        sum(map(size, text[:start])),
        sum(map(size, text[:end])),
    )


BREAKS: dict[str, Break] = {
    "UTF-16 units": _units(lambda c: 2 if c > "\uffff" else 1),
    "UTF-8 bytes": _units(lambda c: len(c.encode())),
    "inclusive end": lambda text, start, end: (start, end - 1),
    "CRLF": _units(lambda c: 2 if c == "\n" else 1),
    "trailing blank": lambda text, start, end: (start, end + 1),
    "from 1": lambda text, start, end: (start + 1, end + 1),
}


def right_rows(kind: str) -> Iterator[AnnotatedExemplar]:
    """Rows with their right spans, in every writing of ``kind``."""
    values, fronts = WRITING[kind]
    for value in values:
        for front in fronts:
            for frame in FRAMES:
                text = front + frame.replace("{}", value, 1).replace("{}", "it")
                at = text.index(value, len(front))
                span = Span(slot="place", start=at, end=at + len(value), value=value)
                yield AnnotatedExemplar(
                    id=f"{kind}/{value}/{front}/{frame}",
                    utterance=text,
                    function="go",
                    arguments={"place": value},
                    spans=(span,),
                )


def break_spans(row: AnnotatedExemplar, way: Break) -> AnnotatedExemplar | None:
    """The row with its spans counted otherwise.

    None where they hold the same texts still, or where a trailing blank would be none.
    """
    spans = []
    for span in row.spans or ():
        start, end = way(row.utterance, span.start, span.end)
        if end > start:
            spans.append(span.model_copy(update={"start": start, "end": end}))
    text = row.utterance
    same = all(
        text[a.start : a.end] == text[b.start : b.end]
        for a, b in zip(spans, row.spans or (), strict=False)
    )
    return None if same or not spans else row.model_copy(update={"spans": tuple(spans)})


def make_rows() -> None:
    """The made rows: some 300 by chance, of each writing and kind, and all of them as files."""
    schema = parse_schema(
        {"module": "a_spans_en", "functions": [{"name": "go", "slots": [{"name": "place"}]}]}
    )
    dice = random.Random(0)
    alone, counts = Aligner(schema), Counter[str]()
    for kind in WRITING:
        right = {r.id: r for r in right_rows(kind)}
        counts["right"] += len(right)
        counts["right refused"] += count_refused(alone, right.values())
        for way in BREAKS.values():
            rows = [b for r in right.values() if (b := break_spans(r, way))]
            counts["rows"] += len(rows)
            few = dice.sample(rows, min(12, len(rows)))
            counts["few"] += len(few)
            counts["taken"] += len(few) - count_refused(alone, few)
            aligner = Aligner(schema, knowledge=learn(schema, rows))
            counts["taken in files"] += len(rows) - count_refused(aligner, rows)
            for row, correction in zip(rows, corrections(aligner, rows), strict=True):
                fixed = correction is not None
                counts["fixed"] += fixed
                counts["wrongly"] += bool(
                    correction and correction.after.spans != right[row.id].spans
                )
    print(
        f"made: {counts['few']} broken spans, taken as right {counts['taken']}; all "
        f"{counts['rows']:,} in files of one kind, taken as right {counts['taken in files']}, "
        f"corrected {counts['fixed'] / counts['rows']:.1%}, to other spans than the right ones "
        f"{counts['wrongly']}; of {counts['right']} right ones refused {counts['right refused']}"
    )


def count_refused(aligner: Aligner, rows: Iterable[AnnotatedExemplar]) -> int:
    """How many of the rows aren't resolved."""
    return sum(aligner.align(row).outcome != "resolved" for row in rows)


def sgd_modules(
    directory: Path, part: str, values: Values
) -> Iterator[tuple[Schema, list[AnnotatedExemplar]]]:
    """The modules of one part, their turns with gold spans."""
    for schema, turns in by_module(directory, part).values():
        rows = []
        for turn in turns:
            row = turn.exemplar(values)
            spans = tuple(
                Span(slot=slot, start=start, end=end, value=as_values(row.arguments[slot])[0])
                for slot, (start, end) in turn.gold.items()
            )
            rows.append(row.model_copy(update={"spans": spans}))
        yield schema, rows


def hwu_modules(directory: Path) -> Iterator[tuple[Schema, list[AnnotatedExemplar]]]:
    """HWU64, one module."""
    schema = json.loads((directory / "hwu64" / "schema.json").read_text(encoding="utf-8"))
    with (directory / "hwu64" / "utterances.jsonl").open(encoding="utf-8") as lines:
        rows = [AnnotatedExemplar.model_validate_json(line) for line in lines]
    yield parse_schema(schema, module="home_hwu_en"), rows


def gold(name: str, modules: Iterable[tuple[Schema, list[AnnotatedExemplar]]]) -> None:
    """How many gold spans are refused, at which speed; and the same rows broken."""
    counts, seconds = Counter[str](), 0.0
    for schema, rows in modules:
        knowledge = learn(schema, rows, reference=REFERENCE)
        aligner = Aligner(schema, reference=REFERENCE, knowledge=knowledge)
        start = time.process_time()
        counts["refused"] += count_refused(aligner, rows)
        seconds += time.process_time() - start
        counts["rows"] += len(rows)
        for way in BREAKS.values():
            broken_rows = [b for row in rows if (b := break_spans(row, way))]
            if broken_rows:
                knowledge = learn(schema, broken_rows, reference=REFERENCE)
                aligner = Aligner(schema, reference=REFERENCE, knowledge=knowledge)
                counts["broken"] += len(broken_rows)
                counts["taken"] += len(broken_rows) - count_refused(aligner, broken_rows)
    print(
        f"{name}: {counts['rows']:,} rows, refused {counts['refused']} "
        f"({counts['refused'] / counts['rows']:.3%}), {counts['rows'] / seconds:,.0f} rows/s; "
        f"broken {counts['broken']:,}, taken as right {counts['taken']}"
    )


def main() -> None:
    make_rows()
    directory = data_directory()
    if directory is None:
        print("No Schema-Guided Dialogue data in RADU_DATA or ~/.cache/radu/data.")
        return
    for part in parts(directory):
        for values in ("said", "canonical"):
            gold(f"SGD {part}, {values}", sgd_modules(directory, part, values))
    if (directory / "hwu64").is_dir():
        gold("HWU64", hwu_modules(directory))


if __name__ == "__main__":
    main()
