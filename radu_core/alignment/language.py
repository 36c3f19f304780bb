"""What alignment knows of a language: number words, names of months and days, stems, stop words.

English is known best. Other languages get what libraries carry: number words from text2num (de, es,
fr, it, nl, pt, ca, ru), stems from Snowball (some thirty languages), dates from dateparser. Where
nothing is known, only the value's own spelling is looked for, and people are asked about the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer
from text_to_num import alpha2digit

__all__ = ["Language", "language"]

_SNOWBALL = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
_STOP = {
    "en": "a about all also an and any anything are as at be been but by can could do does for "
    "from get had has have he her him his how i if in into is it its just like looking make me my "
    "near need no not of off on one or our out please she should so some something that the their "
    "them then there they this those to up us want was we were what when where which who will "
    "with would yes you your yeah okay ok thanks thank hello hi sure fine great good",
}
_NEGATIONS = {
    "en": "no not without don't doesn't isn't aren't won't never non dont doesnt isnt arent wont "
    "can't cannot cant nor neither",
    "de": "nicht kein keine keinen ohne nie",
    "fr": "pas sans aucun aucune jamais ni",
    "es": "no sin ningún ninguna nunca ni",
    "it": "non senza nessun nessuna mai",
    "nl": "niet geen zonder nooit",
    "pt": "não sem nenhum nenhuma nunca",
}


@dataclass(frozen=True, eq=False)
class Language:
    """One language, by its ISO 639 code. ``numbers`` is what text2num calls it, if it knows it."""

    code: str
    stem: Callable[[str], str]
    stop_words: frozenset[str]
    negations: frozenset[str]
    numbers: str | None


@lru_cache(maxsize=64)
def language(code: str) -> Language:
    """The language of that code; one that nothing is known about has no words and whole stems."""
    return Language(
        code,
        _stemmer(code),
        frozenset(_STOP.get(code, "").split()),
        frozenset(_NEGATIONS.get(code, "").split()),
        code if _counts(code) else None,
    )


def _stemmer(code: str) -> Callable[[str], str]:
    if code not in _SNOWBALL:
        return lambda word: word
    stem = snowballstemmer.stemmer(_SNOWBALL[code]).stemWord
    return lru_cache(maxsize=20_000)(lambda word: str(stem(word)))


def _counts(code: str) -> bool:
    try:
        alpha2digit("1", code)
    except Exception:  # it raises a bare Exception for a language it doesn't have
        return False
    return True
