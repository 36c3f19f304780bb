"""Which functions are taken for which: the pairs, the matrix, and the rows behind a cell."""

from __future__ import annotations

import json
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from radu_core.evaluation import EvaluationReport
from radu_core.schema import OUT_OF_SCOPE
from radu_core.words import quantity
from radu_core.workflows.evaluate.mistakes import Confusion, find_confusion, find_errors_of
from studio.evaluate.errors import OUT, choose_from, error_rows
from studio.frame import show
from studio.frame.markdown import plain
from studio.frame.page import Page

__all__ = ["functions"]

_VIEWS = ("Most confused", "Matrix", "Matrix as a table")
_FIRST = 20  # functions in the matrix before anybody chooses
_HEIGHT = 640  # pixels of the matrix's rows, where each gets at least 15
_AROUND = 240  # pixels for names below it, and the legend
_PICK = "cell"
_CHART = "confusion chart"


def functions(here: Page, report: EvaluationReport) -> None:
    """What the model takes for what, and the rows behind each figure."""
    confusion = find_confusion(report)
    wrong = report.trained.function.total - report.trained.function.hits
    st.caption(
        f"The function is wrong in {wrong:,} of {quantity(report.trained.function.total, 'row')}: "
        f"{quantity(len(confusion.pairs), 'pair')} of label and answer."
    )
    if confusion.unlisted:
        st.warning(
            f"The report doesn't say what {quantity(confusion.unlisted, 'wrong row')} were taken "
            "for. Evaluate again to see them.",
            icon=":material/history:",
        )
    if not confusion.pairs:
        st.success("No function is taken for another.")
        return
    view = st.segmented_control(
        "View", _VIEWS, default=_VIEWS[0], required=True, key="confusion view"
    )
    if view == _VIEWS[0]:
        cell = _pairs(report, confusion)
    else:
        names = _names(confusion)
        cell = _table(report, confusion, names) if view == _VIEWS[2] else _matrix(confusion, names)
    _behind(here, report, confusion, cell)


def _name(name: str) -> str:
    return OUT if name == OUT_OF_SCOPE else name


def _pairs(report: EvaluationReport, confusion: Confusion) -> tuple[str, str] | None:
    rows = [
        {
            "label": _name(p.expected),
            "taken for": _name(p.predicted),
            "rows": p.rows,
            "of": p.of,
            "share": p.rows / p.of,
        }
        for p in confusion.pairs
    ]
    place = choose_from(
        report,
        rows,
        one="pair",
        columns={"share": st.column_config.NumberColumn(format="percent")},
        first=_linked_pair(confusion),
    )
    if place is None:
        return None
    return confusion.pairs[place].expected, confusion.pairs[place].predicted


def _linked_pair(confusion: Confusion) -> int | None:
    """The pair that the address names: one comes back from Annotate."""
    linked_pair = tuple(st.query_params.get(name, "") for name in ("label", "answer"))
    pairs = [(p.expected, p.predicted) for p in confusion.pairs]
    return next((n for n, pair in enumerate(pairs) if pair == linked_pair), None)


def _names(confusion: Confusion) -> list[str]:
    """The functions whose rows and columns are shown, in the matrix's order."""
    many = len(confusion.functions) > _FIRST
    names_chosen = st.multiselect(
        "Functions",
        confusion.functions,
        format_func=_name,
        key="confusion functions",
        placeholder=f"the {_FIRST} confused most" if many else "all",
        help="Choose some to see only these; two are enough.",
    )
    everything = (
        many
        and not names_chosen
        and st.toggle(
            f"All {quantity(len(confusion.functions), 'function')}", key="confusion everything"
        )
    )
    names_shown = names_chosen or (
        confusion.functions if everything else confusion.most_confused[:_FIRST]
    )
    return [name for name in confusion.functions if name in set(names_shown)]


def _matrix(confusion: Confusion, names: list[str]) -> tuple[str, str] | None:
    st.caption(
        "Rows are labels, columns answers; right answers are grey. Click a cell to see its rows; "
        "zoom with the wheel, move by dragging, reset with a double click."
    )
    place = {name: n for n, name in enumerate(names)}
    cells = [
        {
            "label": _name(expected),
            "answer": _name(predicted),
            "rows": rows,
            "of": confusion.totals.get(expected, rows),
            "right": expected == predicted,
            "text": f"label {_name(expected)}, answer {_name(predicted)}: {rows:,}",
            "top": place[expected] - 0.5,
            "bottom": place[expected] + 0.5,
            "left": place[predicted] - 0.5,
            "end": place[predicted] + 0.5,
        }
        for (expected, predicted), rows in sorted(confusion.counts.items())
        if expected in place and predicted in place
    ]
    state: Any = st.altair_chart(
        _chart(pd.DataFrame(cells), [_name(name) for name in names]),
        key=_CHART,
        on_select="rerun",
        selection_mode=[_PICK],
        alt="Confusion matrix of functions; “Matrix as a table” has the same figures",
    )
    picked = state.selection.get(_PICK) or [{}]
    back = {_name(name): name for name in names}
    label, answer = picked[0].get("label"), picked[0].get("answer")
    return (back[label], back[answer]) if label in back and answer in back else None


def _chart(frame: pd.DataFrame, names: list[str]) -> Any:
    """Cells on two scales of numbers, as only those can be zoomed; the axes say the names."""
    size = max(15, min(32, _HEIGHT // len(names)))

    def axis(title: str, **more: Any) -> alt.Axis:
        return alt.Axis(
            title=title,
            labelExpr=f"{json.dumps(names)}[datum.value] || ''",
            tickMinStep=1,
            tickCount=len(names),
            labelLimit=160,
            labelOverlap=False,
            gridOpacity=0.3,
            **more,
        )

    def scale(*, reverse: bool = False) -> alt.Scale:
        return alt.Scale(domain=[-0.5, len(names) - 0.5], nice=False, reverse=reverse)

    pick = alt.selection_point(name=_PICK, fields=["label", "answer"], toggle=False)
    zoom = alt.selection_interval(name="zoom", bind="scales")
    wrong = frame[~frame["right"]]["rows"]
    return (
        alt.Chart(frame)
        .mark_rect(stroke="#8888", strokeWidth=0.5, clip=True)
        .encode(
            x=alt.X("left:Q", scale=scale(), axis=axis("answer", labelAngle=-60)),
            x2="end:Q",
            y=alt.Y("top:Q", scale=scale(reverse=True), axis=axis("label")),
            y2="bottom:Q",
            color=alt.condition(
                alt.datum.right,
                alt.value("#8a8a8a"),
                alt.Color(
                    "rows:Q",
                    scale=alt.Scale(
                        range=["#f2c14e", "#f0803c", "#c8286e"],
                        domain=[1, max(2, int(wrong.max()) if len(wrong) else 2)],
                    ),
                    legend=alt.Legend(title="rows", orient="bottom", format="d", tickMinStep=1),
                ),
            ),
            description="text:N",
            opacity=alt.condition(pick, alt.value(1.0), alt.value(0.35)),
            tooltip=["label:N", "answer:N", "rows:Q", alt.Tooltip("of:Q", title="of")],
        )
        .add_params(pick, zoom)
        .properties(height=size * len(names) + _AROUND)
    )


def _table(
    report: EvaluationReport, confusion: Confusion, names: list[str]
) -> tuple[str, str] | None:
    """The matrix as a table, whose cells can be chosen as well."""
    st.caption("Rows are labels, columns answers. Choose a cell to see its rows.")
    columns = [_name(name) for name in names]
    head = "label"
    while head in columns:  # a function's name: the file would have two columns of it
        head += "*"
    frame = pd.DataFrame(
        [[confusion.counts.get((row, column), 0) for column in names] for row in names],
        columns=columns,
        index=pd.Index(columns, name=head),
    )
    cells = st.dataframe(
        frame,
        key=f"confusion table {len(names)} {names[0]}",
        on_select="rerun",
        selection_mode="single-cell",
        alt="Confusion matrix: rows are labels, columns answers",
    ).selection["cells"]
    show.download(
        frame.reset_index(),
        name=f"{report.run}-{report.split}-matrix.csv",
        key="confusion matrix",
        label="the matrix",
    )
    back = {_name(name): name for name in names}
    if not cells or cells[0][1] not in back or cells[0][0] >= len(names):
        return None
    return names[cells[0][0]], back[cells[0][1]]


def _behind(
    here: Page, report: EvaluationReport, confusion: Confusion, cell: tuple[str, str] | None
) -> None:
    if cell is None:
        return
    expected, predicted = cell
    rows = confusion.counts.get(cell, 0)
    if expected == predicted:
        st.markdown(f"**{plain(_name(expected))}, answered right: {quantity(rows, 'row')}**")
        st.caption("The report lists those of them in which a value is wrong.")
    else:
        st.markdown(
            f"**{plain(_name(expected))}, taken for {plain(_name(predicted))}: "
            f"{quantity(rows, 'row')}**"
        )
    errors = find_errors_of(report, expected, predicted)
    if errors:
        error_rows(
            here,
            report,
            errors,
            tab="Functions",
            chosen_by={"label": expected, "answer": predicted},
        )
    else:
        st.caption("No row is listed.")
