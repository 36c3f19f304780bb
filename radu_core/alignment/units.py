"""Names and symbols of currencies, of per cent, and of units of time, in the languages we know."""

from __future__ import annotations

__all__ = [
    "COUNTED",
    "CURRENCIES",
    "CURRENCY_CODES",
    "PREFIXES",
    "SIGNS",
    "TIME_UNITS",
    "UNSPACED_UNITS",
]

_CURRENCY_WORDS = {
    "dollar": "dollar dollars buck bucks usd dollari dólar dólares доллар доллара долларов dòlars",
    "euro": "euro euros eur евро",
    "pound": "pound pounds quid gbp pfund libra libras sterlina sterline pond ponden фунт фунтов",
    "yen": "yen jpy иена иен",
    "yuan": "yuan rmb cny юань юаней",
    "won": "won krw",
    "rupee": "rupee rupees inr",
    "cent": "cent cents",
    "franc": "franc francs franken chf franchi",
    "crown": "crown crowns kronen kroner kronor",
    "peso": "peso pesos",
    "real": "real reais brl",
    "ruble": "ruble rubles rub рубль рубля рублей руб",
    "percent": "percent prozent procent percento процент процента процентов pct",
}
_PHRASES = {
    "per cent": "percent",
    "pour cent": "percent",
    "por ciento": "percent",
    "por cento": "percent",
    "per cento": "percent",
}
SIGNS = {
    "$": "dollar",
    "＄": "dollar",
    "€": "euro",
    "£": "pound",
    "￡": "pound",
    "¥": "yen",
    "￥": "yen",
    "₹": "rupee",
    "₩": "won",
    "￦": "won",
    "₽": "ruble",
    "%": "percent",
    "％": "percent",
    "٪": "percent",
}
PREFIXES = {"us$": "dollar", "r$": "real"}
UNSPACED_UNITS = {
    **dict.fromkeys(("円", "日元", "日圓", "엔"), "yen"),
    **dict.fromkeys(("元", "块钱", "塊錢", "圆", "人民币", "위안"), "yuan"),
    **dict.fromkeys(("원", "韩元"), "won"),
    **dict.fromkeys(("美元", "美金", "ドル", "달러"), "dollar"),
    **dict.fromkeys(("欧元", "歐元", "ユーロ", "유로"), "euro"),
    **dict.fromkeys(("英镑", "英鎊", "ポンド", "파운드"), "pound"),
    **dict.fromkeys(("パーセント", "퍼센트", "프로"), "percent"),
}
CURRENCIES = {
    **SIGNS,
    **PREFIXES,
    **UNSPACED_UNITS,
    **_PHRASES,
    **{word: unit for unit, words in _CURRENCY_WORDS.items() for word in words.split()},
}
CURRENCY_CODES = ("eur", "usd", "gbp", "chf", "jpy", "cny", "rmb", "krw", "inr", "brl")

_TIME_WORDS = {
    1: "second seconds sec secs sekunde sekunden sek seconde secondes seconden segundo segundos "
    "secondo secondi секунда секунду секунды секунд сек segon segons",
    60: "minute minutes min mins minuten minuto minutos minuti minuut минута минуту минуты минут "
    "мин minut minuts",
    3_600: "hour hours hr hrs h stunde stunden std heure heures hora horas ora ore uur uren час "
    "часа часов ч hores",
    86_400: "day days night nights tag tage tagen nacht nächte nächten jour jours nuit nuits día "
    "días noche noches giorno giorni notte notti dag dagen nachten dia dias noite noites день дня "
    "дней ночь ночи ночей dies nit nits",
    604_800: "week weeks woche wochen semaine semaines semana semanas settimana settimane weken "
    "неделя неделю недели недель setmana setmanes",
    1_209_600: "fortnight fortnights",
}
TIME_UNITS = {word: seconds for seconds, words in _TIME_WORDS.items() for word in words.split()}

# What is counted, under its English noun, as slots are mostly named in English: "5-Sterne-Hotel".
_NOUNS = {
    "stars": "stern sterne sternen étoile étoiles estrella estrellas stella stelle ster sterren "
    "estrela estrelas estrelles sternehotel sternhotel sterrenhotel "
    "звезда звезды звёзды звезд звёзд",
}
COUNTED = {word: noun for noun, words in _NOUNS.items() for word in words.split()}
