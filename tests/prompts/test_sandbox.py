"""The sandbox under attack: nothing is reached, nothing runs on, nothing grows, by counting."""

from __future__ import annotations

import pytest
from jinja2 import TemplateSyntaxError

from radu_core.errors import TemplateError
from radu_core.prompts import TemplateSet
from radu_core.prompts import sandbox as walls
from radu_core.prompts.render import Part
from radu_core.prompts.sandbox import LONGEST, compile_template

VARIABLES = {
    "utterance": "fly me to Oslo",
    "context": "",
    "functions": [{"name": "f", "description": "Buy a ticket."}],
    "exemplars": [{"template": "to <x>", "function": "f", "utterance": "to Oslo"}],
}


def rendered(source: str, **more: object) -> str:
    return TemplateSet({"rag": source}).render("rag", **{**VARIABLES, **more})


@pytest.mark.parametrize(
    "expression",
    [
        "''.__class__",
        "''['__class__']",
        "utterance.__class__.__mro__[1].__subclasses__()",
        "functions.__class__",
        "functions[0].__class__",
        "functions[0].keys",
        "functions[0].items.__self__",
        "functions[0].items.__class__",
        "functions[0]['__class__']",
        "functions.append",
        "utterance.format",
        "part.__globals__",
        "part.__self__",
        "part.__func__",
        "part['__self__']",
        "(1).__class__",
        "none.__class__",
        "true.__class__",
        "nothing.__class__",
        "[].__class__",
        "{}.__class__",
        "(1, 2).__class__",
        "utterance | attr('__class__')",
        "utterance | map('upper')",
        "functions | map(attribute='__class__') | join",
        "functions | groupby('__class__')",
        "utterance | format",
        "utterance | pprint",
        "utterance | xmlattr",
        "'%s' % utterance",
        "'{0.__class__}'.format(utterance)",
        "'{:999999999}'.format(1)",
        "'%999999999d' % 1",
        "self._TemplateReference__context",
        "self",
        "super()",
        "caller()",
        "varargs",
        "cycler",
        "cycler.__init__.__globals__",
        "namespace",
        "namespace(a=1)",
        "lipsum",
        "joiner",
        "dict",
        "range(10)",
        "part",
        "functions[0].items",
        "utterance.upper()",
        "part('utterance').__class__",
        "functions[0].items().__class__",
        "functions[0].items()",
        "utterance is callable",
        "utterance is filter",
        "9 ** 9",
        "utterance * 2",
        "[1] * 2",
        "functions * 2",
        "2000000000 * 2",
        "1 / 0",
        "1 // 0",
        "1 % 0",
        "functions",
        "functions[0]",
        "[[1]] | join",
    ],
)
def test_nothing_is_reached(expression: str) -> None:
    with pytest.raises(TemplateError, match="line 2") as caught:
        rendered("text\n{{ " + expression + " }}")
    assert caught.value.line == 2
    assert "object at 0x" not in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "{% import 'os' as os %}",
        "{% from 'os' import path %}",
        "{% include 'x' %}",
        "{% extends 'x' %}",
        "{% block a %}{% endblock %}",
        "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% call part('x') %}{% endcall %}",
        "{% for f in functions recursive %}{{ loop(functions) }}{% endfor %}",
        "{% set a.b = 1 %}",
        "{% for f in functions %}{{ loop._iterator }}{% endfor %}",
        "{% for f in functions %}{{ loop.__class__ }}{% endfor %}",
        "{% for f in functions %}{{ loop }}{% endfor %}",
        "{% for f in functions %}{{ loop.cycle(1) }}{% endfor %}",
        "{% for f in functions %}{{ loop.changed(1) }}{% endfor %}",
        "{% for f in loop %}{% endfor %}",
        "{% for f in part %}{% endfor %}",
        "{% for f in 12 %}{% endfor %}",
        "{% for name in functions[0].items %}{% endfor %}",
        "{% set part = utterance %}{{ part('x') }}",
        "{% set x = part('utterance') %}",
        "{% set x %}{{ part('utterance') }}{% endset %}",
        "{% filter upper %}{{ part('utterance') }}{% endfilter %}",
        "{{ part('nowhere') }}",
        "{{ part() }}",
        "{% autoescape true %}{% endautoescape %}",
        "{% debug %}",
        "{% do 1 %}",
        "{% trans %}x{% endtrans %}",
        "{% break %}",
    ],
)
def test_statements_that_a_prompt_does_not_need_are_refused(source: str) -> None:
    with pytest.raises(TemplateError, match="line 1"):
        rendered(source)


def nested(depth: int, over: str, body: str = "") -> str:
    opening = "".join("{% for i" + str(d) + " in " + over + " %}" for d in range(depth))
    return opening + body + "{% endfor %}" * depth


LONG = "x" * 5_000
ENDLESS = {
    "nested loops without output": nested(6, "many"),
    "over a text": nested(3, "utterance"),
    "over what it makes itself": "{% set a = [1,2,3,4,5,6,7,8,9,10] %}" + nested(9, "a"),
    "over pairs": nested(9, "functions[0].items()") + nested(6, "many"),
    "within a condition": nested(6, "(many if many else [])"),
    "with a test of each": "{% for a in many if a %}" * 4 + "{% endfor %}" * 4,
    "in a block that is set": "{% set x %}" + nested(4, "many", "x") + "{% endset %}",
    "in a filter": "{% filter upper %}" + nested(4, "many", "x") + "{% endfilter %}",
    "comparing long texts": nested(2, "many", "{% if utterance in utterance %}{% endif %}"),
    "cutting long texts": nested(2, "many", "{% set a = utterance[1:] %}"),
    "comparing lists that were made": "{% set a = [1] %}"
    + "{% set a = a + a %}" * 14
    + "{% set b = a + [] %}"
    + nested(1, "many", "{{ a == b }}"),
    "finding a text in another": "{% set b = utterance ~ 'y' %}"
    + "{% set b = b ~ b %}" * 4
    + nested(1, "many", "{{ utterance in b }}"),
    "comparing lists": "{% set a = [many, many] %}" + nested(2, "many", "{{ a == [many, many] }}"),
    "a long body": nested(2, "many", "{% set a = 1 %}" * 500),
}


@pytest.mark.parametrize("source", ENDLESS.values(), ids=ENDLESS)
def test_loops_pay_for_their_steps_before_they_begin(source: str) -> None:
    with pytest.raises(TemplateError, match="too much work"):
        rendered(source, many=list(range(1_000)), utterance=LONG)


GROWING = {
    "doubled by ~": "{% set a = utterance %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
    "doubled by +": "{% set a = utterance %}" + "{% set a = a + a %}" * 60 + "{{ a }}",
    "many in one ~": "{% set a = utterance %}{{ " + " ~ ".join(["a"] * 5_000) + " }}",
    "doubled by set blocks": "{% set a %}{{ utterance }}{% endset %}"
    + "{% set a %}{{ a }}{{ a }}{% endset %}" * 5
    + "{{ a | length }}",
    "set once, unused": "{% set a %}" + "{{ utterance }}" * 21 + "{% endset %}x",
    "set with a filter": "{% set a | upper %}" + "{{ utterance }}" * 21 + "{% endset %}x",
    "doubled lists": "{% set a = [1] %}" + "{% set a = a + a %}" * 60 + "{{ a | length }}",
    "lists of lists": "{% set a = [1, 1] %}" + "{% set a = [a, a] %}" * 18 + "{{ a | tojson }}",
    "deep lists": "{% set a = [1] %}" + "{% set a = [a] %}" * 60 + "{{ a | tojson }}",
    "pairs of pairs": "{% set a = (1, 1) %}" + "{% set a = (a, a) %}" * 18 + "{{ a | tojson }}",
    "mappings": "{% set a = 1 %}" + "{% set a = {'x': a, 'y': a} %}" * 18 + "{{ a | tojson }}",
    "joined": "{% set a = utterance %}" + "{% set a = [a, a] | join(a) %}" * 30 + "{{ a }}",
    "a long separator": "{{ many | join(utterance) }}",
    "blocks": "{% set a = utterance %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 60 + "{{ a }}",
    "a block in a loop": "{% set a %}"
    + nested(1, "many", "{{ utterance }}")
    + "{% endset %}{{ a }}",
    "filter blocks": "{% set a = utterance %}" + "{% set a %}{% filter title %}{{ a }}{{ a }}"
    "{% endfilter %}{% endset %}" * 60 + "{{ a }}",
    "output": "{% for i in many %}{{ utterance }}{% endfor %}",
    "output of its own text": "{% for i in many %}" + "x" * 1_000 + "{% endfor %}",
    "numbers": "{% set a = 1000000 %}" + "{% set a = a * a %}" * 60 + "{{ a }}",
    "sums": "{% set a = 1000000 %}" + "{% set a = a + a %}" * 60 + "{{ a }}",
}


@pytest.mark.parametrize("source", GROWING.values(), ids=GROWING)
def test_nothing_grows_without_bound(source: str) -> None:
    with pytest.raises(TemplateError, match=r"sandbox (forbids|allows)"):
        rendered(source, many=list(range(1_000)), utterance=LONG)


def test_the_budget_is_counted_and_so_the_same_every_time() -> None:
    """Just within it and just beyond: a step of this loop costs four nodes and its iterable one."""
    steps = walls._WORK // 8
    assert rendered("{% for i in many %}{% endfor %}", many=[0] * steps) == ""
    spent = walls.Render()
    source = "{% for i in many %}{% endfor %}"
    template = compile_template(source)
    for _ in range(2):
        spent = walls.Render()
        list(template.root_render_func(template.new_context(spent.variables({"many": [0] * 9}))))
        assert walls._WORK - spent.left == 10 * walls._weight(_loop_of(source))


def _loop_of(source: str) -> object:
    return walls.ImmutableSandboxedEnvironment().parse(source).body[0]  # type: ignore[return-value]


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
        "{{ " + "not " * 9_000 + "1 }}",
        "{{ " + "[" * 5_000 + "]" * 5_000 + " }}",
        "{{ " + "-" * 9_000 + "1 }}",
        "{% if 1 %}" * 3_000 + "{% endif %}" * 3_000,
        "{% for a in [1] %}" * 60 + "{% endfor %}" * 60,
        "{{ " + "9" * 9_000 + " }}",
        "{{ 1" + " + 1" * 9_000 + " }}",
        "{{ utterance" + " | upper" * 5_000 + " }}",
        "{{ utterance" + "[0]" * 9_000 + " }}",
        "x" * 50_001,
    ],
    ids=lambda s: s[:12],
)
def test_what_the_compiler_cannot_take_is_an_error_of_the_template(source: str) -> None:
    with pytest.raises(TemplateError):
        rendered(source)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("one\ntwo\n{{ nothing }}", 3),
        ("one\n{% for f in functions %}\n\n{{ f.name }}\n{{ f.nothing }}\n{% endfor %}", 5),
        ("{{ utterance }}\n{{ utterance\n", 2),
        ("a\nb\n{% if %}x{% endif %}", 3),
        ("a\n{{ utterance | nofilter }}", 2),
        ("a\n\n\n{{ utterance.__class__ }}", 4),
        ("a\n{% set x = [utterance,\n  utterance * 2] %}", 2),
        ("{% if utterance %}\n\n{{ 1 / 0 }}\n{% endif %}", 3),
        ("a\n{{ functions | join(', ') }}", 2),
    ],
)
def test_errors_say_the_line(source: str, line: int) -> None:
    with pytest.raises(TemplateError, match=f"line {line}") as caught:
        rendered(source)
    assert caught.value.line == line


NESTED = "one\n{% for a in many %}{% for b in many %}\n{{ utterance }}\n{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (NESTED, 3),
        (
            "a\n{% for a in many %}\nb\n{% for b in many %}{% for c in many %}x{% endfor %}"
            "{% endfor %}{% endfor %}",
            4,
        ),
        ("{% set a = utterance %}\n" + "{% set a = a ~ a %}" * 60, 2),
        ("{% for a in many %}" + "x" * 2000 + "{% endfor %}", 1),
        ("a\n{% if many %}\n{{ many | join(utterance) }}{% endif %}", 3),
    ],
    ids=["output", "work", "a text", "the template's own text", "join"],
)
def test_what_is_too_much_says_its_line_and_what_to_do(source: str, line: int) -> None:
    many = list(range(100))
    with pytest.raises(TemplateError, match=f"line {line} makes more of a prompt") as caught:
        rendered(source, many=many, utterance="x" * 2_000)
    assert caught.value.line == line
    assert "Shorten it" in caught.value.remedy
    assert "given variables" not in caught.value.remedy


def test_templates_can_still_do_what_prompts_need() -> None:
    source = (
        "{% set names = [] %}{% for f in functions %}{{ loop.index }}/{{ loop.length }} "
        "{{ f.name | upper }}: {{ f.description | short(2) }}{{ '' if loop.last else ',' }}"
        "{% for key, value in f.items() %} {{ key ~ '=' ~ value }}{% endfor %}"
        "{% else %}none{% endfor %} {{ functions[0] | tojson }}"
        "{% if context is defined and not context %} {{ 1 + 2 * 3 }}{% endif %}"
        "{% set quoted %}«{{ utterance }}»{% endset %} {{ quoted | trim }}{{ exemplars | length }}"
        "{% with first = functions | first %} {{ first['name'] }}{% endwith %} {{ none }}"
    )
    assert rendered(source) == (
        "1/1 F: Buy a… name=f description=Buy a ticket. "
        '{"name": "f", "description": "Buy a ticket."} 7 «fly me to Oslo»1 f None'
    )


def test_json_keeps_its_letters() -> None:
    assert rendered("{{ utterance | tojson }}", utterance="<é & '朝'>") == "\"<é & '朝'>\""


def test_a_part_begins_where_it_is_called_whatever_the_texts_are() -> None:
    marks = "".join(chr(0xE000 + i) for i in range(6))
    templates = TemplateSet(
        {"rag": '{{ part("exemplars") }}a{{ utterance }}\n{{ part("utterance") }}\n'}
    )
    assert templates.render_parts("rag", utterance=marks) == [Part("exemplars", f"a{marks}")]
    again = TemplateSet({"rag": 'i{% for x in [1, 2] %}{{ part("exemplars") }}{{ x }}{% endfor %}'})
    assert again.render_parts("rag") == [
        Part("instruction", "i"),
        Part("exemplars", "1"),
        Part("exemplars", "2"),
    ]


def test_the_longest_prompt_and_the_longest_utterance_fit() -> None:
    """50 exemplars of ordinary length, and 10,000 characters of utterance: far within bounds."""
    many = [{"template": "x" * 300, "function": "f", "utterance": "y"}] * 50
    shown = TemplateSet().render(
        "rag", **{**VARIABLES, "exemplars": many, "utterance": "z" * 10_000}
    )
    assert 25_000 < len(shown) < LONGEST


def test_an_error_within_the_parser_has_a_line_too() -> None:
    with pytest.raises(TemplateSyntaxError):
        compile_template("{{")


def test_a_set_block_is_what_it_says_and_its_filter_is_used() -> None:
    source = "{% set a %}{{ utterance }}!{% endset %}{% set b | upper %}{{ a }}?{% endset %}{{ b }}"
    assert rendered(source, utterance="go") == "GO!?"
