"""Prompt and completion → token ids, as plain text or as turns of a chat template.

The one place where ids come from: training, its check, the preview, the lengths of a dataset's
rows and inference all ask an ``Encoder``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from radu_core.errors import InputError, ModelError
from radu_core.files import content_hash, readable

__all__ = ["PLAIN", "Encoder", "chat_template", "tokenizer_hash"]

PLAIN = (
    "{% for message in messages %}{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
)  # the chat template that says what a model trained without one reads
_QUESTION, _ANSWER = "radu asks", "radu answers"  # what a template is tried with
_DAY = datetime(2024, 7, 26)  # templates that name today would give other ids every day
_NOW = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")
_SET = {"enable_thinking": "false", "date_string": f"'{_DAY:%d %b %Y}'"}


def chat_template(tokenizer: Any, setting: str) -> str | None:
    """The template that a setting means.

    ``none``, ``auto`` (the tokenizer's own, or none where it has none), jinja, or the path of a
    file of it. ``InputError`` when there is no such file, ``ModelError`` when the tokenizer has
    several templates and none is its default.

    What a template asks of whoever renders it is settled in its text, so that a row gives the
    same ids everywhere and on every day: no thinking, and a fixed date.
    """
    if setting == "none":
        return None
    if setting == "auto":
        own = getattr(tokenizer, "chat_template", None)
        return _settle(_only(tokenizer, own)) if own else None
    return _settle(_text(setting))


def _only(tokenizer: Any, own: str | Mapping[str, str]) -> str:
    """The one template of a tokenizer, or the one that it calls its default."""
    if isinstance(own, str):
        return own
    if "default" not in own:
        raise ModelError(
            f"{tokenizer.name_or_path} has several chat templates ({', '.join(sorted(own))}), and "
            "none of them is its default",
            remedy="Set chat_template to one of them, as jinja or as a file's path, or to none.",
        )
    return own["default"]


def _settle(template: str) -> str:
    dated = _NOW.sub(lambda match: repr(_DAY.strftime(match[2])), template)
    sets = [
        line
        for name, value in _SET.items()
        if name in dated and (line := f"{{% set {name} = {value} %}}") not in dated
    ]
    return "".join([*sets, dated])


def _text(setting: str) -> str:
    if "{{" in setting or "{%" in setting:
        return setting
    path = Path(setting).expanduser()
    if not path.is_file():
        raise InputError(
            "chat_template names no file",
            value=setting,
            remedy="Use auto, none, the path of a jinja file, or jinja itself.",
        )
    with readable(path):
        return path.read_text(encoding="utf-8", errors="replace")


def tokenizer_hash(tokenizer: Any, template: str | None = None) -> str:
    """SHA-256 over all that decides how a text becomes ids."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    own = backend.to_str() if backend is not None else sorted(tokenizer.get_vocab().items())
    plain = content_hash(own)
    return plain if template is None else content_hash([plain, template])


class Encoder:
    """A tokenizer and, maybe, a chat template.

    With a template the prompt is the user's turn and the completion the assistant's, without the
    space that sets it off from a prompt in plain text.

    ``end`` is the token that ends a completion, and is learnt: the tokenizer's end token, or the
    first special one that the template puts after the assistant's text.
    Raises ``ModelError`` naming the model when its template can't be used so.
    """

    def __init__(self, tokenizer: Any, template: str | None = None) -> None:
        self.tokenizer = tokenizer
        self.template = template
        self.end: int = tokenizer.eos_token_id
        self._tail = 0  # tokens that the template puts after the end token
        if template is not None:
            self.end, self._tail = self._ending()

    @property
    def hash(self) -> str:
        """SHA-256 over tokenizer and template."""
        return tokenizer_hash(self.tokenizer, self.template)

    def special_in(self, text: str) -> str | None:
        """The first part of a text that the model would read as a special token.

        The end of a text or turn, or what a chat template puts around one.
        """
        match = self._signs.search(text)
        return match[0] if match else None

    @cached_property
    def _signs(self) -> re.Pattern[str]:
        """Finds the special tokens that the model is used with, the longest first.

        Others that its vocabulary has (SmolLM2's ``<filename>``) may be names of slots.
        """
        tokenizer = self.tokenizer
        added_tokens = getattr(tokenizer, "added_tokens_decoder", {}).values()
        signs = {*tokenizer.all_special_tokens, tokenizer.convert_ids_to_tokens(self.end)}
        signs |= {
            t.content for t in added_tokens if t.special and t.content in (self.template or "")
        }
        patterns = sorted(map(re.escape, filter(str.strip, signs)), key=lambda s: (-len(s), s))
        return re.compile("|".join(patterns) or "(?!)")  # none: it matches nothing

    def prompt_text(self, prompt: str) -> str:
        """What is tokenized of a row before its completion."""
        if self.template is None:
            return prompt
        return self._render([{"role": "user", "content": prompt}], generation=True)

    def prompt(self, prompt: str) -> list[int]:
        """The ids that a completion follows."""
        return self._ids(self.prompt_text(prompt))

    def row(self, prompt: str, completion: str) -> tuple[list[int], list[int]]:
        """The ids of prompt and completion, the latter with its end token.

        Plain text is tokenized apart and joined. With a template all is tokenized at once, and
        the ids of the prompt by itself have to be where it begins.
        """
        start = self.prompt(prompt)
        if self.template is None:
            return start, [*self._ids(completion), self.end]
        whole = self._ids(self.whole_text(prompt, completion))
        answer = whole[len(start) : len(whole) - self._tail]
        if whole[: len(start)] != start or answer[-1:] != [self.end]:
            raise self._unusable(
                "what it makes of a question isn't how question and answer begin, or the answer "
                "doesn't end with the token that ends a turn"
            )
        return start, answer

    def answers(self, prompt: str) -> Callable[[str], list[int]]:
        """Gives the ids of a completion behind this prompt, without its end token.

        As ``row`` has them, but of the prompt only what follows its last special token is read
        again for each: a long prompt may have thousands of completions to choose from.
        """
        if self.template is None:
            return self._ids
        before = self.prompt_text(prompt)
        cut = max((match.start() for match in self._signs.finditer(before)), default=0)
        start = self._ids(before[cut:])

        def whole(completion: str) -> list[int]:
            return self.row(prompt, completion)[1][:-1]

        def short(completion: str) -> list[int]:
            text = self.whole_text(prompt, completion)
            ids = self._ids(text[cut:])
            answer = ids[len(start) : len(ids) - self._tail]
            if text.startswith(before) and ids[: len(start)] == start and answer[-1:] == [self.end]:
                return answer[:-1]
            return whole(completion)  # which says what is wrong

        return short if short(_ANSWER) == whole(_ANSWER) else whole

    def sizes(
        self, rows: Sequence[tuple[str, str]], count: Callable[[Sequence[str]], list[int]]
    ) -> list[int]:
        """The length of each row, its end token counted; ``count`` tells the tokens of texts."""
        if self.template is None:
            counts = count([*(p for p, _ in rows), *(c for _, c in rows)])
            pairs = zip(counts[: len(rows)], counts[len(rows) :], strict=True)
            return [a + b + 1 for a, b in pairs]
        return [n - self._tail for n in count([self.whole_text(*row) for row in rows])]

    def whole_text(self, prompt: str, completion: str) -> str:
        """Both turns as the template writes them, with what it puts after the end token."""
        turns = [
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": completion.removeprefix(" ")},
        ]
        return self._render(turns, generation=False)

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _render(self, turns: list[dict[str, str]], *, generation: bool) -> str:
        from jinja2 import TemplateError

        try:
            return str(
                self.tokenizer.apply_chat_template(
                    turns,
                    chat_template=self.template,
                    add_generation_prompt=generation,
                    tokenize=False,
                )
            )
        except (TemplateError, TypeError, ValueError, AttributeError, LookupError) as error:
            raise self._unusable(f"{type(error).__name__}: {error}") from error

    def _ending(self) -> tuple[int, int]:
        """The token that ends the assistant's turn, and how many the template puts after it."""
        _, separator, after = self.whole_text(_QUESTION, _ANSWER).rpartition(_ANSWER)
        ids = self._ids(after) if separator else []
        special = _special(self.tokenizer)
        at = next((i for i, number in enumerate(ids) if number in special), None)
        if at is None:
            raise self._unusable("it puts no special token after the assistant's text")
        return ids[at], len(ids) - at - 1

    def _unusable(self, why: str) -> ModelError:
        return ModelError(
            f"The chat template of {self.tokenizer.name_or_path} can't be used for rows: {why}",
            remedy="Use chat_template: none, or give a template that fits the model.",
        )


def _special(tokenizer: Any) -> set[int]:
    added_tokens = getattr(tokenizer, "added_tokens_decoder", {})
    return {*tokenizer.all_special_ids, *(i for i, token in added_tokens.items() if token.special)}
