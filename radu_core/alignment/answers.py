"""Yes and no as words of a text: where one answers, and where it only stands ("no problem")."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from radu_core.alignment.folding import squeeze_text
from radu_core.alignment.text import Place, Text, plain_words
from radu_core.schema import Slot

__all__ = ["denies", "is_yes_no", "is_yes_no_slot", "only_answers"]

# By language, and English in every one, as schemas are often written in it.
_YES = {
    "en": "yes yeah yep yup",
    "ca": "sí si",
    "de": "ja",
    "es": "sí si",
    "fr": "oui",
    "it": "sì si",
    "ja": "はい",
    "ko": "네 예",
    "nl": "ja",
    "pt": "sim",
    "ru": "да",
    "zh": "是 是的 对 有",
}
_NO = {
    "en": "no nope nah",
    "ca": "no",
    "de": "nein",
    "es": "no",
    "fr": "non",
    "it": "no",
    "ja": "いいえ",
    "ko": "아니요 아니오",
    "nl": "nee",
    "pt": "não",
    "ru": "нет",
    "zh": "不 不是 没有 否",
}
_EITHER = frozenset(("dontcare", "any", "none", "unknown", "na", "maybe"))
# What may follow an answer without a comma: "no thanks", "no I don't need parking".
_FOLLOWING = (
    "gracias danke merci grazie obrigado obrigada dank спасибо quiero necesito ich wir brauche je "
    "nous ik non no eu não я мы thanks thank please i we you he she they it that this there sorry "
    "sir madam actually just but and or"
)
_FOLLOWERS = frozenset(_FOLLOWING.split())
_CLAUSE = frozenset('.,;:!?…。，、；：！？()"“”\n')


@lru_cache(maxsize=16_384)
def is_yes_no(value: str, code: str) -> bool:
    """Whether ``value`` says yes or no in the language ``code`` or in English."""
    return squeeze_text(value) in _yes(code) | _no(code)


def denies(value: str, code: str) -> bool:
    """Whether ``value`` says no in the language ``code`` or in English."""
    return squeeze_text(value) in _no(code)


def is_yes_no_slot(slot: Slot | None, code: str) -> bool:
    """Whether a slot can hold nothing but yes, no, or that it doesn't matter."""
    values = slot.possible_values if slot is not None else ()
    squeezed_values = {squeeze_text(str(v)) for v in values} - _EITHER
    return bool(squeezed_values) and all(is_yes_no(v, code) for v in squeezed_values)


def only_answers(
    text: Text, surface: str, places: Sequence[Place], slot: Slot | None
) -> list[Place]:
    """Those of ``places`` where a yes or no answers.

    It ends its clause, or begins it and nothing follows that it belongs to ("no problem"); or it is
    the "no" of the slot's own word ("no parking"); or it is written as a name.
    """
    own = frozenset(map(text.language.stem, plain_words(slot.name if slot else "")))
    no = denies(surface, text.language.code)
    return [p for p in places if _answers(text, surface, p, own, no=no)]


def _answers(text: Text, surface: str, place: Place, own: frozenset[str], *, no: bool) -> bool:
    before = text.utterance[: place[0]].rstrip(" ")
    after = text.utterance[place[1] :].lstrip(" ")
    begins, ends = not before or before[-1] in _CLAUSE, not after or after[0] in _CLAUSE
    if not surface.isascii() and not text.utterance[place[1] : place[1] + 1].isspace():
        return begins and ends  # no space tells the word from what follows
    if ends:
        return True
    follows = next((t.word for t in text.tokens if t.start >= place[1]), "")
    if no and text.language.stem(follows) in own:
        return True
    if not no:
        wording = text.utterance[slice(*place)]
        if squeeze_text(wording) in _yes("en"):
            return True  # "yes" is part of nothing else
        return begins and wording.lower() != "si"  # "das ist ja schön", "si hay parking"
    if begins:
        return follows in _FOLLOWERS
    wording = text.utterance[slice(*place)]
    return wording == surface and wording[0].isupper()


@lru_cache(maxsize=64)
def _yes(code: str) -> frozenset[str]:
    return _words(_YES["en"], _YES.get(code, ""))


@lru_cache(maxsize=64)
def _no(code: str) -> frozenset[str]:
    return _words(_NO["en"], _NO.get(code, ""))


def _words(*lists: str) -> frozenset[str]:
    return frozenset(squeeze_text(word) for own in lists for word in own.split())
