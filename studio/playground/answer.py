"""One model's answer on the Playground: the call, why it is that one, and a way to correct it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from radu_core.inference.answers import Answer, Explanation
from radu_core.schema import OUT_OF_SCOPE, Function, Scalar
from radu_core.words import percent
from radu_core.workflows.frame.run_names import run_label
from radu_core.workflows.playground.ask import Right, Sent, send_back, values_of
from studio.frame import show
from studio.frame.layout import expander
from studio.frame.markdown import plain
from studio.frame.navigation import link
from studio.frame.page import Page, messages
from studio.frame.value_input import value_input

__all__ = ["answer", "call_line"]

_OUT = "out of scope"
_UNKNOWN = "let an annotator say"
_LIKELY = 5  # alternatives that are shown
_SHARE = st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=1.0)


def answer(here: Page, number: int, model: str, explanation: Explanation | str) -> None:
    """An answer in full, or what went wrong. ``number`` is the exchange's."""
    st.markdown(f"**{plain(run_label(here.workspace, model))}**")
    if isinstance(explanation, str):
        st.error(plain(explanation), icon=":material/error:")
        return
    reply = explanation.answer
    show.utterance(reply.utterance, reply.spans, list(dict.fromkeys(s.slot for s in reply.spans)))
    call = {"function": reply.function, "arguments": reply.arguments} if reply.function else None
    st.code(show.as_json(call) if call else _OUT, language="json", wrap_lines=True)
    st.caption(plain(_figures(explanation)))
    for problem in reply.problems:
        st.warning(plain(f"Left out: {problem}."), icon=":material/remove_circle:")
    key = f"{here.module} {number} {model}"
    with expander(
        "Why this answer", key="playground why " + model, icon=":material/balance:"
    ) as box:
        if box.open:
            _why(explanation)
    if explanation.prompts or explanation.retrieved:
        with expander(
            "What the language model was shown",
            key="playground shown " + model,
            icon=":material/chat:",
        ) as box:
            if box.open:
                _show_prompts(explanation)
    with expander("This is wrong", key=f"playground wrong {key}", icon=":material/flag:") as box:
        if box.open:
            _wrong(here, key, model, reply)


def call_line(reply: Answer) -> str:
    """A call as a line of text."""
    if reply.function is None:
        return f"{_OUT} · {percent(reply.confidence, 0)}"
    values = ", ".join(f"{slot}={show.as_json(v)}" for slot, v in reply.arguments.items())
    return f"{reply.function}({values}) · {percent(reply.confidence, 0)}"


def _figures(explanation: Explanation) -> str:
    reply = explanation.answer
    text = f"{percent(reply.confidence)} confident · {1000 * reply.seconds:,.0f} ms"
    if reply.out_of_scope is not None:
        text += f" · {percent(reply.out_of_scope)} of in-scope utterances look more in scope"
    return text


def _why(explanation: Explanation) -> None:
    """How likely each function is, what each source says, and where the time went."""
    reply = explanation.answer
    likely = [
        {"function": a.function or _OUT, "probability": a.confidence}
        for a in reply.alternatives[:_LIKELY]
    ]
    show.table(pd.DataFrame(likely), columns={"probability": _SHARE})
    if len(reply.alternatives) > _LIKELY:
        rest = reply.alternatives[_LIKELY:]
        st.caption(
            f"{len(rest):,} less likely ones share {percent(sum(a.confidence for a in rest))}."
        )
    if explanation.sources:
        _sources(explanation)
    time_table = pd.DataFrame(
        [{"stage": stage, "ms": ms} for stage, ms in explanation.milliseconds.items()]
    )
    st.markdown("**Time**")
    show.table(time_table, columns={"ms": st.column_config.NumberColumn(format="%.1f")})
    if explanation.sources:
        st.caption("Times are measured by asking the sources again, one by one.")


def _sources(explanation: Explanation) -> None:
    """What each source says by itself, the one that counts most first."""
    function = explanation.answer.function or OUT_OF_SCOPE
    rows = []
    sources = sorted(explanation.sources, key=lambda s: -explanation.weights.get(s, 0.0))
    for source in sources:
        shares = explanation.sources[source]
        best = max(sorted(shares), key=lambda n: shares[n])
        rows.append(
            {
                "source": source,
                "weight": explanation.weights.get(source, 0.0),
                "says": _OUT if best == OUT_OF_SCOPE else best,
                "its probability": shares[best],
                "of the answer": shares.get(function, 0.0),
            }
        )
    st.markdown("**By source**")
    columns = {
        "weight": st.column_config.NumberColumn(format="%.2f"),
        "its probability": st.column_config.NumberColumn(format="percent"),
        "of the answer": st.column_config.NumberColumn(
            format="percent", help="What the source gives to the function that was chosen."
        ),
    }
    show.table(pd.DataFrame(rows), columns=columns)
    st.caption("Each source's own probabilities; a weight of 0 counts for nothing.")


def _show_prompts(explanation: Explanation) -> None:
    """The exemplars that were retrieved, and the prompts as they were sent."""
    if explanation.retrieved:
        rows = [(u, f or _OUT, f"{score:.3f}") for u, f, score in explanation.retrieved]
        st.html(show.table_html(["retrieved", "function", "score"], rows))
    for task, prompt in explanation.prompts.items():
        st.markdown(f"**Prompt: {plain(task)}**")
        st.code(prompt, language=None, wrap_lines=True, height=320)


def _wrong(here: Page, key: str, model: str, reply: Answer) -> None:
    """Ask what is right, and send it to the annotators."""
    sent = st.session_state.get(f"sent {key}")
    if sent is not None:
        _show_sent(here, sent)
        return
    place = st.empty()
    with place.container(), messages():
        right = _right(here, key, reply)
        if right is None:
            return
        sent = send_back(here.workspace, here.module, model, reply, right[0], who=here.who)
        st.session_state[f"sent {key}"] = sent
    if sent is not None:
        place.empty()
        _show_sent(here, sent)


def _right(here: Page, key: str, reply: Answer) -> tuple[Right | None] | None:
    """What a person says is right, once it is sent; None for the annotators to find out."""
    functions = {f.name: f for f in here.workspace.schema(here.module).functions}
    function_name = st.selectbox("Right function", [_UNKNOWN, _OUT, *functions], key=f"right {key}")
    function = functions.get(function_name or "")
    with st.form(f"wrong {key} {function_name}", border=False):
        typed_values = _values(function, reply, f"right {key} {function_name}") if function else {}
        if not st.form_submit_button("Send to annotation", type="primary", icon=":material/flag:"):
            return None
    if function_name == _UNKNOWN:
        return (None,)
    return (Right(function.name if function else None, typed_values),)


def _values(function: Function, reply: Answer, key: str) -> dict[str, str | list[str]]:
    """A field for each slot; where the function was right, it begins with the model's value."""
    values = values_of(function, reply)
    for slot in function.slots:
        texts = [_value_text(v) for v in values.get(slot.name, [])]
        possible = not slot.possible_values or set(texts) <= set(map(str, slot.possible_values))
        if texts and possible:
            begins = texts if slot.multi_value else texts[0]
            st.session_state.setdefault(f"{key} {slot.name}", begins)
    return {s.name: value_input(s, f"{key} {s.name}") for s in function.slots}


def _value_text(value: Scalar) -> str:
    """A value as somebody would type it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _show_sent(here: Page, sent: Sent) -> None:
    """What became of it, and where."""
    if not sent.is_new:
        st.success(
            "The module already has this utterance. It waits on the Annotate page, with your note."
        )
        link("annotate", "Open it", module=here.module, queue="evaluation", item=sent.exemplar)
        return
    if sent.queue is None:
        st.success("Added to the module with your answer. Nothing is left to do.")
    else:
        st.success(f"Added to the module: {sent.outcome}. It waits on the Annotate page.")
    link("annotate", "Open it", module=here.module, queue=sent.queue or "all", item=sent.exemplar)
