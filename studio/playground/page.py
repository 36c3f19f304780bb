"""The parts of the Playground: which models are asked, the input, and the conversation so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import streamlit as st

from radu_core.errors import RaduError
from radu_core.inference.answers import Explanation
from radu_core.progress import Progress
from radu_core.words import quantity
from radu_core.workflows.frame.run_names import run_label
from radu_core.workflows.playground.ask import ask, models
from studio.frame.address import position
from studio.frame.layout import side_by_side
from studio.frame.markdown import plain
from studio.frame.navigation import link
from studio.frame.page import Page, messages
from studio.playground.answer import answer, call_line

__all__ = ["Exchange", "choose", "conversation", "exchanges", "list_models"]

_OTHER_RUN = "Choose one under “Run or directory”."
_SHOWN = 20  # earlier ones, until all are asked for
_LONGEST = 200  # characters of an earlier one; asking again shows it whole
_WIDTHS = {1: [1], 2: [1, 1]}


@dataclass
class Exchange:
    """An utterance and what each model made of it: an explanation, or what went wrong."""

    number: int
    utterance: str
    context: str | None
    models: tuple[str, ...]
    results: dict[str, Explanation | str] = field(default_factory=dict)

    @property
    def waiting(self) -> list[str]:
        """The models that haven't answered."""
        return [name for name in self.models if name not in self.results]


def exchanges(module: str) -> list[Exchange]:
    """This session's conversation about a module, newest last."""
    history: list[Exchange] = st.session_state.setdefault(f"playground {module}", [])
    return history


def list_models(here: Page) -> list[str]:
    """The module's runs that can be asked; says so where there are none."""
    names = models(here.workspace, here.module)
    if not names:
        st.info("No run of this module that answers utterances has finished yet.")
        link("train", "Launch one")
    return names


def choose(here: Page, models: Sequence[str]) -> tuple[list[str], str | None]:
    """The models that are asked, and what the bot had asked for before."""
    label = partial(run_label, here.workspace)
    first, rest = side_by_side([4, 7], key="playground-models", gap="small")
    second, third = rest.columns([4, 3])
    one = first.selectbox(
        "Run or directory",
        models,
        index=position("run", models, what="finished run", remedy=_OTHER_RUN) if models else None,
        format_func=label,
        key=f"playground first {here.module}",
        accept_new_options=True,
        placeholder="a run or a path",
        help="A run, or the path of a bundle or an exported model.",
    )
    other = second.selectbox(
        "Compare with",
        models,
        index=None,
        format_func=label,
        key=f"playground second {here.module}",
        accept_new_options=True,
        placeholder="none",
        help="Both answer every utterance.",
    )
    context = third.selectbox(
        "Bot's last question",
        _contexts(here),
        index=None,
        key=f"playground context {here.module}",
        placeholder="nothing",
        help="The function or slot that the bot asked about just before. Only language models use "
        "it.",
    )
    labels = {label(name): name for name in models}
    names = [_match_typed(name.strip(), labels) for name in (one, other) if name and name.strip()]
    return list(dict.fromkeys(names)), context


def _match_typed(text: str, labels: Mapping[str, str]) -> str:
    """The only model whose label holds what was typed (Enter takes the text, not what it found)."""
    holding = [name for label, name in labels.items() if text in label]
    return holding[0] if len(holding) == 1 else text


def _contexts(here: Page) -> list[str]:
    functions = here.workspace.schema(here.module).functions
    return [c for f in functions for c in (f.name, *(f"{f.name}.{s.name}" for s in f.slots))]


@st.fragment
def conversation(here: Page, models: Sequence[str], context: str | None) -> None:
    """The input, the newest exchange in full, and the earlier ones."""
    with messages():
        _conversation(here, models, context)


def _conversation(here: Page, models: Sequence[str], context: str | None) -> None:
    history = exchanges(here.module)
    text = st.chat_input(
        "Type an utterance and press Enter",
        key=f"playground input {here.module}",
        disabled=not models,
    )
    if text and text.strip():
        _begin(here.module, text.strip(), context, models)
    if not history:
        if models:
            st.caption("Nothing has been asked yet.")
        return
    newest = history[-1]
    _answer(here, newest)
    with st.container(key="playground-newest"):
        columns = side_by_side(_WIDTHS[len(newest.models)], key="playground-answers", gap="large")
        for column, name in zip(columns, newest.models, strict=True):
            with column, messages():
                answer(here, newest.number, name, newest.results[name])
    _earlier(here, history[:-1], models)


def _begin(module: str, utterance: str, context: str | None, models: Sequence[str]) -> None:
    """Put a question to the conversation.

    It is answered in this script, or in the one after it if somebody interrupts.
    """
    history = exchanges(module)
    number = history[-1].number + 1 if history else 1
    history.append(Exchange(number, utterance, context, tuple(models)))


def _answer(here: Page, exchange: Exchange) -> None:
    for name in exchange.waiting:
        with _loading(run_label(here.workspace, name)) as progress:
            try:
                exchange.results[name] = ask(
                    here.workspace,
                    name,
                    exchange.utterance,
                    module=here.module,
                    context=exchange.context,
                    progress=progress,
                )
            except RaduError as error:
                exchange.results[name] = str(error)
            except Exception as error:  # told once; it isn't tried again in every rerun
                exchange.results[name] = f"It couldn't answer ({type(error).__name__})."
                raise


@contextmanager
def _loading(name: str) -> Iterator[Progress]:
    """Say what takes long; a model in memory says nothing."""
    place = st.empty()

    def show(what: str, done: int, total: int) -> None:
        share = min(1.0, done / total) if total else 0.0
        text = f"{name}: {what.lower()}" + (f" · {done:,} of {total:,}" if total else "")
        place.progress(share, text=plain(text))

    try:
        with st.spinner("Asking …"):
            yield show
    finally:
        place.empty()


def _earlier(here: Page, history: Sequence[Exchange], models: Sequence[str]) -> None:
    """The exchanges before the newest, newest first, each to be asked again."""
    if not history:
        return
    st.divider()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Earlier** · {quantity(len(history), 'question')}", width="stretch")
        st.button("Clear", icon=":material/delete_sweep:", on_click=_forget, args=(here.module,))
    all_key = f"playground all {here.module}"
    exchanges_shown = history if st.session_state.get(all_key) else history[-_SHOWN:]
    for exchange in reversed(exchanges_shown):
        with st.container(horizontal=True, vertical_alignment="center"):
            lines = [f"**{plain(_short(exchange.utterance))}**"]
            lines += [_line(here, exchange, name) for name in exchange.models]
            st.markdown("  \n".join(lines), width="stretch")
            st.button(
                "Ask again",
                key=f"again {here.module} {exchange.number}",
                icon=":material/replay:",
                on_click=_begin,
                args=(here.module, exchange.utterance, exchange.context, models),
                disabled=not models,
            )
    if len(exchanges_shown) < len(history):
        st.button(
            f"Show all {len(history):,}",
            on_click=st.session_state.__setitem__,
            args=(all_key, True),
        )


def _short(text: str) -> str:
    """Its beginning, and how much more there is."""
    more = len(text) - _LONGEST
    return f"{text[:_LONGEST]} … ({quantity(more, 'more character')})" if more > 0 else text


def _line(here: Page, exchange: Exchange, name: str) -> str:
    """What one model said, in a line."""
    result = exchange.results.get(name)
    whose = f"{run_label(here.workspace, name)}: " if len(exchange.models) > 1 else ""
    if result is None:
        return plain(f"{whose}not answered")
    if isinstance(result, str):
        return plain(f"{whose}{result}")
    return plain(f"{whose}{call_line(result.answer)}")


def _forget(module: str) -> None:
    """Forget all but the newest."""
    history = exchanges(module)
    del history[:-1]
