"""The parts of the Evaluate page."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from radu_core.evaluation import EvaluationReport, Share, against_baselines
from radu_core.training import RunDirectory
from radu_core.training.joint.files import HEAD_FILE
from radu_core.words import counted
from radu_core.workflows.evaluate import send_errors
from radu_core.workflows.parse import parse
from radu_core.workflows.scope import kept_by, set_kept
from studio.frame import show
from studio.frame.markdown import plain
from studio.frame.navigation import link
from studio.frame.page import Page

__all__ = ["ask", "errors", "measured_too", "result", "scope", "sources"]

_TOO = {
    "untrained": "the model before training",
    "generated": "values it generates freely",
    "ensemble": "a prompt for each exemplar",
}
_MIXED = "With a prompt for each exemplar, the function is the weighted mean of their answers."
_SHARE = st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=1.0)


def measured_too(run: RunDirectory, others: list[RunDirectory]) -> dict[str, Any]:
    """What else is measured on the same rows: of a language model's run what it was before and what
    it generates, of a retriever's run it and one of ``others`` together."""
    if (run.model / HEAD_FILE).is_file():
        models = [r.id for r in others if not (r.model / HEAD_FILE).is_file()]
        if not models:
            return {}
        chosen = st.selectbox(
            "Beside a language model",
            [None, *models],
            format_func=lambda name: name or "none",
            help="It is asked where this model is unsure; how far is weighed on validation.",
        )
        if chosen is None:
            return {}
        mixed = st.checkbox("A prompt for each exemplar", help=_MIXED)
        return {"generator": chosen, "ensemble": mixed}
    asked = st.pills(
        "Measure as well",
        list(_TOO),
        format_func=_TOO.__getitem__,
        selection_mode="multi",
        help="Each takes as long again. Values are chosen among those that the utterance and the "
        "schema have; generated ones are written freely, and what doesn't fit is left out. "
        + _MIXED,
    )
    return {name: name in asked for name in _TOO}


def result(report: EvaluationReport | None) -> None:
    """All systems side by side, and whether training was worth it."""
    if report is None:
        st.info("This run hasn't been measured on this split yet.")
        return
    _verdict(report)
    frame = pd.DataFrame(
        [
            {
                "system": m.system,
                "function accuracy": m.function.share,
                "95 %": _interval(m.function),
                "slot F1": m.slot_f1_measured,
                "exact match": m.exact_match.share,
                "95 % of it": _interval(m.exact_match),
                "out of scope, P / R": f"{_of(m.out_of_scope_precision)} / "
                f"{_of(m.out_of_scope_recall)}",
                "ms, p50 / p95": f"{1000 * m.seconds_p50:.0f} / {1000 * m.seconds_p95:.0f}",
            }
            for m in report.systems
        ]
    )
    shares = dict.fromkeys(("function accuracy", "slot F1", "exact match"), _SHARE)
    st.dataframe(frame, hide_index=True, column_config=shares)
    left_out = "; ".join(f"{n} {plain(why)}" for why, n in report.left_out.items())
    st.caption(
        f"{counted(report.rows, 'utterance')} of {report.split}, measured "
        f"{_minute(report.created)}; "
        f"{counted(report.trained.slot_pairs, 'value')} of slots in them."
        + (f" Left out: {left_out}." if left_out else "")
    )
    if report.learned_from:
        st.caption(plain(str(report.learned_from)))
    if report.no_baselines:
        st.warning(plain(f"No baselines: {report.no_baselines}."), icon=":material/balance:")
    for line in report.added():
        st.caption(plain(f"{line[:1].upper()}{line[1:]}."))
    for system in (m for m in report.systems if m.cut):
        cut = counted(system.cut, "answer was", "answers were")
        st.caption(plain(f"{system.system}: {cut} cut before the end."))
    st.markdown("**Per function** (after training)")
    functions = [
        {
            "function": f.function,
            "rows": f.rows,
            "recall": f.recall.measured,
            "95 %": _interval(f.recall),
            "said": f.precision.total,
            "precision": f.precision.measured,
            "95 % of it": _interval(f.precision),
        }
        for f in report.trained.per_function
    ]
    st.dataframe(
        pd.DataFrame(functions),
        hide_index=True,
        column_config={"recall": _SHARE, "precision": _SHARE},
    )


def _interval(share: Share) -> str:
    return f"{share.low:.1%} to {share.high:.1%}" if share.total else "–"


def _of(share: Share) -> str:
    """A share with the rows it is of."""
    return f"{share} of {share.total:,}" if share.total else str(share)


def _verdict(report: EvaluationReport) -> None:
    """Claims only what the rows support."""
    found = against_baselines(report)
    if found.better:
        st.success(_points("Better than every baseline", found.better), icon=":material/check:")
    if found.worse:
        st.error(_points("Worse than a baseline", found.worse), icon=":material/close:")
    if found.unclear:
        head = f"No clear difference to a baseline on {counted(report.rows, 'row')}"
        st.info(_points(head, found.unclear), icon=":material/balance:")


def _points(head: str, lines: list[str]) -> str:
    return f"{head}:\n" + "\n".join(f"- {plain(line)}" for line in lines)


def _minute(stamp: str) -> str:
    """A time as it is stored (ISO 8601, UTC), to the minute."""
    return f"{stamp[:16].replace('T', ' ')} UTC"


def scope(here: Page, report: EvaluationReport | None) -> None:
    """The curve of what isn't in scope, and what the run keeps from now on."""
    if report is None or report.scope is None:
        return
    st.markdown("**Out of scope** (after training)")
    if (curve := report.scope.curve) is not None:
        kept, found = "in scope, kept (%)", "out of scope, found (%)"
        points = 100 * pd.DataFrame({kept: curve.kept, found: curve.recall})
        alt = "Out of scope found by in scope kept"
        st.line_chart(points, x=kept, y=found, height=220, alt=alt)
    st.caption(plain(str(report.scope)))
    first, second = st.columns([4, 2], vertical_alignment="bottom")
    now = kept_by(here.workspace, report.run)
    keep = first.slider(
        "In scope, kept (%)",
        50.0,
        100.0,
        100 * now,
        0.5,
        format="%g",
        key=f"scope {report.run} {now}",
        help="Utterances that look less in scope than so many are refused. 100: none is, but what "
        "the head takes for one of the utterances labelled out of scope.",
    )
    if second.button("Save for the run", icon=":material/save:", width="stretch"):
        set_kept(here.workspace, report.run, keep / 100)
        st.success(f"Saved: {keep:g} %. Evaluate again to see its effect.")


def sources(report: EvaluationReport | None) -> None:
    """What each source of the head is worth."""
    if report is None or not report.sources:
        return
    st.markdown("**What the function is chosen by** (after training)")
    frame = pd.DataFrame(
        [
            {
                "source": s.name,
                "weight": s.weight,
                "log loss without it": s.adds_rounded,
                "function accuracy without it": s.without,
                "ms": s.milliseconds,
            }
            for s in report.sources
        ]
    )
    columns = {
        "weight": st.column_config.NumberColumn(format="%.2f"),
        "log loss without it": st.column_config.NumberColumn(format="%+.3f"),
        "function accuracy without it": st.column_config.NumberColumn(format="percent"),
        "ms": st.column_config.NumberColumn(format="%.1f"),
    }
    st.dataframe(frame, hide_index=True, column_config=columns)
    whole = (
        f" Right with all of them: {report.head_accuracy:.1%}."
        if report.head_accuracy is not None
        else ""
    )
    st.caption(
        f"Out of fold, with the other sources weighed again.{whole} All start from the embedding "
        "but joint, which is the tuned encoder, and words."
    )


def errors(here: Page, report: EvaluationReport | None) -> None:
    """What is wrong, and a way to the annotators."""
    if report is None:
        st.info("This run hasn't been measured on this split yet.")
        return
    if not report.errors:
        st.success("No errors.")
        return
    kinds = sorted({e.kind for e in report.errors})
    chosen = st.pills("Only", kinds, selection_mode="multi", key="error kinds")
    found = [e for e in report.errors if not chosen or e.kind in chosen]
    rows = [
        {
            "kind": e.kind,
            "utterance": e.utterance,
            "label": f"{e.expected_function or 'none'} {show.as_json(e.expected_arguments)}",
            "model": f"{e.predicted_function or 'none'} {show.as_json(e.predicted_arguments)}",
            "id": e.exemplar_id,
        }
        for e in found
    ]
    show.rows(rows, name=f"{report.run}-{report.split}-errors.csv", key="errors", label="errors")
    if st.button(f"Send {counted(len(found), 'error')} to annotation", icon=":material/flag:"):
        part = report.model_copy(update={"errors": tuple(found)})
        sent = send_errors(here.workspace, part, who=here.who)
        st.success(f"{counted(sent, 'utterance waits', 'utterances wait')} on the Annotate page.")
        link("annotate", "Look at them", module=here.module, queue="evaluation")


def ask(here: Page, run: str) -> None:
    """Type an utterance, see the call."""
    link("playground", "See why, and compare, in the Playground", module=here.module, run=run)
    with st.form("ask"):
        text = st.text_input("Utterance", placeholder="book me a table for two at eight")
        pressed = st.form_submit_button("Parse", type="primary")
    if pressed:
        with st.spinner("Asking the model …"):
            call = parse(here.workspace, run, text or "", module=here.module)
        st.json(call.model_dump(mode="json"), expanded=2)
