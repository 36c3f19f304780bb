"""Utterances that break annotation tools, and where their signs begin and end."""

from __future__ import annotations

import random

import regex

__all__ = ["PARTS", "edges", "texts"]

PARTS = (
    "Boston",
    "2",
    "half past 1",
    "O'Hare",
    "$1,010",
    "e-mail",
    "naïve",
    "A320neo",
    "…",
    "<b>&amp;",
    "cafe\u0301",
    "n\u0303ame",
    "a\u0300\u0316\u0301",
    "Å\u0323",  # combining marks
    "😀",
    "👩‍👩‍👧‍👦",
    "👍🏽",
    "🏳️‍🌈",
    "🇩🇪🇫🇷",
    "❤️",
    "1️⃣",
    "🧑🏿‍🚀",  # joiners, tones, flags, keycaps
    "北京",
    "东京タワー",
    "上海、两个人",
    "서울",
    "\u1112\u1161\u11ab글",  # no spaces, jamo
    "שלום",
    "בְּרֵאשִׁית",
    "مرحبا",
    "باريس\u200f",
    "فَتْحَة",  # right to left, with points
    "นครปฐม",
    "हिन्दी",
    "தமிழ்",
    "မြန်မာ",  # marks that belong to their letter
    "zero\u200bwidth",
    "non\u200djoin",
    "soft\u00adhyphen",
    "bom\ufeff",
    "𝔘𝔫𝔦",
    "𠮷野家",
    "İstanbul",
    "ﬁn",
    "ＡＢＣ",
    "\u202eabc\u202c",
    "tab\there",
)


def texts(number: int, seed: int = 0) -> list[str]:
    """``number`` utterances of one to eight parts, the same for a seed."""
    chosen = random.Random(seed)
    made = []
    for _ in range(number):
        parts = [chosen.choice(PARTS) for _ in range(chosen.randint(1, 8))]
        made.append(chosen.choice((" ", "", "  ", " ")).join(parts))
    return made


def edges(text: str) -> list[int]:
    """Where signs that a reader sees begin and end, in code points: Unicode's UAX 29."""
    found = [0]
    for sign in regex.findall(r"\X", text):
        found.append(found[-1] + len(sign))
    return found
