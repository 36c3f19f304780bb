"""How far the annotators of a module agree, and where they don't."""

from __future__ import annotations

from urllib.parse import quote

import pandas as pd
import streamlit as st

from radu_core.agreement import Agreement, Pair
from radu_core.workflows.annotate import annotation, views
from radu_core.workflows.frame.annotators import annotators
from studio.frame import show
from studio.frame.page import Page

__all__ = ["agreement", "figures"]

_NOTHING = "–"  # what isn't defined


def agreement(here: Page) -> None:
    """How many are asked, and how far they agree: over all, per pair, and where they don't."""
    _annotators(here)
    figures(here, views.measure_agreement(here.workspace, here.module))


def figures(here: Page, agreement: Agreement) -> None:
    """Figures over all, per pair, and every disagreement with a link to its utterance."""
    if not agreement.items:
        st.caption(
            "No utterance has the opinion of two people yet. Agreement is measured once a module "
            "has more than one annotator per utterance."
        )
        return
    _figures(agreement)
    _pairs(agreement)
    _disagreements(here, agreement)


def _annotators(here: Page) -> None:
    """How many people are asked about each utterance."""
    now = annotators(here.workspace, here.module)
    number_chosen = st.number_input(
        "People asked about each utterance",
        1,
        5,
        now,
        key=f"annotators {here.module}",
        width=260,
        help="With 2 or more, an utterance is decided when that many people agree; otherwise it "
        "goes to “Disagreements”. Decided utterances stay decided.",
    )
    if number_chosen != now:
        report = annotation.set_annotators(
            here.workspace, here.module, int(number_chosen), who=here.who
        )
        people = "One person is" if number_chosen == 1 else f"{number_chosen} people are"
        st.toast(f"{people} now asked about each utterance.{_became(report)}")


def _became(report: annotation.Reconsidered) -> str:
    """What became of utterances that had opinions enough already."""
    counts = {"decided": report.decided, "in dispute": report.disputed}
    parts = [f"{number:,} {what}" for what, number in counts.items() if number]
    return f" Existing opinions: {', '.join(parts)}." if parts else ""


def _figures(agreement: Agreement) -> None:
    items, spans, functions = st.columns(3)
    items.metric("utterances compared", f"{agreement.items:,}", help="With two opinions or more.")
    spans.metric(
        "span F1",
        _figure(agreement.span_f1),
        help="How often two people mark the same slot at exactly the same place, averaged over "
        "all pairs.",
    )
    functions.metric(
        "agreement on functions (α)",
        _figure(agreement.alpha),
        help="Krippendorff's α: 1 is perfect, 0 is chance, – where everybody says the same.",
    )


def _figure(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.3f}"


def _pairs(agreement: Agreement) -> None:
    rows = [
        {
            "annotator": p.first,
            "and": p.second,
            "utterances": p.items,
            "span F1": _figure(p.span_f1),
            "agreement on functions (κ)": _figure(p.kappa),
            "disagree on": len({d.exemplar_id for d in p.disagreements}),
        }
        for p in agreement.pairs
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="agreement pairs")


def _disagreements(here: Page, agreement: Agreement) -> None:
    rows = [
        _row(here, p, number) for p in agreement.pairs for number in range(len(p.disagreements))
    ]
    if not rows:
        st.caption("They agree on everything.")
        return
    kinds = sorted({row["about"] for row in rows})
    kinds_chosen = st.pills("Only about", kinds, selection_mode="multi", key="agreement kinds")
    rows_shown = [row for row in rows if not kinds_chosen or row["about"] in kinds_chosen]
    show.rows(
        rows_shown,
        name=f"{here.module}-disagreements.csv",
        key="agreement",
        label="disagreements",
        columns={"open": st.column_config.LinkColumn("open", display_text="open")},
    )


def _row(here: Page, pair: Pair, number: int) -> dict[str, str]:
    d = pair.disagreements[number]
    return {
        "id": d.exemplar_id,
        "about": d.kind,
        "slot": d.slot,
        "annotator": pair.first,
        "says": d.first,
        "and": pair.second,
        "says instead": d.second,
        "open": f"annotate?module={quote(here.module)}&item={quote(d.exemplar_id, safe='')}",
    }
