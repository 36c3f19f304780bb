"""What the index was built from, what it left out, and how the module retrieves."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from radu_core.retrieval import RetrievalSettings, Tuning
from radu_core.terms import TERMS, label
from radu_core.words import percent, quantity
from radu_core.workflows.coverage.report import (
    CoverageReport,
    embedders,
    left_out_rows,
    not_indexed_rows,
    retrieval_settings,
    set_retrieval,
    tune,
)
from radu_core.workflows.frame.run_names import run_label
from radu_core.workflows.train.dataset import depending_datasets
from studio.frame import jobs, show
from studio.frame.layout import side_by_side
from studio.frame.markdown import plain
from studio.frame.page import Page, messages

__all__ = ["choose", "first", "index", "use"]

_TOLD = "coverage used"


def first(here: Page, key: Hashable) -> None:
    """Before anything is measured: what to do, and how the module retrieves."""
    job = jobs.job(key)
    if job is None:
        st.info(
            "Press Measure: it builds the index if there is none, then measures every point.",
            icon=":material/grid_on:",
        )
    if job is None or job.state != "running":
        with st.expander("Retrieval settings", expanded=job is not None):
            _form(here)


def index(here: Page, report: CoverageReport) -> None:
    """Where the measured index came from; the settings; the weight that suits the module."""
    left, right = side_by_side([1, 1], key="coverage-index", gap="large")
    with left:
        _source(here, report)
    with right, messages():
        st.markdown("**Retrieval settings**")
        _form(here)
        _tuning(here)


def _source(here: Page, report: CoverageReport) -> None:
    index = report.grid.index
    source = index.source
    dense = (
        "every exemplar is compared (flat)"
        if source["dense"] == "flat"
        else f"approximate (HNSW): it finds {percent(source['recall'])} of the true 20 nearest "
        "(measured on 200)"
    )
    rows = {
        "embedder": source["embedder"],
        "functions": f"{len(index.functions):,}",
        "exemplars in the index": f"{len(index.exemplars):,}",
        "resolved exemplars they stand for": f"{source['members']:,}",
        "search by meaning": dense,
        "weight of meaning (dense_weight)": f"{report.settings.dense_weight:g}",
        "schema": source["schema"][:12],
        "index": index.fingerprint[:12],
        "embedder's weights": str(source["embedder_identity"])[:12],
    }
    st.markdown("**What was measured**")
    st.html(show.table_html(("what", "value"), rows.items()))
    st.markdown("**Resolved but not in the index**")
    _left_out(dict(source["left_out"]))
    show.download(
        not_indexed_rows(index),
        name=f"{here.module}-not-indexed.csv",
        key="not indexed",
        label="exemplars not indexed",
    )
    st.markdown(f"**In {report.split} but not measured**")
    _left_out(report.left_out)
    if report.left_out:
        rows_out = left_out_rows(here.workspace, here.module, report.split)
        show.download(
            rows_out,
            name=f"{here.module}-not-measured.csv",
            key="not measured",
            label="utterances not measured",
        )


def _left_out(counts: dict[str, int]) -> None:
    if not counts:
        st.caption("None.")
    else:
        st.markdown("\n".join(f"- {number:,}: {plain(why)}" for why, number in counts.items()))


def choose(here: Page, key: str, settings: RetrievalSettings) -> RetrievalSettings:
    """Widgets for an embedder and a weight, beginning with those ``settings``."""
    names = list(dict.fromkeys((*embedders(here.workspace), settings.embedder)))
    st.session_state.setdefault(f"{key} embedder", settings.embedder)
    embedder_kept = st.session_state[f"{key} embedder"]
    if embedder_kept and embedder_kept not in names:
        names.append(embedder_kept)
    name = st.selectbox(
        "Embedding model",
        names,
        key=f"{key} embedder",
        format_func=partial(run_label, here.workspace),
        accept_new_options=True,
        help="An installed model, a directory, a name on the hub (owner/name), or the id of a run "
        "that tuned a retriever.",
    )
    st.session_state.setdefault(f"{key} weight", settings.dense_weight)
    weight = st.slider(
        label("dense_weight"),
        0.0,
        1.0,
        step=0.05,
        key=f"{key} weight",
        help=TERMS["dense_weight"].help,
    )
    return settings.model_copy(
        update={"embedder": name or settings.embedder, "dense_weight": round(float(weight), 2)}
    )


def _form(here: Page) -> None:
    now = retrieval_settings(here.workspace, here.module)
    key = f"coverage set {here.module} {now.model_dump_json()}"
    _show_notice(here)
    settings = choose(here, key, now)
    st.session_state.setdefault(f"{key} graph", now.graph_from)
    graph_from = st.number_input(
        label("graph_from"),
        1,
        10_000_000,
        key=f"{key} graph",
        step=10_000,
        help=TERMS["graph_from"].help,
    )
    settings = settings.model_copy(update={"graph_from": int(graph_from)})
    if st.button(
        "Save for the module",
        disabled=settings == now,
        key="coverage do use",
        icon=":material/save:",
    ):
        with messages():
            use(here, settings)


def use(here: Page, settings: RetrievalSettings) -> None:
    """Store how the module retrieves, and say what that makes old."""
    set_retrieval(here.workspace, here.module, settings, who=here.who)
    old = depending_datasets(here.workspace, here.module)
    text = (
        f"{here.module} retrieves with {settings.embedder}, weight of meaning "
        f"{settings.dense_weight:g}. "
    )
    text += f"Build these datasets again: {', '.join(old)}." if old else "No dataset depends on it."
    st.session_state[_TOLD] = (here.module, text)
    st.rerun()


def _show_notice(here: Page) -> None:
    module, text = st.session_state.pop(_TOLD, ("", ""))
    if module == here.module and text:
        st.success(plain(text), icon=":material/check_circle:")


def _tuning(here: Page) -> None:
    key = ("coverage tune", here.module)
    st.divider()
    st.markdown("**Weight of meaning for this module**")
    st.caption(
        "Tries eleven weights on the training exemplars, leaving out one exemplar at a time, and "
        "averages coverage at 1, 3, 5 and 8 functions."
    )
    if st.button("Tune on train", icon=":material/tune:", key="coverage do tune"):
        jobs.start(key, "Tuning", lambda p: tune(here.workspace, here.module, progress=p))
    tuning = jobs.show(key)
    if tuning is not None:
        _tuning_table(here, tuning)


def _tuning_table(here: Page, tuning: Tuning) -> None:
    now = retrieval_settings(here.workspace, here.module)
    rows: list[dict[str, Any]] = [
        {"weight of meaning": weight, "coverage": share, "": _mark(tuning, now, weight)}
        for weight, share in tuning.shares.items()
    ]
    show.table(
        pd.DataFrame(rows),
        key="coverage do tuned",
        height=38 + 35 * len(rows),
        columns={
            "weight of meaning": st.column_config.NumberColumn(width=90),
            "coverage": st.column_config.ProgressColumn(
                format="percent",
                width=130,
                min_value=min(tuning.shares.values()) - 0.01,
                max_value=max(tuning.shares.values()),
            ),
        },
    )
    st.markdown(_reason(tuning))
    if st.button(
        f"Save {tuning.weight:g} for the module",
        disabled=tuning.weight == now.dense_weight,
        key="coverage do tuned use",
        icon=":material/save:",
    ):
        with messages():
            use(here, now.model_copy(update={"dense_weight": tuning.weight}))


def _mark(tuning: Tuning, now: RetrievalSettings, weight: float) -> str:
    marks = [("recommended", tuning.weight), ("highest", tuning.best), ("in use", now.dense_weight)]
    return ", ".join(name for name, value in marks if value == weight)


def _reason(tuning: Tuning) -> str:
    basis = f"on {quantity(tuning.queries, 'exemplar')}"
    if tuning.weight == tuning.best:
        return f"Recommended: {tuning.weight:g}, the highest {basis}."
    gain = tuning.shares[tuning.best] - tuning.shares[tuning.weight]
    return (
        f"Recommended: {tuning.weight:g}, the default. {tuning.best:g} is {100 * gain:.2f} points "
        f"higher {basis}, which is within one standard error ({100 * tuning.error:.2f}): it may "
        "be chance."
    )
