"""What alignment understands of language, one phenomenon a line.

Each line has the utterance with its values marked as ``[words](slot)`` and the arguments a labeller
gave. "asked" lines are those where it must not decide. Slots are strings unless ``TYPES`` has them.
"""

from __future__ import annotations

from typing import Any

import pytest
from aligning import MARK, REFERENCE, exemplar, schema_for, unmarked

from radu_core.alignment import align

FOUND: list[tuple[str, str, dict[str, Any]]] = [
    ("verbatim", "a flight to [Oslo](to)", {"to": "Oslo"}),
    ("another case", "a flight to [OSLO](to)", {"to": "Oslo"}),
    ("accents left out", "on to [Zurich](to)", {"to": "Zürich"}),
    ("accents put in", "on to [Zürich](to)", {"to": "Zurich"}),
    ("decomposed accents", "on to [Cafe\u0301 Noir](to)", {"to": "Café Noir"}),
    ("full width", "fly [ＯＳＬＯ](to) now", {"to": "Oslo"}),
    ("curly apostrophe", "at [Joe’s Diner](to)", {"to": "Joe's Diner"}),
    ("apostrophe left out", "at [Joes Diner](to)", {"to": "Joe's Diner"}),
    ("hyphen for a space", "from [Winston Salem](to)", {"to": "Winston-Salem"}),
    ("written as one word", "some [sea food](what)", {"what": "Seafood"}),
    ("two spaces", "in [New  York](to)", {"to": "New York"}),
    ("and for &", "at [Bean and Leaf](to)", {"to": "Bean & Leaf"}),
    ("ends in a full stop", "call [Alexander G.](who) now", {"who": "Alexander G."}),
    ("ends in an exclamation mark", "search [Yahoo!](where) please", {"where": "Yahoo!"}),
    ("inside quotes", "play '[Lullaby](what)' please", {"what": "Lullaby"}),
    ("possessive", "is [Berlin](to)'s airport open", {"to": "Berlin"}),
    ("not inside a word", "when is [he](who) back", {"who": "he"}),
    ("plural", "do you have [vans](what)", {"what": "van"}),
    ("recognizer expression", "a night in [the Big Apple](town)", {"town": "New York"}),
    ("enumeration, other case", "in [Business](cabin) class", {"cabin": "business"}),
    ("no spaces between words", "[大阪](a)から[札幌](to)まで", {"a": "大阪", "to": "札幌"}),
    ("right to left", "טיסה אל [תל אביב](to)", {"to": "תל אביב"}),
    ("emoji", "✈️ [Ibiza](to) 👩🏽‍🤝‍👨🏼 baby", {"to": "Ibiza"}),
    # numbers
    ("number word", "a table for [two](guests)", {"guests": 2}),
    ("digits for a word", "a table for [2](guests)", {"guests": "two"}),
    ("tens and ones", "[twenty-one](guests) of us", {"guests": 21}),
    ("hundreds", "[one hundred and five](guests) guests", {"guests": 105}),
    ("thousands separator", "more than [1,200](above)", {"above": 1200}),
    ("decimal", "above [1.5](above) or so", {"above": 1.5}),
    ("k for thousand", "above [1.5k](above) or so", {"above": 1500}),
    ("digits and a scale", "above [2 million](above)", {"above": 2_000_000}),
    ("and a half", "above [two and a half](above)", {"above": 2.5}),
    ("half a million", "above [half a million](above)", {"above": 500_000}),
    ("below zero", "above [-5](above) degrees", {"above": -5}),
    ("a hundred", "over [a hundred](above) please", {"above": 100}),
    ("a couple of", "a table for [a couple of](guests) friends", {"guests": 2}),
    ("a dozen", "[a dozen](guests) people", {"guests": 12}),
    ("half a dozen", "[half a dozen](guests) people", {"guests": 6}),
    ("money, sign and separator", "send [$1,010](sum) to Ann", {"sum": "1010"}),
    ("money in words", "send [fifty euros](sum) to Ann", {"sum": "50 euros"}),
    ("money, another name", "send [20 bucks](sum) to Ann", {"sum": "$20"}),
    ("currency of a number", "[$](unit)[46](above) in cash", {"unit": "dollars", "above": 46}),
    ("the noun tells", "[2](rooms) rooms for [2](nights) nights", {"rooms": 2, "nights": 2}),
    ("the noun tells, once", "2 rooms for [2](nights) nights", {"nights": 2}),
    ("the article counts", "stay for [a](nights) night", {"nights": 1}),
    ("not in an ordinal", "[2](guests) people on the 2nd", {"guests": 2}),
    ("not in a time", "[7](guests) people at 7:30", {"guests": 7}),
    ("not in a longer number", "table 12 for [1](guests)", {"guests": 1}),
    ("ordinal words aren't counts", "on second thought [two](guests)", {"guests": 2}),
    # dates
    ("day and month", "on the [3rd of March](check_in)", {"check_in": "2026-03-03"}),
    ("month and day", "on [March 3rd](check_in)", {"check_in": "2026-03-03"}),
    ("month and day with a year", "on [March 3, 2026](check_in)", {"check_in": "2026-03-03"}),
    ("short month", "on [3 Mar](check_in), please", {"check_in": "2026-03-03"}),
    ("day only", "from [the 14th](check_in) on", {"check_in": "2026-03-14"}),
    ("day of this month", "on the [14th of this month](check_in)", {"check_in": "2026-03-14"}),
    ("weekday", "on [Friday](check_in)", {"check_in": "2026-03-06"}),
    ("next weekday", "[next Friday](check_in)", {"check_in": "2026-03-13"}),
    ("this weekday", "[this Friday](check_in)", {"check_in": "2026-03-06"}),
    ("weekday next week", "[Friday next week](check_in)", {"check_in": "2026-03-13"}),
    ("today", "[later today](check_in)", {"check_in": "2026-03-02"}),
    ("tomorrow", "arriving [tomorrow](check_in)", {"check_in": "2026-03-03"}),
    ("after tomorrow", "the [day after tomorrow](check_in)", {"check_in": "2026-03-04"}),
    ("in some days", "[in three days](check_in)", {"check_in": "2026-03-05"}),
    ("holiday", "on [Christmas Eve](check_in)", {"check_in": "2026-12-24"}),
    ("as figures", "on [3/4/2026](check_in)", {"check_in": "2026-04-03"}),
    ("a date in any slot", "back on [March 8th](when)", {"when": "2026-03-08"}),
    (
        "a month shared",
        "[the 3rd](a) and [5th of April](b)",
        {"a": "2026-04-03", "b": "2026-04-05"},
    ),
    ("two dates", "from [March 3rd](a) to [the 5th](b)", {"a": "2026-03-03", "b": "2026-03-05"}),
    ("the date that fits", "not today, [tomorrow](check_in)", {"check_in": "2026-03-03"}),
    ("said otherwise", "on [8th of March](when)", {"when": "March 8th"}),
    # times
    ("half past", "at [half past seven](at)", {"at": "19:30"}),
    ("quarter to, part of the day", "[quarter to 12 in the morning](at)", {"at": "11:45"}),
    ("part of the day first", "about [evening 4:30](at)", {"at": "16:30"}),
    ("pm", "at [3 pm](at).", {"at": "15:00"}),
    ("o'clock", "at [12 o'clock in the afternoon](at)", {"at": "12:00"}),
    ("noon", "come at [noon](at)", {"at": "12:00"}),
    ("bare hour", "come at [eight](at)", {"at": "20:00"}),
    ("hour and minutes in words", "come at [seven thirty](at)", {"at": "19:30"}),
    ("with a point", "come at [7.30pm](at)", {"at": "19:30"}),
    ("bare hour and a count", "for [8](guests) at [8](at)", {"guests": 8, "at": "20:00"}),
    ("a time in any slot", "wake me [6:15 am](when)", {"when": "06:15"}),
    # durations
    ("minutes", "wait [90 minutes](how_long)", {"how_long": "PT1H30M"}),
    ("hour and a half", "wait [an hour and a half](how_long)", {"how_long": "PT1H30M"}),
    ("hours and minutes", "wait [2 hours and 30 minutes](how_long)", {"how_long": "PT2H30M"}),
    ("a week of nights", "[a week](nights) in Rome", {"nights": 7}),
    # yes and no
    ("its own word", "are [pets](pets) fine", {"pets": True}),
    ("helper words don't count", "need [wifi](has_wifi) there", {"has_wifi": True}),
    ("with its negation", "[no pets](pets) with us", {"pets": False}),
    ("implied", "my dog comes along", {"pets": True}),
    ("implied, words apart", "a chair, and make it high", {"high_chair": True}),
    ("negated behind", "[pets are not](pets) allowed", {"pets": False}),
    ("negation of something else", "no, I have [pets](pets)", {"pets": True}),
    ("a name like a yes", "play [True](what) by Spandau Ballet", {"what": "True"}),
    # names
    ("part of a name", "to [Blue Heron](to) please", {"to": "Blue Heron Inn"}),
    ("words left out", "the [Holiday Inn Paris](h)", {"h": "Holiday Inn Express Paris Opera"}),
    ("cut short", "in [San Fran](to)", {"to": "San Francisco"}),
    ("initials with dots", "in [DC](to)", {"to": "D.C."}),
    # several values at once
    (
        "nested",
        "[Milwaukee airport](a) to [Milwaukee](b)",
        {"a": "Milwaukee airport", "b": "Milwaukee"},
    ),
    (
        "one inside the other",
        "the [Paris Hotel](h), in [Paris](to)",
        {"h": "Paris Hotel", "to": "Paris"},
    ),
    ("adjacent", "[New York](a)[-](b)[Boston](c)", {"a": "New York", "b": "-", "c": "Boston"}),
    (
        "several values of a slot",
        "with [ham](toppings) and [egg](toppings)",
        {"toppings": ["egg", "ham"]},
    ),
    ("equal values of a slot", "[ham](toppings) and [ham](toppings)", {"toppings": ["ham", "ham"]}),
]

ASKED: list[tuple[str, str, dict[str, Any], str, str]] = [
    (
        "twice",
        "from Oslo, dear Oslo",
        {"to": "Oslo"},
        "ambiguous",
        "'Oslo' occurs twice; both fit to.",
    ),
    (
        "three times",
        "Oslo Oslo Oslo",
        {"to": "Oslo"},
        "ambiguous",
        "'Oslo' occurs 3 times; all fit to.",
    ),
    (
        "from and to alike",
        "Oslo to Oslo",
        {"a": "Oslo", "b": "Oslo"},
        "ambiguous",
        "'Oslo' occurs twice and is the value of a and b.",
    ),
    (
        "inside a word only",
        "the Oslofjord",
        {"to": "Oslo"},
        "unlocated",
        "'Oslo' is part of 'Oslofjord'; is it to?",
    ),
    (
        "misspelt",
        "to Bosten please",
        {"to": "Boston"},
        "unlocated",
        "no 'Boston' in the text for to; did you mean 'Bosten'?",
    ),
    (
        "misspelt, but another label",
        "in busines",
        {"cabin": "business"},
        "unlocated",
        "no 'business' in the text for cabin; did you mean 'busines'?",
    ),
    (
        "another date",
        "on March 4th",
        {"check_in": "2026-03-03"},
        "unlocated",
        "no '2026-03-03' in the text for check_in.",
    ),
    ("another time", "at 5 pm", {"at": "05:00"}, "unlocated", "no '05:00' in the text for at."),
    (
        "a number isn't a time",
        "for 5",
        {"at": "17:00"},
        "unlocated",
        "no '17:00' in the text for at.",
    ),
    (
        "an article alone is no count",
        "a seat for me",
        {"guests": 1},
        "unlocated",
        "'a' may mean 1; is it guests?",
    ),
    (
        "pronoun, not a country",
        "take us home",
        {"to": "United States"},
        "unlocated",
        "no 'United States' in the text for to.",
    ),
    (
        "initials that nobody taught",
        "from SD to Rome",
        {"to": "San Diego"},
        "unlocated",
        "no 'San Diego' in the text for to; did you mean 'SD'?",
    ),
    (
        "one word of a name",
        "May I come",
        {"who": "May Wong"},
        "unlocated",
        "no 'May Wong' in the text for who; did you mean 'May'?",
    ),
    (
        "another one of a series",
        "to Terminal 2",
        {"to": "Terminal 3"},
        "unlocated",
        "no 'Terminal 3' in the text for to; the nearest is 'Terminal'.",
    ),
    (
        "a stop word, not a name",
        "I saw it",
        {"what": "It"},
        "unlocated",
        "'it' may mean 'It'; is it what?",
    ),
    (
        "a contraction",
        "he'll come",
        {"what": "hell"},
        "unlocated",
        "no 'hell' in the text for what; the nearest is 'he'.",
    ),
    (
        "across sentences",
        "I love Paris. Texas is hot",
        {"to": "Paris, Texas"},
        "unlocated",
        "no 'Paris, Texas' in the text for to; did you mean 'Paris. Texas'?",
    ),
    (
        "another word of that stem",
        "check my balance",
        {"what": "checking"},
        "unlocated",
        "no 'checking' in the text for what; did you mean 'check'?",
    ),
    (
        "more than the letter",
        "I use C++",
        {"what": "C"},
        "unlocated",
        "'C' for what is only part of 'C++'.",
    ),
    (
        "below zero",
        "it is -5 degrees",
        {"above": 5},
        "unlocated",
        "'5' is part of '-5'; is it above?",
    ),
    (
        "a telephone number",
        "call 555-0123",
        {"guests": 555},
        "unlocated",
        "'555' is part of '555-0123'; is it guests?",
    ),
    (
        "grouped digits",
        "1 000 000 please",
        {"above": 1},
        "unlocated",
        "'1' is part of '1 000 000'; is it above?",
    ),
    (
        "parts of one",
        "two thirds of it",
        {"guests": 2},
        "unlocated",
        "no 2 in the text for guests.",
    ),
    (
        "one as a pronoun",
        "I want the blue one",
        {"guests": 1},
        "unlocated",
        "'one' may mean 1, but may be no number; is it guests?",
    ),
    (
        "a word in a clock time",
        "dinner at two pm",
        {"guests": 2},
        "unlocated",
        "2 for guests is said only in 'two pm'.",
    ),
    (
        "a number word that counts something else",
        "gate four please",
        {"guests": 4},
        "unlocated",
        "'four' may mean 4, but follows 'gate'; is it guests?",
    ),
    (
        "an ordinal",
        "the second table",
        {"guests": 2},
        "unlocated",
        "'second' may mean 2, but is an ordinal; is it guests?",
    ),
    (
        "inside a word in another case",
        "the Oslofjord",
        {"to": "oslo"},
        "unlocated",
        "'oslo' for to is only part of 'Oslofjord'.",
    ),
    (
        "a longer word of that stem",
        "of importance",
        {"what": "import"},
        "unlocated",
        "'importance' may mean 'import'; is it what?",
    ),
    (
        "when, not how long",
        "I asked a week ago",
        {"nights": 7},
        "unlocated",
        "no 7 in the text for nights.",
    ),
    (
        "a number that becomes",
        "change it to 6 please",
        {"at": "18:00"},
        "unlocated",
        "'6' may mean '18:00'; is it at?",
    ),
    (
        "a name with a weekday",
        "the Black Friday sale",
        {"check_in": "2026-03-06"},
        "unlocated",
        "'Friday' may mean '2026-03-06'; is it check_in?",
    ),
    (
        "two words for one",
        "the rapist came",
        {"what": "therapist"},
        "unlocated",
        "no 'therapist' in the text for what; did you mean 'the rapist'?",
    ),
    (
        "a name of digits",
        "agent 007",
        {"guests": 7},
        "unlocated",
        "7 for guests is only part of '007'.",
    ),
    (
        "an hour that counts",
        "at two different places",
        {"at": "14:00"},
        "unlocated",
        "no '14:00' in the text for at.",
    ),
    (
        "minutes that count",
        "5 to 10 people",
        {"at": "09:55"},
        "unlocated",
        "no '09:55' in the text for at.",
    ),
    (
        "morning by its zero",
        "at 08:00",
        {"at": "20:00"},
        "unlocated",
        "no '20:00' in the text for at.",
    ),
    (
        "an ordinal that isn't a day",
        "the 3rd floor",
        {"check_in": "2026-03-03"},
        "unlocated",
        "'the 3rd' may mean '2026-03-03'; is it check_in?",
    ),
    (
        "may is a word",
        "you may 5 times",
        {"check_in": "2026-05-05"},
        "unlocated",
        "'may 5' may mean '2026-05-05'; is it check_in?",
    ),
    (
        "a month is no day",
        "in March 2026",
        {"check_in": "2026-03-15"},
        "unlocated",
        "'March 2026' may mean '2026-03-15'; is it check_in?",
    ),
    (
        "counted from a date",
        "the day after Friday",
        {"check_in": "2026-03-06"},
        "unlocated",
        "no '2026-03-06' in the text for check_in.",
    ),
    (
        "initials that are a word",
        "GO TO THE PUB",
        {"to": "Take-out"},
        "unlocated",
        "no 'Take-out' in the text for to.",
    ),
    (
        "part of another name",
        "in San Jose",
        {"to": "San Francisco"},
        "unlocated",
        "no 'San Francisco' in the text for to.",
    ),
    (
        "no room for both",
        "Oslo",
        {"a": "Oslo", "b": "Oslo"},
        "unlocated",
        "The values a='Oslo', b='Oslo' can't all be placed without overlapping.",
    ),
    (
        "negated is not meant",
        "no pets with us",
        {"pets": True},
        "unlocated",
        "'no pets' says no; is pets True?",
    ),
    (
        "meant, and not negated",
        "a room with pets",
        {"pets": False},
        "unlocated",
        "'pets' says yes; is pets False?",
    ),
    (
        "negated behind it",
        "pets are not allowed",
        {"pets": True},
        "unlocated",
        "'pets are not' says no; is pets True?",
    ),
    (
        "two dates fit",
        "tomorrow, on the 3rd",
        {"check_in": "2026-03-03"},
        "ambiguous",
        "'2026-03-03' occurs twice; both fit check_in.",
    ),
]


@pytest.mark.parametrize(("marked", "arguments"), [c[1:] for c in FOUND], ids=[c[0] for c in FOUND])
def test_it_is_found(marked: str, arguments: dict[str, Any]) -> None:
    if arguments.get("guests") == "two":  # given as it was said, in a slot without a type
        arguments = {"people": "two"}
        marked = marked.replace("(guests)", "(people)")
    result = align(
        schema_for(arguments), exemplar(unmarked(marked), arguments), reference=REFERENCE
    )
    assert result.outcome == "resolved", result.reason
    assert result.template == MARK.sub(r"<\2>", marked)


@pytest.mark.parametrize(
    ("utterance", "arguments", "outcome", "reason"),
    [c[1:] for c in ASKED],
    ids=[c[0] for c in ASKED],
)
def test_it_is_asked(utterance: str, arguments: dict[str, Any], outcome: str, reason: str) -> None:
    result = align(schema_for(arguments), exemplar(utterance, arguments), reference=REFERENCE)
    assert (result.outcome, result.reason) == (outcome, reason)
    assert result.spans is None


@pytest.mark.parametrize(
    ("marked", "arguments"),
    [
        ("arriving [tomorrow](check_in)", {"check_in": "2026-08-09"}),
        ("[next Friday](check_in)", {"check_in": "2026-08-07"}),
    ],
)
def test_a_date_that_counts_from_an_unknown_day_is_a_match(
    marked: str, arguments: dict[str, Any]
) -> None:
    result = align(schema_for(arguments), exemplar(unmarked(marked), arguments))
    assert result.template == MARK.sub(r"<\2>", marked)


def test_a_weekday_that_cannot_be_is_none_even_from_an_unknown_day() -> None:
    arguments = {"check_in": "2026-08-08"}  # a Saturday
    result = align(schema_for(arguments), exemplar("next Friday", arguments))
    assert result.outcome == "unlocated"


@pytest.mark.parametrize(
    ("language", "marked", "arguments"),
    [
        ("de", "ein Tisch für [zwei](guests)", {"guests": 2}),
        ("de", "[zweihundert](guests) Leute", {"guests": 200}),
        ("fr", "une table pour [vingt et un](guests)", {"guests": 21}),
        ("de", "genau [1.500](guests) Leute", {"guests": 1500}),
        ("de", "etwa [2,5](above) Kilo", {"above": 2.5}),
        ("es", "una mesa para [cuatro](guests)", {"guests": 4}),
        ("de", "am [3. April 2026](check_in) bitte", {"check_in": "2026-04-03"}),
        ("de", "welche [Hotels](what) gibt es", {"what": "Hotel"}),
        ("sw", "safari ya [Nairobi](to)", {"to": "Nairobi"}),
    ],
)
def test_other_languages_get_what_libraries_know(
    language: str, marked: str, arguments: dict[str, Any]
) -> None:
    result = align(schema_for(arguments, language), exemplar(unmarked(marked), arguments))
    assert result.outcome == "resolved", result.reason
    assert result.template == MARK.sub(r"<\2>", marked)


def test_a_language_nothing_is_known_of_asks() -> None:
    row = exemplar("meza ya watu wawili", {"guests": 2})
    assert align(schema_for({"guests": 2}, "sw"), row).outcome == "unlocated"


def test_figures_that_others_set_otherwise_are_offered_with_what_they_read_as() -> None:
    row = exemplar("bis 1,599 Euro", {"above": 1599})
    result = align(schema_for({"above": 1599}, "de"), row)
    assert result.reason == "'1,599' may mean 1599, but reads as 1.599; is it above?"
    assert [row.utterance[s.start : s.end] for r in result.readings for s in r.spans] == ["1,599"]


def test_figures_that_say_another_number_in_the_language_are_doubted() -> None:
    """A table gave "1.599", which a program writes for 1.599: it is taken, and told."""
    result = align(schema_for({"above": 1.599}, "de"), exemplar("bis 1.599 Euro", {"above": 1.599}))
    assert (result.template, result.inferred) == ("bis <above> Euro", ("doubted",))
    assert result.reason == "One reading only; the only '1.599' reads as 1599."
