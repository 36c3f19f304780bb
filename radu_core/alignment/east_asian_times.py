"""Times of day of Chinese, Japanese and Korean: 午後6時半, 下午三点一刻, 오후 3시 30분."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from radu_core.alignment.numerals import HAN_NUMERAL, NATIVE_KOREAN, numeral_value
from radu_core.alignment.time_expressions import Half, TimeExpression, possible_minutes

__all__ = ["find_east_asian_times"]

_PARTS: dict[str, dict[str, Half]] = {
    "zh": {
        **dict.fromkeys(("上午", "早上", "早晨", "清晨", "凌晨"), "am"),
        **dict.fromkeys(("下午", "傍晚", "午后", "中午", "晚上"), "pm"),
        **dict.fromkeys(("夜里", "半夜", "深夜"), "night"),
    },
    "ja": {
        **dict.fromkeys(("午前", "朝の", "朝", "早朝"), "am"),
        **dict.fromkeys(("午後", "夕方の", "夕方", "夜の", "夜", "昼の", "昼"), "pm"),
        **dict.fromkeys(("深夜の", "深夜"), "night"),
    },
    "ko": {
        **dict.fromkeys(("오전", "아침", "새벽"), "am"),
        **dict.fromkeys(("오후", "저녁", "낮"), "pm"),
        **dict.fromkeys(("밤",), "night"),
    },
}
# Words that are a date, and say which half of the day the hour behind them is in.
_DATES: dict[str, dict[str, Half]] = {
    "zh": {"今早": "am", "明早": "am", "今晚": "pm", "明晚": "pm", "昨晚": "pm"},
    "ja": {"今朝": "am", "今夜": "pm", "今晩": "pm", "明晩": "pm"},
    "ko": {},
}
_NAMED = {
    "zh": {"正午": 720, "午夜": 0, "零点": 0, "中午": 720},
    "ja": {"正午": 720, "真夜中": 0},
    "ko": {"정오": 720, "자정": 0},
}
_POINTS = re.compile(r"[有这這那提说說讲講几幾]$")
# What follows an hour in Chinese, where the same words can count points.
_FOLLOWS = re.compile(
    r"见|見|到|出|去|来|來|开|開|左右|前|之|集合|起飞|的(?:票|车|車|位|航班|飞机)"
)
_N = rf"(?:\d{{1,2}}|{HAN_NUMERAL}{{1,3}})"


def find_east_asian_times(text: str, code: str) -> Iterator[TimeExpression]:
    """The times of ``text``.

    An hour without minutes or part of the day is weak where the same words are often something else
    (三点 is "three points" too).
    """
    pattern, names_by_group = _grammar(code)
    for match in pattern.finditer(text):
        if expression := _read(match, code):
            yield expression
    for match in names_by_group.finditer(text):
        minutes = frozenset({_NAMED[code][match.group()]})
        yield TimeExpression(match.start(), match.end(), minutes)


def _read(match: re.Match[str], code: str) -> TimeExpression | None:
    groups = match.groupdict()
    hour = _number(match["hour"])
    minute = _minute(groups)
    if hour is None or minute is None or not hour <= 24 or not -60 < minute < 60:
        return None
    part = (match["part"] or "").strip()
    evening = groups.get("evening")
    half = _PARTS[code].get(part, "") or _DATES[code].get(evening or "", "")
    if (evening or part in ("晚上", "夜", "夜の")) and half == "pm" and hour in (12, 0):
        half = "night"
    telling = ("minute", "half", "exact", "before", "evening", "part")
    is_time = any(groups.get(name) for name in telling)
    one = match["hour"] in ("一", "한")  # 一点 is "a little", 一時 "for a while"
    if code == "zh" and not one:
        is_time = is_time or bool(_FOLLOWS.match(match.string, match.end()))
    weak = not is_time and (code == "zh" or one)
    return TimeExpression(
        match.start("core"),
        match.end(),
        possible_minutes(hour, minute, half, full=match["hour"].startswith("0")),
        weak=weak,
        at=weak and not one and not _POINTS.search(match.string, 0, match.start()),
    )


def _minute(groups: dict[str, str | None]) -> int | None:
    if groups["half"]:
        return {"一刻": 15, "三刻": 45}.get(groups["half"], 30)
    if before := groups.get("before"):
        to = 15 if before == "一刻" else _number(before.rstrip("分"))
        return None if to is None else -to
    return _number(groups["minute"]) if groups["minute"] else 0


def _number(figures: str | None) -> int | None:
    if figures is None:
        return None
    return int(figures) if figures.isdecimal() else numeral_value(figures.replace(" ", ""))


@lru_cache(maxsize=8)
def _grammar(code: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    parts = "|".join(sorted(_PARTS[code], key=len, reverse=True))
    dates = "|".join(_DATES[code]) or "(?!)"
    text = "|".join(sorted(_NAMED[code], key=len, reverse=True))
    if code == "zh":
        clock = (
            rf"(?:(?P<evening>{dates})的?)?(?P<core>(?P<part>{parts})?的?(?:差(?P<before>一刻|{_N}分?)(?:钟|鐘)?)?(?<![\d.:第有{HAN_NUMERAL[1:-1]}])"
            rf"(?P<hour>{_N})(?:点|點|时|時)(?!间|間|代|候|刻|儿|子|建|意|要|原|理|内容|水)"
            rf"(?:(?P<exact>钟|鐘|整)|(?P<half>半|一刻|三刻)|(?P<minute>{_N})分?)?)"
        )
        return re.compile(clock), re.compile(rf"(?:{text})(?!\d|{HAN_NUMERAL})")
    if code == "ja":
        clock = (
            rf"(?:(?P<evening>{dates})の?)?(?P<core>(?P<part>{parts})?(?<![\d.:{HAN_NUMERAL[1:-1]}])(?P<hour>{_N})時(?!間|代|的|停|期|計)"
            rf"(?:(?P<exact>ちょうど)|(?P<half>半)|(?P<minute>{_N})分(?!間))?)"
        )
        return re.compile(clock), re.compile(text)
    hour = rf"(?:\d{{1,2}}|{NATIVE_KOREAN}|십[이일]?)"
    clock = (
        rf"(?<![가-힣\d.:])(?P<core>(?:(?P<part>{parts})\s?)?(?P<hour>{hour})\s?시(?!간|적|작|장|험|즌)"
        r"(?:\s?(?P<exact>정각)|\s?(?P<half>반)(?=[에으이부까쯤]|[^가-힣]|$)"
        r"|\s?(?P<minute>\d{1,2}|[일이삼사오십]{1,3})\s?분)?)"
    )
    return re.compile(clock), re.compile(rf"(?<![가-힣])(?:{text})")
