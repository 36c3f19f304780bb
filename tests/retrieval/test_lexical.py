"""Words of many scripts, and BM25 against its formula and against bm25s itself."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retrieving import TEXTS
from unicode_cases import PARTS

from radu_core.retrieval import ModuleIndex, Query
from radu_core.retrieval.lexical import LexicalIndex, template_text, tokenizer_for, words

DOCUMENTS = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fly me, to Oslo!", ["fly", "me", "to", "oslo"]),
        ("book_flight A320-neo", ["book", "flight", "a320", "neo"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("L’été d'hiver", ["l'été", "d'hiver"]),
        ("'quoted' don't", ["quoted", "don't"]),
        ("cafe\u0301 caf\u00e9", ["caf\u00e9", "caf\u00e9"]),
        ("İstanbul istanbul", ["istanbul", "istanbul"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("مرحبا بالعالم", ["مرحبا", "بالعالم"]),
        ("สวัสดีครับ", ["สวั", "วัส", "สดี", "ดีค", "ครั", "รับ"]),
        ("我要去巴黎", ["我要", "要去", "去巴", "巴黎"]),
        ("泊 泊", ["泊", "泊"]),
        ("東京2泊ホテルABC", ["東京", "2", "泊ホ", "ホテ", "テル", "abc"]),
        ("ﾎﾃﾙ タワー", ["ホテ", "テル", "タワ", "ワー"]),
        ("서울 호텔에", ["서울", "호텔", "텔에"]),
        ("\u1109\u1165\u110b\u116e\u11af", ["서울"]),
        ("book 👍🏽 now 👨‍👩‍👧", ["book", "now"]),
        ("ＡＢＣ № 5 ℡ 𝐀b Ⅷ", ["abc", "no", "5", "tel", "ab", "viii"]),
        (" …!? ", []),
        ("", []),
    ],
)
def test_words_of_many_scripts(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.lists(st.sampled_from([*PARTS, "Nº №", "ÀB", "ǅ", "か\u3099"]), max_size=5).map(" ".join))
@settings(max_examples=60)
def test_words_do_not_depend_on_how_a_text_is_composed(text: str) -> None:
    found = words(text)
    assert all(found)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert words(unicodedata.normalize(form, text)) == found
    assert [w.casefold() for w in found] == found


def test_slots_are_no_words() -> None:
    assert words(template_text("Fly to <city>, l’été \\<3")) == ["fly", "to", "l'été", "3"]
    assert words(template_text("a<city>b")) == ["a", "b"]
    assert template_text("no <template") == "no <template"


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("en", "flights booked", ["flight", "book"]),
        ("de", "Häuser Haus", ["haus", "haus"]),
        ("fr", "l’hôtel hôtels", ["hôtel", "hôtel"]),
        ("es", "hoteles", ["hotel"]),
        ("hi", "होटलों", ["होटल"]),
        ("zh", "去巴黎", ["去巴", "巴黎"]),
        ("xx", "flights", ["flights"]),
    ],
)
def test_a_language_has_its_stems(code: str, text: str, expected: list[str]) -> None:
    assert tokenizer_for(code)(text) == expected


def test_bm25_agrees_with_the_formula() -> None:
    """Lucene's BM25 with k1 = 1.5 and b = 0.75, by hand for one word."""
    documents = [["a", "b"], ["a", "a", "c", "d"], ["e"]]
    idf = np.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    mean = 7 / 3

    def score(count: int, length: int) -> float:
        return idf * count / (count + 1.5 * (0.25 + 0.75 * length / mean))

    expected = [score(1, 2), score(2, 4), 0.0]
    assert LexicalIndex(documents).scores(["a"]) == pytest.approx(expected, rel=1e-5)


def by_formula(documents: list[list[str]], query: list[str]) -> list[float]:
    mean = sum(map(len, documents)) / len(documents)
    holding = Counter(w for d in documents for w in set(d))
    scores = []
    for document in documents:
        counts = Counter(document)
        norm = 1.5 * (0.25 + 0.75 * len(document) / mean) if mean else 0.0
        scores.append(
            sum(
                math.log(1 + (len(documents) - holding[w] + 0.5) / (holding[w] + 0.5))
                * counts[w]
                / (counts[w] + norm)
                for w in query
                if counts[w]
            )
        )
    return scores


@given(DOCUMENTS, st.lists(st.sampled_from("abcdefghxyz"), max_size=6))
@settings(max_examples=50)
def test_any_corpus_has_the_scores_of_the_formula(
    documents: list[list[str]], query: list[str]
) -> None:
    """Empty documents, words said twice and words that nobody knows among them."""
    found = LexicalIndex(documents).scores(query)
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx(by_formula(documents, query), rel=1e-4, abs=1e-6)


@given(DOCUMENTS.filter(any))
@settings(max_examples=50)
def test_the_matrix_is_that_of_bm25s(documents: list[list[str]]) -> None:
    vocabulary = {w: i for i, w in enumerate(sorted({w for d in documents for w in d}))}
    plain = bm25s.BM25()
    ids = [[vocabulary[w] for w in d] for d in documents]
    plain.index((ids, vocabulary), show_progress=False)
    quick = LexicalIndex(documents)
    for word in "abcdefgh":
        expected = (
            plain.get_scores_from_ids([vocabulary[word]])
            if word in vocabulary
            else np.zeros(len(documents))
        )
        assert quick.scores([word]).tolist() == pytest.approx(expected.tolist(), rel=1e-6)


@pytest.mark.parametrize("documents", [[], [[]], [[], []]])
def test_nothing_to_find_has_no_scores(documents: list[list[str]]) -> None:
    assert LexicalIndex(documents).scores(["a"]).tolist() == [0.0] * len(documents)
    assert LexicalIndex([["a"], []]).scores(["b"]).tolist() == [0.0, 0.0]
    assert LexicalIndex([["a"], []]).scores([]).tolist() == [0.0, 0.0]


def test_lexical_hits_are_ordered_by_bm25(index: ModuleIndex) -> None:
    cut = tokenizer_for("en")
    scores = LexicalIndex([cut(t) for _, t in TEXTS]).scores(cut("hotel joke"))
    hits = index.search([Query("hotel joke")], k_desc=0, k_exemplar=3, mode="lexical")[0]
    best = sorted((i for i in range(7) if scores[i] > 0), key=lambda i: (-scores[i], i))[:3]
    assert [h.id for h in hits.exemplars] == [f"train{i}" for i in best]
