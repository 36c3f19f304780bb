"""What a CRF tags: values it has never seen, of the function's own slots, as they are stored."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import pytest
from labelled import exemplar

from radu_core.evaluation import crf as crf_module
from radu_core.evaluation.crf import Crf, has_spans
from radu_core.evaluation.crf_field import Field, Sentence, fit_field
from radu_core.evaluation.gazetteer import Gazetteer
from radu_core.exemplars import AnnotatedExemplar, Span, make_template
from radu_core.schema import Schema, parse_schema

SHOP = parse_schema(
    {
        "module": "acme_shop_en",
        "functions": [
            {
                "name": "order",
                "slots": [
                    {"name": "item"},
                    {"name": "count", "type": "integer"},
                    {"name": "size", "possible_values": ["Small", "Very large"]},
                ],
            },
            {"name": "cancel", "slots": [{"name": "item"}]},
            {"name": "greet"},
        ],
    }
)
ITEMS = ["tea", "cake", "black coffee", "rye bread", "milk", "juice"]
CANCELS = [
    exemplar(f"c{i}", f"please cancel the {item} now", "cancel", item=item)
    for i, item in enumerate(ITEMS)
]
ORDERS = [
    exemplar(f"o{i}", f"bring me the {item} today", "order", item=item)
    for i, item in enumerate(ITEMS)
]


def placed(id: str, text: str, *spans: Span, function: str = "order") -> AnnotatedExemplar:
    return AnnotatedExemplar(
        id=id,
        utterance=text,
        function=function,
        arguments={s.slot: s.value for s in spans},
        spans=spans,
        template=make_template(text, spans),
        outcome="resolved",
    )


def counted(id: str, text: str, end: int, value: int) -> AnnotatedExemplar:
    return placed(id, text, Span(slot="count", start=0, end=end, value=value))


COUNTS = [
    counted("n1", "two for me", 3, 2),
    counted("n2", "three for us", 5, 3),
    counted("n3", "5 for them", 1, 5),
    counted("n4", "12 for them", 2, 12),
]


def fitted(train: list[AnnotatedExemplar], schema: Schema = SHOP) -> Crf:
    return Crf(schema, train, Gazetteer(schema, train))


def test_a_value_that_was_never_seen_is_tagged_by_the_words_beside_it() -> None:
    known = fitted([*ORDERS, *CANCELS])
    assert known.tag("order", "bring me the lemonade today") == [("item", 13, 21)]
    assert known.arguments("order", "bring me the Lemonade today") == {"item": "Lemonade"}
    assert known.arguments("cancel", "please cancel the black pie now") == {"item": "black pie"}
    assert known.arguments("gone", "bring me the tea today") == {}


def test_only_slots_of_the_function_are_tagged() -> None:
    known = fitted([*ORDERS, *CANCELS, *COUNTS])
    assert known.arguments("order", "7 for me") == {"count": 7}
    assert known.arguments("cancel", "7 for me") == {}
    assert known.arguments("greet", "bring me the tea today") == {}


def test_values_are_as_they_are_stored() -> None:
    """As in training, as the schema lists them, a number in words, or what the text says."""
    dozen = [counted(f"d{i}", "a dozen for me", 7, 12) for i in range(3)]
    size = Span(slot="size", start=2, end=7, value="Small")
    sizes = [placed(f"s{i}", f"a small {item}", size) for i, item in enumerate(ITEMS)]
    known = fitted([*COUNTS, *dozen, *sizes])
    assert known.arguments("order", "a dozen for me") == {"count": 12}
    assert known.arguments("order", "a small pie") == {"size": "Small"}
    item, count, size_slot = SHOP.functions[0].slots
    assert known._value_of("order", size_slot, "VERY large") == "Very large"
    assert known._value_of("order", count, "Forty two") == 42
    assert known._value_of("order", item, "Forty two") == "Forty two"


def test_a_number_slot_takes_numbers_only() -> None:
    assert fitted([*COUNTS]).arguments("order", "some for us") == {}


def test_the_gazetteer_fills_what_is_left_empty() -> None:
    """A slot without a span in training is listed in the schema: that is all that is known."""
    known = fitted([*ORDERS])
    assert (
        known.arguments("order", "bring me the Very Large lemonade today")["size"] == "Very large"
    )
    assert known.arguments("order", "tea?") == {"item": "tea"}


def test_a_slot_of_a_recognizer_is_left_to_it() -> None:
    data = {
        "module": "acme_go_en",
        "recognizers": [
            {"name": "cities", "kind": "list", "labels": {"New York": ["nyc"], "Rome": ["rome"]}}
        ],
        "functions": [{"name": "go", "slots": [{"name": "city", "recognizer": "cities"}]}],
    }
    schema = parse_schema(data)
    rows = [exemplar(str(i), f"to {c}", "go", city=c) for i, c in enumerate(["nyc", "rome"])]
    assert not has_spans(schema, rows)
    assert fitted(rows, schema).tag("go", "to nyc") == []
    assert fitted(rows, schema).arguments("go", "to nyc") == {"city": "New York"}


def test_nothing_to_tag_is_nothing_tagged() -> None:
    plain = [exemplar(str(i), f"hello {i}", "greet") for i in range(3)]
    joke = exemplar("j", "tea", None)
    assert not has_spans(SHOP, [*plain, joke])
    assert has_spans(SHOP, [*plain, *ORDERS])
    assert fitted([*plain, joke]).arguments("order", "tea") == {}
    assert fitted([*ORDERS, *plain]).arguments("order", " \n ") == {}


def test_one_exemplar_and_labels_that_contradict_give_a_field() -> None:
    assert fitted(ORDERS[:1]).arguments("order", "bring me the tea today") == {"item": "tea"}
    both = [
        placed(f"{slot}{i}", "for two", Span(slot=slot, start=4, end=7, value=value))
        for i in range(4)
        for slot, value in (("item", "two"), ("count", 2))
    ]
    assert len(fitted(both).arguments("order", "for two")) in (1, 2)


@pytest.mark.parametrize(
    ("frame", "values", "asked", "expected"),
    [
        ("我要去{}吧", ["北京", "上海", "成都", "广州"], "我要去杭州吧", "杭州"),
        ("อยากไป{}ค่ะ", ["เชียงใหม่", "ภูเก็ต", "ลำปาง", "น่าน"], "อยากไปลำพูนค่ะ", "ลำพูน"),
        ("내일 {}에 가요", ["서울", "부산", "대구", "광주"], "내일 인천에 가요", "인천"),
        ("תזמין {} מחר", ["תה", "קפה", "מיץ", "חלב"], "תזמין עוגה מחר", "עוגה"),
        (
            "go 🚀 {} 🚀 now",
            ["e\u0301te\u0301", "mars", "io", "moon"],
            "go 🚀 titan 🚀 now",
            "titan",
        ),
    ],
)
def test_any_writing(frame: str, values: list[str], asked: str, expected: str) -> None:
    train = [exemplar(str(i), frame.format(v), "order", item=v) for i, v in enumerate(values * 3)]
    assert fitted(train).arguments("order", asked) == {"item": expected}


def test_names_of_any_kind_are_learnt() -> None:
    """A line break or an arrow in a name breaks CRFsuite's own listing."""
    name = "a --> b: 1\n(2) c"
    data = {"module": "acme_odd_en", "functions": [{"name": "f", "slots": [{"name": "x --> y"}]}]}
    schema = parse_schema(data)
    train = [
        exemplar(str(i), f"go: {v} --> ok", "f", **{"x --> y": v}) for i, v in enumerate(ITEMS)
    ]
    assert fitted(train, schema).arguments("f", "go: pie --> ok") == {"x --> y": "pie"}
    field = fit_field([Sentence([[name], ["\n"]], ["B-x", "O"])] * 3, (0.0, 0.1))
    assert field.decode([[name], ["\n"]], {"x"}) == ["B-x", "O"]
    assert set(field.weights) == {name, "\n"}


def test_where_one_field_would_take_too_long_each_function_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crf_module, "_MOST_WORK", 10)
    greetings = [exemplar("g", "hello tea", "greet")]
    known = fitted([*ORDERS, *CANCELS, *COUNTS, *greetings])
    assert sorted(known._fields) == ["cancel", "order"]
    assert known._fields["cancel"].labels == ["B-item", "I-item", "O"]
    assert known.arguments("order", "bring me the lemonade today") == {"item": "lemonade"}
    assert known.arguments("greet", "bring me the lemonade today") == {}


def test_very_many_functions_take_seconds() -> None:
    """Three hundred with two slots each: one field would have 601 labels."""
    names = [f"f{n}" for n in range(300)]
    functions = [{"name": n, "slots": [{"name": f"{n}.a"}, {"name": f"{n}.b"}]} for n in names]
    schema = parse_schema({"module": "acme_many_en", "functions": functions})
    train = [
        exemplar(f"{n}/{i}", f"set {a} to {b} now", n, **{f"{n}.a": a, f"{n}.b": b})
        for n in names
        for i, (a, b) in enumerate([("one", "red"), ("two", "blue")])
    ]
    known = fitted(train, schema)
    assert len(known._fields) == 300
    assert {len(field.labels) for field in known._fields.values()} == {3}
    assert known.tag("f7", "set six to green now") == [("f7.a", 4, 7), ("f7.b", 11, 16)]


def test_decoding_finds_the_best_of_all_sequences() -> None:
    """Against trying every one: allowed labels only, and no inside without its beginning."""
    np = pytest.importorskip("numpy")
    dice = np.random.default_rng(0)
    labels = ["B-x", "B-y", "I-x", "I-y", "O"]
    for _ in range(20):
        moves = dice.normal(size=(5, 5))
        for before, after in product(range(5), (2, 3)):
            if labels[before][2:] != labels[after][2:]:
                moves[before, after] = -1e9
        weights = {str(n): (np.arange(5), dice.normal(size=5)) for n in range(4)}
        field = Field(labels, weights, moves)
        for slots in ({"x", "y"}, {"y"}, set()):
            allowed = [n for n, own in enumerate(labels) if own == "O" or own[2:] in slots]

            def score(path: tuple[int, ...], weights: Any = weights, moves: Any = moves) -> float:
                first = -1e9 if labels[path[0]].startswith("I") else 0.0
                own = sum(weights[str(n)][1][p] for n, p in enumerate(path))
                return first + own + sum(moves[a, b] for a, b in pairwise(path))

            best = max(product(allowed, repeat=4), key=score)
            found = field.decode([["0", "unknown"], ["1"], ["2"], ["3"]], slots)
            assert found == [labels[n] for n in best]
    assert field.decode([], {"x"}) == []
