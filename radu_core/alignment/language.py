"""What alignment knows of a language: number words, names of months and days, stems, stop words.

English is known best. Others get number words from text2num or ``number_words``, stems from
Snowball, names of months and days from dateparser. What tests show of each is in
docs/reference/alignment.md.
Where nothing is known, only the value's own spelling is searched for, and people are asked about
the rest.
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
_LATIN_IS_ENGLISH = frozenset(("zh", "ja", "ko"))  # names of slots, and words beside their script
_STOP = {
    "en": "a about all also an and any anything are as at be been but by can could do does for "
    "from get had has have he her him his how i if in into is it its just like looking make me my "
    "near need no not of off on one or our out please she should so some something that the their "
    "them then there they this those to up us want was we were what when where which who will "
    "with would yes you your yeah okay ok thanks thank hello hi sure fine great good",
    "de": "ab aber alle als am an auch auf aus bei bis bitte da danke das dass dem den der des "
    "die doch du ein eine einem einen einer er es etwas für gegen habe haben hat heute "
    "ich ihr im in ist ja kann können mein meine mich mir mit morgen nach nein nicht noch "
    "nur oder okay ob per schon sein sich sie sind so soll und uns unter vom von vor war "
    "was wenn wie will wir wird wo zu zum zur über",
    "es": "a al algo con de del desde donde el ella en entre era es esa ese esta este favor "
    "gracias ha hasta hay la las le lo los me mi mis muy más no nos o para pero por "
    "porque que quiero se ser si sin sobre son su sus sí también te un una unos y ya yo "
    "hoy mañana",
    "fr": "a ai alors au aux avec avez ce ces cette chez comme dans de demain des du elle en "
    "est et il ils j je l la le les leur ma mais me merci mes moi mon ne non nos nous on "
    "ou où oui par pas plus pour qu que qui s sa sans se ses si son sont sur svp t te toi "
    "ton tu un une vers vous y à",
    "it": "a ai al alla alle anche c che chi ci come con da dal dalla dei del della di domani "
    "dove e ed gli grazie ho i il in io l la le lei lo lui ma mi mia mio ne nei nel nella "
    "no noi non o oggi per perché più se si sia sono su sul tra un una uno voglio vorrei "
    "è",
    "nl": "aan als bij daar dan dat de deze die dit door een en er graag had heb het hij hoe i "
    "ik in is ja je kan maar me met mij mijn morgen na naar nee niet nog of om ook op "
    "over te tot u uit van vandaag voor wat we wij wil worden ze zijn zo",
    "pt": "a ao aos as até com como da das de do dos e ela ele em entre essa esse esta este eu "
    "foi favor hoje há isso já lhe mas me mesmo meu minha na nas no nos não o obrigado os "
    "ou para pela pelo por quando que quero se sem seu ser si sim sobre sua são também te "
    "um uma à às amanhã",
    "ru": "а без бы в во вот да для до его ее если есть же за завтра и из или их к как когда ко "
    "мне мой моя мы на над не нет но о об он она они от по пожалуйста при с сегодня со "
    "спасибо так то тоже ты у уже хочу что чтобы это я",
    "ca": "a al als amb aquest aquesta avui com d de del dels demà des el els em en és et fins "
    "gràcies ha hi i jo l la les li m mes mi n ni no o on per però plau que què s se "
    "sense si sí sobre són també un una uns vull",
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
    "ru": "не нет без ни",
    "ca": "no sense cap mai ni",
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


@lru_cache(maxsize=64)
def _stemmer(code: str) -> Callable[[str], str]:
    if code in _LATIN_IS_ENGLISH:
        return _stemmer("en")
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
