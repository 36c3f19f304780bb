"""Numbers of Chinese, Japanese and Korean texts: numerals, and the counters behind them.

A numeral is a number only where a counter follows ("三人") or nothing touches it: 三 is a part of
many names, 一 of many words, and 두 begins others. What a counter counts is given as an English
noun, because slots are mostly named in English ("nights").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from radu_core.alignment.folding import UNSPACED
from radu_core.alignment.units import UNSPACED_UNITS

__all__ = [
    "HAN_NUMERAL",
    "NATIVE_KOREAN",
    "SCALES",
    "Numeral",
    "counted_noun",
    "find_numerals",
    "is_ordinal",
    "nouns_in_name",
    "numeral_value",
]

_HAN = {
    character: value
    for value, tens_name in enumerate(
        (
            "〇零",
            "一壱壹",
            "二弐贰两兩俩倆",
            "三参叁",
            "四肆",
            "五伍",
            "六陆",
            "七柒",
            "八捌",
            "九玖",
        )
    )
    for character in tens_name
}
_SINO = {c: n for n, c in enumerate("영일이삼사오육칠팔구")} | {"공": 0, "륙": 6}
SCALES = {
    **dict.fromkeys("十拾십", 10),
    **dict.fromkeys("百佰백", 100),
    **dict.fromkeys("千仟천", 1_000),
    **dict.fromkeys("万萬만", 10_000),
    **dict.fromkeys("億亿억", 100_000_000),
}
_DIGIT = _HAN | _SINO
HAN_NUMERAL = f"[{''.join(_HAN)}十百千万萬億亿]"
_NATIVE_ONES = {
    "한": 1,
    "하나": 1,
    "두": 2,
    "둘": 2,
    "세": 3,
    "셋": 3,
    "네": 4,
    "넷": 4,
    "다섯": 5,
    "여섯": 6,
    "일곱": 7,
    "여덟": 8,
    "아홉": 9,
}
_NATIVE_TENS = {
    "열": 10,
    "스물": 20,
    "스무": 20,
    "서른": 30,
    "마흔": 40,
    "쉰": 50,
    "예순": 60,
    "일흔": 70,
    "여든": 80,
    "아흔": 90,
}
_ONES = "|".join(sorted(_NATIVE_ONES, key=len, reverse=True))
NATIVE_KOREAN = rf"(?:(?:{'|'.join(_NATIVE_TENS)})(?:{_ONES})?|{_ONES})"
_JAPANESE = {
    "ひとつ": 1,
    "ふたつ": 2,
    "みっつ": 3,
    "よっつ": 4,
    "いつつ": 5,
    "むっつ": 6,
    "ななつ": 7,
    "やっつ": 8,
    "ここのつ": 9,
    "ひとり": 1,
    "ふたり": 2,
}

# What is counted, by language: the noun or the counter behind a number, longest first.
_NOUNS = {
    "zh": {
        "people": "个人 個人 人 位 名 口人 位客人 个客人",
        "adults": "个大人 個大人 大人 成人 位成人 名成人",
        "children": "个小孩 個小孩 小孩 儿童 个孩子 孩子 兒童",
        "nights": "晚 夜 个晚上 個晚上 晚上",
        "days": "天 日",
        "weeks": "周 週 个星期 個星期 星期 个礼拜 礼拜",
        "months": "个月 個月 月",
        "years": "年 岁 歲",
        "hours": "小时 小時 个小时 個小時 个钟头 鐘頭 点 點 时 時",
        "minutes": "分钟 分鐘 分",
        "seconds": "秒 秒钟 秒鐘",
        "rooms": "间房 間房 个房间 個房間 间 間 间客房 房间",
        "tickets": "张票 張票 张机票 張機票 张车票 張車票 票",
        "seats": "个座位 個座位 座 个位子 個位子",
        "tables": "张桌子 張桌子 桌",
        "beds": "张床 張床",
        "stars": "星 星级 星級",
        "floors": "楼 樓 层 層",
        "km": "公里",
    },
    "ja": {
        "people": "人 名 名様 名さま 人様",
        "nights": "泊 晩 夜",
        "days": "日間 日",
        "weeks": "週間 週",
        "months": "ヶ月 か月 カ月 ヵ月 ケ月 箇月 ヶ月間 か月間 月",
        "years": "年 年間 歳 才",
        "hours": "時間 時",
        "minutes": "分 分間",
        "seconds": "秒 秒間",
        "rooms": "部屋 室",
        "seats": "席",
        "stars": "つ星 星",
        "floors": "階",
        "km": "キロ",
    },
    "ko": {
        "people": "명 인 사람 분이",
        "nights": "박 밤",
        "days": "일 일간",
        "weeks": "주 주일 주간",
        "months": "개월 달 월",
        "years": "년 살 세",
        "hours": "시간 시",
        "minutes": "분",
        "seconds": "초",
        "rooms": "개의 방 객실 방",
        "tickets": "매 장",
        "seats": "석 좌석 자리",
        "stars": "성급 성",
        "floors": "층",
        "km": "킬로",
    },
}
# Counters of anything: a numeral before one is a number, which counts no known noun.
_COUNTERS = {
    "zh": "个 個 张 張 份 件 条 條 只 隻 台 辆 輛 本 杯 碗 瓶 套 盒 袋 双 雙 次 家 颗 串 罐 枚 首 "
    "块 塊",
    "ja": "枚 個 本 台 冊 杯 匹 皿 箱 袋 着 足 件 回 つ 組 脚 膳 棟 本 コ ケ",
    "ko": "개 장 잔 병 대 마리 권 번 그릇 인분 군데 곳 켤레 벌 송이 통 쌍 팀 가지 매",
}
_TAIL = {
    "zh": "[番号號]|号",
    "ja": "番目?|号|[回日人つ枚個本台冊杯匹軒件行]目|位",
    "ko": r"\s?번째?|호|등",
}
_NO_NUMERAL = {
    # Names and words that look like a numeral with its counter.
    "zh": re.compile(
        r"[块塊元][一二两三四五六七八九](?![个個张張人件])|[一](?:下|些|定|起|样|樣|般|直|切|共|路|边|会|时|旦|家人|部分|次性)|三明治|千万别|分之"
    ),
    "ja": re.compile(
        r"本[木松杉]|日[市町]|分の|[二三]枚目|二枚貝|一本[道釣]|一人称|三人称|十人十色|一日中|一年中|一杯一杯"
    ),
    "ko": re.compile(r"일\s?일|이\s?번|한\s?번|세\s?계|네\s?이"),
}
# A scale alone before money is a number; in Chinese it is only a size (千元机).
_COUNTED_MONEY = {
    "ja": re.compile(r"(?<=[百千])円(?!玉|札|ショップ|均)"),
    "ko": re.compile(r"\s?원"),
}
_NEVER = re.compile(r"(?!)")
_EDGE = rf"(?<![{UNSPACED}])"


@dataclass(frozen=True)
class Numeral:
    """A number in words; [start, end) doesn't hold the counter."""

    start: int
    end: int
    value: float
    ordinal: bool = False


def numeral_value(numeral: str) -> int | None:
    """The value of a Han, Sino-Korean or native Korean numeral; None if it isn't one number."""
    native = re.fullmatch(rf"({'|'.join(_NATIVE_TENS)})?({_ONES})?", numeral)
    if native and numeral:
        return _NATIVE_TENS.get(native[1] or "", 0) + _NATIVE_ONES.get(native[2] or "", 0)
    if len(numeral) > 1 and all(
        c in _DIGIT for c in numeral
    ):  # a year digit by digit, not "两三" (2 or 3)
        year = "".join(str(_DIGIT[c]) for c in numeral)
        return int(year) if len(numeral) == 4 and year[0] in "12" else None
    total = section = digit = 0
    last = 0
    for c in numeral:
        if c in _DIGIT:
            if digit:
                return None
            digit, last = _DIGIT[c], 0 if _DIGIT[c] == 0 else last
            continue
        scale = SCALES.get(c)
        if scale is None:
            return None
        if scale >= 10_000:
            total += ((section + digit) or 1) * scale
            section = 0
        else:
            section += (digit or 1) * scale
        digit, last = 0, scale
    if digit and last > 10:  # 一百二 is 120 to some and 102 to others
        return None
    return total + section + digit


@lru_cache(maxsize=8)
def _nouns(code: str) -> tuple[re.Pattern[str], dict[str, str]]:
    by_word = {w: noun for noun, words in _NOUNS[code].items() for w in words.split()}
    words = sorted(by_word, key=len, reverse=True)
    return re.compile(rf"\s?({'|'.join(map(re.escape, words))})"), by_word


def counted_noun(text: str, end: int, code: str) -> tuple[str, int] | None:
    """The English noun of what the number that ends at ``end`` counts, and where its counter ends.

    None if that is nothing we know.
    """
    if code not in _NOUNS or end >= len(text):
        return None
    pattern, by_word = _nouns(code)
    match = pattern.match(text, end)
    return (by_word[match[1]], match.end()) if match else None


def nouns_in_name(name: str, code: str) -> list[str]:
    """The English nouns that a slot's name counts: "people" for 人数, "rooms" for 部屋数."""
    if code not in _NOUNS or name.isascii():
        return []
    nouns = {by: noun for by, noun in _nouns(code)[1].items() if by in name}
    return sorted({n for by, n in nouns.items() if not any(by != o and by in o for o in nouns)})


@lru_cache(maxsize=8)
def _tail(code: str) -> re.Pattern[str]:
    return re.compile(_TAIL[code])


def is_ordinal(text: str, start: int, end: int, code: str) -> bool:
    """Whether a number only says which one: 第3, 3番目, 3号, 세 번째."""
    if code not in _TAIL:
        return False
    return text[start - 1 : start] in ("第", "제") or bool(_tail(code).match(text, end))


@lru_cache(maxsize=8)
def _grammar(code: str) -> tuple[re.Pattern[str], ...]:
    """Numerals before a counter, and those that nothing touches."""
    words = {*_COUNTERS[code].split(), *_nouns(code)[1], *UNSPACED_UNITS}
    behind = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    tail = _TAIL[code]
    if code == "ko":
        sino = r"[일이삼사오육칠팔구십백천만]"
        return (
            re.compile(rf"{_EDGE}(?P<n>{NATIVE_KOREAN})(?=\s?(?:{behind})|{tail})"),
            re.compile(rf"{_EDGE}(?P<n>{sino}{{2,}})(?=\s?(?:{behind})|{tail})"),
            re.compile(rf"{_EDGE}(?P<n>{sino})(?=박|인분|층|명|개월|호|등|주일|주간)"),
            re.compile(rf"{_EDGE}(?<!몇 )(?P<n>[백천만])(?=\s?원(?!짜리))"),
            re.compile(rf"{_EDGE}(?P<n>[십백])(?=\s?(?:명|개|장|인|박))"),
            re.compile(
                rf"{_EDGE}(?P<n>둘|셋|넷|다섯|여섯|일곱|여덟|아홉)"
                rf"(?=(?:이|은|을|이요|이에요|입니다)?(?![{UNSPACED}]))"
            ),
        )
    run = rf"(?<![{''.join(_HAN)}十百千万萬億亿数几幾何\d])(?P<n>{HAN_NUMERAL}+)"
    edge = rf"(?<![{UNSPACED}])(?P<n>{HAN_NUMERAL}+)(?![{UNSPACED}])"
    return (
        re.compile(rf"{run}(?={behind}|{tail})"),
        re.compile(edge),
        re.compile(rf"(?<=百分之)(?P<n>{HAN_NUMERAL}+)"),
        re.compile(
            rf"(?P<n>{'|'.join(_JAPANESE)})" if code == "ja" else r"(?P<n>[我你他她咱]们[俩倆])"
        ),
    )


def find_numerals(text: str, code: str) -> Iterator[Numeral]:
    """The numerals of ``text`` in its language; none where the language has no such."""
    if code not in _COUNTERS or text.isascii():
        return
    blocked = [m.span() for m in _NO_NUMERAL[code].finditer(text)]
    for pattern in _grammar(code):
        for match in pattern.finditer(text):
            digits, (start, end) = match["n"], match.span("n")
            if digits[0] in "我你他她咱":
                digits, start = digits[-1], end - 1
            value = _JAPANESE.get(digits) or numeral_value(digits)
            lone_scale = len(digits) == 1 and digits in "百千万萬億亿천만"
            if lone_scale and _COUNTED_MONEY.get(code, _NEVER).match(text, end):
                lone_scale = False  # 千円, 만 원
            behind = min(len(text), end + 2)
            if value is None or lone_scale or any(s < behind and start < e for s, e in blocked):
                continue
            yield Numeral(start, end, float(value), is_ordinal(text, start, end, code))
