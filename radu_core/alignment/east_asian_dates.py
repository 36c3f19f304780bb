"""Dates of Chinese, Japanese and Korean: 2026年3月5日, 来週の金曜日, 下周五, 다음 주 금요일."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from radu_core.alignment.date_expressions import DateExpression
from radu_core.alignment.numerals import HAN_NUMERAL, numeral_value

__all__ = ["CODES", "find_east_asian_dates"]

CODES = frozenset(("zh", "ja", "ko"))
_Reading = Callable[[re.Match[str]], DateExpression | None]
_N = rf"(?:\d{{1,2}}|{HAN_NUMERAL}{{1,3}})"
_HANGUL_EDGE = r"(?<![가-힣])"
_WEEKDAYS = {
    **{c: n for n, c in enumerate("一二三四五六")},
    "日": 6,
    "天": 6,
    **{c: n for n, c in enumerate("月火水木金土")},
    **{c: n for n, c in enumerate("월화수목금토일")},
}
_JAPANESE_DAYS = {c: n for n, c in enumerate("月火水木金土日")}
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925}
_DAYS = {
    "zh": {
        "今天": 0,
        "今日": 0,
        "今晚": 0,
        "今早": 0,
        "明天": 1,
        "明日": 1,
        "明晚": 1,
        "明早": 1,
        "后天": 2,
        "後天": 2,
        "大后天": 3,
        "大後天": 3,
        "昨天": -1,
        "昨晚": -1,
        "前天": -2,
    },
    "ja": {
        "今日": 0,
        "本日": 0,
        "きょう": 0,
        "今夜": 0,
        "今晩": 0,
        "明日": 1,
        "あした": 1,
        "明晩": 1,
        "明後日": 2,
        "あさって": 2,
        "しあさって": 3,
        "昨日": -1,
        "きのう": -1,
        "一昨日": -2,
        "おととい": -2,
    },
    "ko": {
        "오늘": 0,
        "금일": 0,
        "내일": 1,
        "명일": 1,
        "모레": 2,
        "글피": 3,
        "어제": -1,
        "그저께": -2,
        "그제": -2,
    },
}
# What stands before and behind one of these where it is a part of another word: 聪明天 (clever,
# day), 明日香 (a name), 실내일정 (indoor, plan).
_NO_DAY = {
    "zh": (r"(?<![聪聰说說文])", ""),
    "ja": ("", "(?![香葉美子奈])"),
    "ko": (_HANGUL_EDGE, ""),
}
# What follows a day of the month, where 5日 and 5일 are lengths of time too.
_DAY_ENDS = {
    "ja": r"に|から|まで|は|が|発|着|の|で(?:お願い|いい|大丈夫)|[朝昼夜午]|\s|[^\w\s]|$",
    "ko": r"에|부터|까지|로|은|이|\s?(?:저녁|아침|오전|오후|밤|새벽|\d{1,2}시)|[^\w\s]|$",
}
_WEEKS = {
    "zh": {"上上": -2, "上": -1, "这": 0, "這": 0, "本": 0, "下": 1, "下下": 2},
    "ja": {"先": -1, "今": 0, "来": 1, "再来": 2},
    "ko": {"지난": -1, "저번": -1, "이번": 0, "금": 0, "다음": 1, "다다음": 2},
}
_HOLIDAYS = {
    "zh": {
        "元旦": (1, 1),
        "平安夜": (12, 24),
        "圣诞节": (12, 25),
        "聖誕節": (12, 25),
        "情人节": (2, 14),
        "劳动节": (5, 1),
        "国庆节": (10, 1),
    },
    "ja": {
        "元日": (1, 1),
        "大晦日": (12, 31),
        "クリスマスイブ": (12, 24),
        "クリスマス": (12, 25),
        "バレンタインデー": (2, 14),
    },
    "ko": {
        "크리스마스 이브": (12, 24),
        "크리스마스이브": (12, 24),
        "크리스마스": (12, 25),
        "성탄절": (12, 25),
        "새해 첫날": (1, 1),
        "밸런타인데이": (2, 14),
    },
}


def find_east_asian_dates(text: str, code: str) -> Iterator[DateExpression]:
    """All that may be a date in ``text``; they may overlap."""
    for pattern, read in _grammar(code):
        for match in pattern.finditer(text):
            if expression := read(match):
                yield expression


def _number(figures: str | None) -> int | None:
    if figures is None:
        return None
    return int(figures) if figures.isdecimal() else numeral_value(figures)


def _year(match: re.Match[str]) -> int | None:
    groups = match.groupdict()
    if groups.get("era"):
        count = 1 if groups["of_era"] == "元" else _number(groups["of_era"])
        return None if count is None else _ERAS[groups["era"]] + count
    return _number(groups.get("year"))


def _calendar(match: re.Match[str]) -> DateExpression | None:
    month, day = _month(match["month"]), _number(match["day"])
    if month is None or day is None or not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return DateExpression(match.start(), match.end(), year=_year(match), month=month, day=day)


def _month(figures: str) -> int | None:
    return {"유": 6, "시": 10}.get(figures) or _number(figures)


def _month_only(match: re.Match[str]) -> DateExpression | None:
    month = _month(match["month"])
    if month is None or not 1 <= month <= 12:
        return None
    return DateExpression(match.start(), match.end(), year=_year(match), month=month, weak=True)


def _day_of_month(match: re.Match[str]) -> DateExpression | None:
    day = _number(match["day"])
    which = match["which"]
    if day is None or not 1 <= day <= 31:
        return None
    relative = None if not which else "month+1" if which[0] in "下来다" else "month+0"
    return DateExpression(match.start(), match.end(), day=day, relative=relative)


def _weekday(weeks: dict[str, int], days: dict[str, int]) -> _Reading:
    def read(match: re.Match[str]) -> DateExpression:
        week, soon = match["week"], match.groupdict().get("soon")
        relative = f"week+{weeks[week]}" if week else "next" if soon else "coming"
        return DateExpression(
            match.start(), match.end(), weekday=days[match["weekday"]], relative=relative
        )

    return read


def _weekend(weeks: dict[str, int]) -> _Reading:
    def read(match: re.Match[str]) -> DateExpression:
        week = weeks[match["week"]] if match["week"] else 0
        return DateExpression(match.start(), match.end(), relative=f"weekend+{week}", weak=True)

    return read


def _day(days: dict[str, int]) -> _Reading:
    def read(match: re.Match[str]) -> DateExpression:
        return DateExpression(match.start(), match.end(), relative=f"day+{days[match['day']]}")

    return read


def _days_ahead(match: re.Match[str]) -> DateExpression | None:
    count = 1 if match["count"] in ("일", "한") else _number(match["count"])
    if count is None:
        return None
    days = count * (7 if match["unit"][0] in "周週星礼주" or match["unit"].startswith("个") else 1)
    return DateExpression(match.start(), match.end(), relative=f"day+{days}")


def _holiday(days: dict[str, tuple[int, int]]) -> _Reading:
    def read(match: re.Match[str]) -> DateExpression:
        month, day = days[match["name"]]
        return DateExpression(match.start(), match.end(), month=month, day=day)

    return read


def _any(words: dict[str, object] | dict[str, int] | dict[str, tuple[int, int]]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


@lru_cache(maxsize=8)
def _grammar(code: str) -> tuple[tuple[re.Pattern[str], _Reading], ...]:
    patterns = {"zh": _chinese, "ja": _japanese, "ko": _korean}[code]()
    holidays = rf"(?P<name>{_any(_HOLIDAYS[code])})"
    before, behind = _NO_DAY[code]
    days = rf"{before}(?P<day>{_any(_DAYS[code])}){behind}"
    return tuple(
        (re.compile(pattern), read)
        for pattern, read in (
            *patterns,
            (days, _day(_DAYS[code])),
            (holidays, _holiday(_HOLIDAYS[code])),
        )
    )


def _chinese() -> tuple[tuple[str, _Reading], ...]:
    year = rf"(?:(?P<year>\d{{4}}|{HAN_NUMERAL}{{4}})\s?年\s?)?"
    week = rf"(?P<week>{_any(_WEEKS['zh'])})?(?:个|個)?"
    weekday = "(?:周|週|星期|礼拜|禮拜)(?P<weekday>[一二三四五六日天])"
    behind = r"(?:\s?[（(]?(?:周|星期|礼拜)[一二三四五六日天][）)]?)?"
    label = "线線楼樓门門房桌馆館厅廳球车車电池店机機院街路站台码碼"
    return (
        (
            rf"{year}(?<![\d.,])(?P<month>{_N})\s?月\s?(?P<day>{_N})\s?(?:日|号|號){behind}",
            _calendar,
        ),
        (
            rf"{year}(?<![\d.,])(?P<month>{_N})月(?:份|底|初)?(?!\s?(?:\d|{HAN_NUMERAL}))(?!后|前|內|内)",
            _month_only,
        ),
        (
            rf"(?P<which>下个月|下個月|下月|这个月|這個月|本月)?(?<![\d.,月第])"
            rf"(?P<day>\d{{1,2}}|{HAN_NUMERAL}{{2,3}})(?:号|號)(?![{label}])",
            _day_of_month,
        ),
        (
            rf"(?P<which>下个月|下個月|下月|这个月|這個月|本月)(?P<day>{_N})(?:日|号|號)",
            _day_of_month,
        ),
        (rf"(?<![每隔]){week}{weekday}(?![点點])", _weekday(_WEEKS["zh"], _WEEKDAYS)),
        (rf"{week}(?:周末|週末)", _weekend(_WEEKS["zh"])),
        (
            rf"(?<!\d)(?P<count>{_N}|两)\s?(?P<unit>天|日|周|週|个星期|個星期|星期|个礼拜)(?:后|後|之后)",
            _days_ahead,
        ),
    )


def _japanese() -> tuple[tuple[str, _Reading], ...]:
    year = (
        rf"(?:(?:(?P<year>\d{{4}}|{HAN_NUMERAL}{{4}})|(?P<era>{_any(_ERAS)})"
        rf"(?P<of_era>元|{_N}))\s?年\s?)?"
    )
    week = r"(?:(?P<week>先|今|来|再来)週の?|(?P<soon>次の|今度の|今週末の))?"
    behind = r"(?:\s?[（(][月火水木金土日](?:曜日?)?[）)]|\s?[月火水木金土日]曜日)?"
    which = "来月の?|今月の?"
    length = "間|後|前|目|以内|ほど|くらい|ぐらい|分|中|ごと|おき|市|町|坂"
    return (
        (rf"{year}(?<![\d.,])(?P<month>{_N})\s?月\s?(?P<day>{_N})\s?日(?!間){behind}", _calendar),
        (
            rf"{year}(?<![\d.,ヶかカ])(?P<month>{_N})月(?!曜)(?!\s?(?:\d|{HAN_NUMERAL}))",
            _month_only,
        ),
        (
            rf"(?P<which>{which})?(?<![\d.,月第泊])(?P<day>\d{{1,2}}|{HAN_NUMERAL}{{2,3}})日"
            rf"(?={_DAY_ENDS['ja']})",
            _day_of_month,
        ),
        (rf"(?P<which>{which})(?P<day>{_N})日(?!{length})", _day_of_month),
        (
            rf"(?<![毎隔]){week}(?<!毎週)(?P<weekday>[月火水木金土日])曜日?",
            _weekday(_WEEKS["ja"], _JAPANESE_DAYS),
        ),
        (r"(?P<week>先|今|来|再来)?(?:週の)?週末", _weekend(_WEEKS["ja"])),
        (rf"(?<!\d)(?P<count>{_N})\s?(?P<unit>日|週間)後", _days_ahead),
    )


def _korean() -> tuple[tuple[str, _Reading], ...]:
    year = r"(?:(?P<year>\d{4})년\s?)?"
    month = r"(?P<month>\d{1,2}|[일이삼사오칠팔구유시]|십[일이]?)월"
    day = r"(?P<day>\d{1,2}|[일이삼사오육칠팔구십]{1,3})일"
    week = rf"(?:(?P<week>{_any(_WEEKS['ko'])})\s?주\s?|(?P<soon>다음|돌아오는|이번)\s?)?"
    behind = r"(?:\s?[（(][월화수목금토일](?:요일)?[）)]|\s[월화수목금토일]요일)?"
    length = r"\s?(?:간|동안|후|뒤|전|째|차|만에|이내|치|정)"
    which = r"(?P<which>다음\s?달|이번\s?달)\s?"
    edge = _HANGUL_EDGE
    return (
        (rf"{year}(?<![\d.,가-힣]){month}\s?{day}(?!{length}){behind}", _calendar),
        (rf"{year}(?<![\d.,가-힣])(?P<month>\d{{1,2}})월(?!\s?\d)", _month_only),
        (
            rf"{edge}(?:{which})?(?<![\d.,월])(?<!박 )(?P<day>\d{{1,2}})일(?={_DAY_ENDS['ko']})",
            _day_of_month,
        ),
        (
            rf"{edge}{week}(?<!매주 )(?<!매주)(?P<weekday>[월화수목금토일])요일",
            _weekday(_WEEKS["ko"], _WEEKDAYS | {"일": 6}),
        ),
        (rf"{edge}(?:(?P<week>지난|이번|다음)\s?(?:주\s?)?)?주말", _weekend(_WEEKS["ko"])),
        (rf"{edge}(?P<count>\d{{1,2}}|일|한)\s?(?P<unit>일|주일|주)\s?(?:후|뒤)", _days_ahead),
    )
