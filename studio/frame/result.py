"""What an evaluation has found, as the pages show it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from radu_core.evaluation import EvaluationReport, Share
from radu_core.terms import TERMS
from radu_core.words import quantity
from studio.frame import show
from studio.frame.markdown import plain

__all__ = ["show_result"]

_SHARE = st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=1.0, width=120)
_INTERVAL = st.column_config.TextColumn(help="95 % interval (Wilson)", width=114)
# Wide enough for their names, and together no wider than the page in a window of 1440 px.
_COLUMNS = {
    "function accuracy": st.column_config.NumberColumn(
        format="percent", help=TERMS["function_accuracy"].help, width=120
    ),
    "accuracy, 95 %": _INTERVAL,
    "slot F1": st.column_config.NumberColumn(
        format="percent", help=TERMS["slot_f1"].help, width=75
    ),
    "exact match": st.column_config.NumberColumn(
        format="percent", help=TERMS["exact_match"].help, width=98
    ),
    "match, 95 %": _INTERVAL,
    "out of scope, P / R": st.column_config.TextColumn(
        help="Precision and recall of the answer “out of scope”, each with the rows it is of."
    ),
    "ms": st.column_config.TextColumn(
        help="Milliseconds an answer takes at most: half of them, and 95 % of them."
    ),
}


def show_result(report: EvaluationReport | None) -> None:
    """All systems side by side, and whether training was worth it."""
    if report is None:
        st.info("This run hasn't been measured on this split yet.")
        return
    _verdict(report)
    frame = pd.DataFrame(
        [
            {
                "system": f"this model, {m.system}" if m == report.trained else m.system,
                "function accuracy": m.function.share,
                "accuracy, 95 %": m.function.interval,
                "slot F1": m.slot_f1_measured,
                "exact match": m.exact_match.share,
                "match, 95 %": m.exact_match.interval,
                "out of scope, P / R": f"{_of(m.out_of_scope_precision)} / "
                f"{_of(m.out_of_scope_recall)}",
                "ms": f"{1000 * m.seconds_p50:.0f} / {1000 * m.seconds_p95:.0f}",
            }
            for m in report.systems
        ]
    )
    show.table(frame, columns=_COLUMNS)
    left_out = "; ".join(f"{n} {plain(why)}" for why, n in report.left_out.items())
    st.caption(
        f"{quantity(report.rows, 'utterance')} of {report.split}, measured "
        f"{_minute(report.created)}, with {quantity(report.trained.slot_pairs, 'slot value')}."
        + (f" Left out: {left_out}." if left_out else "")
    )
    if report.learned_from:
        st.caption(plain(str(report.learned_from)))
    if report.no_baselines:
        st.warning(plain(f"No baselines: {report.no_baselines}."), icon=":material/balance:")
    for line in report.additions():
        st.caption(plain(f"{line[:1].upper()}{line[1:]}."))
    for system in (m for m in report.systems if m.cut):
        cut = quantity(system.cut, "answer was", "answers were")
        st.caption(plain(f"{system.system}: {cut} cut before the end."))
    st.markdown("**Per function** (after training)")
    functions = [
        {
            "function": f.function,
            "rows": f.rows,
            "recall": f.recall.value_if_any,
            "recall, 95 %": f.recall.interval,
            "said": f.precision.total,
            "precision": f.precision.value_if_any,
            "precision, 95 %": f.precision.interval,
        }
        for f in report.trained.per_function
    ]
    show.table(pd.DataFrame(functions), columns={"recall": _SHARE, "precision": _SHARE})


def _of(share: Share) -> str:
    """A share with the rows it is of."""
    return f"{share} of {share.total:,}" if share.total else str(share)


def _verdict(report: EvaluationReport) -> None:
    """Claims only what the rows support."""
    verdict = report.verdict
    if verdict.better:
        st.success(_points("Better than every baseline", verdict.better), icon=":material/check:")
    if verdict.worse:
        st.error(_points("Worse than a baseline", verdict.worse), icon=":material/close:")
    if verdict.unclear:
        head = f"No clear difference from a baseline on {quantity(report.rows, 'row')}"
        st.info(_points(head, verdict.unclear), icon=":material/balance:")


def _points(head: str, lines: list[str]) -> str:
    return f"{head}:\n" + "\n".join(f"- {plain(line)}" for line in lines)


def _minute(stamp: str) -> str:
    """A time as it is stored (ISO 8601, UTC), to the minute."""
    return f"{stamp[:16].replace('T', ' ')} UTC"
