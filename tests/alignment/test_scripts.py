"""Numbers, dates and times in any script: what is written is read back, and nothing raises."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radu_core.alignment.forms import form_of
from radu_core.alignment.language import language
from radu_core.alignment.number_words import find_number_words
from radu_core.alignment.numerals import numeral_value
from radu_core.alignment.text import Text

CODES = "en de es fr it nl pt da sv ca ru zh ja ko ar hi sw"
DATES: list[tuple[str, Callable[[date], str]]] = [
    ("en", lambda d: d.isoformat()),
    ("en", lambda d: f"{d.year}.{d.month}.{d.day}"),
    ("en", lambda d: f"{d.year}/{d.month:02}/{d.day:02}"),
    ("de", lambda d: f"{d.day}.{d.month}.{d.year}"),
    ("fr", lambda d: f"{d.day:02}/{d.month:02}/{d.year}"),
    ("ja", lambda d: f"{d.year}年{d.month}月{d.day}日"),
    ("zh", lambda d: f"{d.year}年{d.month}月{d.day}号"),
    ("zh", lambda d: f"{write_han(d.month)}月{write_han(d.day)}日"),
    ("ko", lambda d: f"{d.year}년 {d.month}월 {d.day}일"),
    ("ko", lambda d: f"{d.year}. {d.month}. {d.day}."),
]
# Characters that what is looked for is made of, and those whose case is odd (re.IGNORECASE takes ſ
# for s, İ and ı for i).
TRICKY = (
    "0129年月日時点半分第三十百万两名枚下周来週"
    "前後오후세시명일요 -/.:,T+Zapmhſİıaesnkd%¥½²٣３🎉\u0301"
)
WORDS = (
    "half past fIve sunday ſunday fİve mındnight 2 ſeconds two thouſand USD 10min jeden freıtag "
    "halb acht 3. aprİl a las ſiete y media двадцать um 8 dos-cents PT1H 午後 三 人 한 시"
)


def write_han(number: int) -> str:
    """A number under 100 as Chinese and Japanese write it."""
    tens, ones = divmod(number, 10)
    digits = "〇一二三四五六七八九"
    return (
        ("" if tens < 2 else digits[tens]) + ("十" if tens else "") + (digits[ones] if ones else "")
    )


@given(st.dates(date(1950, 1, 1), date(2080, 12, 31)))
@pytest.mark.parametrize(("code", "write"), DATES)
def test_a_date_is_read_whole(code: str, write: Callable[[date], str], day: date) -> None:
    said = write(day)
    text = Text(f"x {said} x", language(code))
    assert [(e.start, e.end, e.fits(day, None)) for e in text.dates] == [(2, 2 + len(said), True)]


@given(st.integers(1, 99))
def test_han_numerals_are_read(number: int) -> None:
    assert numeral_value(write_han(number)) == number
    text = f"我们{write_han(number)}个人"
    assert [n.value for n in Text(text, language("zh")).quantities] == [number]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("一千二百三十四", 1234),
        ("一億二千万", 120_000_000),
        ("二〇二六", 2026),
        ("이십오", 25),
        ("천오백", 1500),
        ("스물한", 21),
        ("一百零五", 105),
        ("一百二", None),  # 120 to some, 102 to others
        ("两三", None),  # two or three
        ("三x", None),
    ],
)
def test_numerals(said: str, value: int | None) -> None:
    assert numeral_value(said) == value


@pytest.mark.parametrize(
    ("code", "text", "values"),
    [
        ("ru", "две тысячи триста сорок два", [2342]),
        ("ru", "два три", []),
        ("ca", "dos-cents vint-i-un", [221]),
        ("ca", "un hotel nou", [1]),
        ("ca", "nou persones", [9]),
        ("de", "zwei", []),  # text2num's
    ],
)
def test_number_words(code: str, text: str, values: list[int]) -> None:
    assert [value for _, _, value in find_number_words(text, code)] == values


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2名", ["2", "名"]),
        ("3人です", ["3", "人です"]),
        ("Oslo行きを２枚", ["Oslo", "行きを", "２", "枚"]),
        ("서울에서 Oslo까지", ["서울에서", "Oslo", "까지"]),
        ("ราคา20บาท", ["ราคา", "20", "บาท"]),
        ("C3PO’s", ["C3PO"]),
    ],
)
def test_words_end_where_the_script_does(text: str, words: list[str]) -> None:
    assert [text[t.start : t.end] for t in Text(text, language("ja")).tokens] == words


@given(
    st.sampled_from(CODES.split()),
    st.one_of(
        st.text(TRICKY, max_size=24),
        st.lists(st.sampled_from(WORDS.split()), max_size=6).map(" ".join),
    ),
)
def test_any_text_is_read_in_any_language(code: str, said: str) -> None:
    text = Text(said, language(code))
    places = [
        (e.start, e.end)
        for found in (text.quantities, text.dates, text.times, text.durations, text.tokens)
        for e in found
    ]
    assert all(0 <= start < end <= len(said) for start, end in places)
    form = form_of(said, None, language(code))
    assert form.surface == said
