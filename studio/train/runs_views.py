"""The Runs tab of the Train page: all runs, the chosen one live, and what is done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st
import yaml

from radu_core.errors import InputError
from radu_core.files import content_hash
from radu_core.training.run.directory import FINAL, RunDirectory
from radu_core.words import quantity
from radu_core.workflows.frame import run_list
from radu_core.workflows.frame.news import mark_seen
from radu_core.workflows.frame.run_names import label_with, run_label, run_name
from radu_core.workflows.playground.export_needs import needs_outside
from radu_core.workflows.runs import launch
from radu_core.workflows.runs.figures import card, last_figures
from radu_core.workflows.runs.launch import RunView
from radu_core.workflows.train import manage_runs
from studio.frame import jobs
from studio.frame.address import read_address
from studio.frame.markdown import plain
from studio.frame.navigation import link
from studio.frame.page import Page, messages
from studio.frame.run_badge import run_badge
from studio.train import bundle, retriever_views, runs_curves, runs_list
from studio.train.runs_compare import compare

__all__ = [
    "RUNS",
    "TAB",
    "lead_by_address",
    "lead_to",
    "list_runs",
    "watch",
]

RUNS, TAB = "3 Runs", "train tab"

_ACTIONS = {"stop": ("Stop", ":material/stop:"), "resume": ("Resume", ":material/play_arrow:")}


def lead_to(name: str) -> None:
    """Show a run in its tab; in a callback, before the tabs are drawn."""
    st.session_state[TAB], st.session_state["run wanted"] = RUNS, name


def list_runs(here: Page) -> list[RunDirectory]:
    """The module's runs, newest first."""
    return run_list.runs(here.workspace, here.module)


def lead_by_address(runs: Sequence[RunDirectory]) -> None:
    """Show the run that the page's address names, once; before the tabs are drawn."""
    names = [run.id for run in runs]
    if "run" in st.query_params:
        st.session_state[TAB] = RUNS  # also where it isn't there: the others are listed
    if name := read_address("run", names, what="run", remedy="Choose one under “3 Runs”."):
        del st.query_params["run"]
        lead_to(name)


def watch(here: Page, module_runs: Sequence[RunDirectory]) -> None:
    """All runs of the module, the chosen one live, a comparison, and the trash."""
    runs_list.note_states(module_runs)
    runs_list.table(here, tuple(run.id for run in module_runs), lead_to)
    if module_runs:
        runs = {run.id: run for run in module_runs}
        linked_run = st.session_state.pop("run wanted", None)  # by a fork, a link or a row
        if linked_run in runs:
            st.session_state["run chosen"] = linked_run
        names = list(runs)
        at_work = next((n for n in names if runs_list.at_work(runs[n])), None)
        first = at_work or bundle.in_preparation(here, module_runs) or names[0]
        run_chosen = runs[
            st.selectbox(
                "Run",
                names,
                index=names.index(first),
                format_func=partial(run_label, here.workspace),
                key="run chosen",
                persist_state="page",
                width=480,
            )
        ]
        if run_chosen.state()[0] in FINAL:
            mark_seen(here.workspace, here.who, [run_chosen.id])
        _live(here, run_chosen)
        bundle.bundle(here, run_chosen)
        _manage(here, run_chosen)
        retriever_views.show_retriever(here, run_chosen)
        if len(module_runs) > 1:
            compare(here, module_runs)
    _trash(here)


@st.fragment(run_every=1.0)
def _live(here: Page, run: RunDirectory) -> None:
    with messages():
        if not run.exists:
            st.error("This run's directory was deleted, so nothing can be shown.")
            return
        view = launch.run_view(run)
        runs_list.same_state(run.id, view.state)
        # each in a place of its own: what comes and goes in one doesn't move the next
        with st.container():
            _actions(here, run, view)
        with st.container():
            _state(here, run, view)
        with st.container():
            if view.written is not None:
                (st.warning if view.written.coarse else st.caption)(plain(view.written.text))
        with st.container():
            if view.steps:
                runs_curves.losses(view)
        with st.container():
            if view.latest:
                _figures(view)
                if view.padded:
                    st.caption(plain(f"Rows are padded, not packed: {view.padded}."))
        with st.container():
            runs_curves.shares(view)
        _settings_and_log(run, view)
        if view.state == "finished":
            _model(here, run)


def _settings_and_log(run: RunDirectory, view: RunView) -> None:
    """Drawn when it is open: what is hidden needn't be sent each second, or highlighted."""
    part = st.expander("Settings and log", key=f"settings and log {run.id}", on_change="rerun")
    if part.open:
        with part:
            st.caption(plain(run.path))
            st.code(view.log_tail or "(the log is empty)", language=None)
            st.code(view.settings, language="yaml")


def _model(here: Page, run: RunDirectory) -> None:
    """Where it lies, how to take it along, and its card, which says how to load and serve it."""
    part = st.expander("Model and its card", key=f"model of {run.id}", on_change="rerun")
    if part.open:
        with part, messages():
            st.caption(plain(run.model))
            st.code(f"radu export-model {run.id} DIR", language="bash")
            for need in needs_outside(here.workspace, run):
                st.warning(plain(need), icon=":material/link:")
            st.code(card(run), language="markdown")


def _actions(here: Page, run: RunDirectory, view: RunView) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        run_badge(view.state)
        if view.where:
            st.badge(plain(f"on {view.where}"), color="violet", icon=":material/cloud:")
        _stop_or_resume(here, run, view)
        if view.state == "finished":
            link("evaluate", "Evaluate", module=here.module, run=run.id)


def _stop_or_resume(here: Page, run: RunDirectory, view: RunView) -> None:
    """One button for both, so that the keyboard's focus stays on it when the run has stopped.

    A press counts as what the button said when it was pressed: the run may have ended since.
    """
    can = "" if view.state in FINAL else "stop"
    can = "resume" if view.state in ("stopped", "failed", "lost") else can
    pressed_action = st.session_state.get("run action")
    st.session_state["run action"] = (run.id, can)
    if not can:
        return
    label, icon = _ACTIONS[can]
    if not st.button(label, icon=icon, key="run action button") or pressed_action != (run.id, can):
        return
    if can == "stop":
        with st.spinner("It saves what it has learnt …"):
            launch.stop_run(here.workspace, run.id)
    else:
        launch.resume(here.workspace, run.id)
    st.rerun(scope="app")


def _manage(here: Page, run: RunDirectory) -> None:
    """A run's name, its notes, and what to do with it. Not in the fragment: it runs each second."""
    about = runs_list.about_of(run)
    with st.container(horizontal=True, vertical_alignment="center"):
        # each run has its own: one that is open is closed when another run is shown
        with st.popover("Fork", icon=":material/fork_right:", key=f"fork {run.id}"):
            _fork(here, run)
        with st.popover("Name and notes", icon=":material/edit_note:", key=f"about {run.id}"):
            _describe(here, run)
        with st.popover("Delete", icon=":material/delete:", key=f"delete {run.id}"):
            _delete(here, run)
        for tag in about.tags:
            st.badge(plain(tag), color="gray")
    if about.notes:
        st.markdown(plain(about.notes))
    if about.forked_from:
        st.caption(f"Forked from {plain(run_label(here.workspace, about.forked_from))}.")


def _fork(here: Page, run: RunDirectory) -> None:
    """The settings that change, one per line; the rest is as in the run."""
    st.caption(f"A new run with the settings of {plain(run.id)} and your changes, from step 0.")
    text = st.text_area(
        "Changes (YAML, one setting per line)",
        placeholder="learning_rate: 0.0005\nseed: 1",
        key=f"fork changes {run.id}",
        persist_state="page",
    )
    key = ("fork", run.id)
    job = jobs.job(key)
    with messages():
        if st.button(
            "Launch",
            type="primary",
            icon=":material/rocket_launch:",
            key="fork launch",
            disabled=job is not None and job.state == "running",
        ):
            changes = _changes(text)
            manage_runs.changed_config(run, changes)  # says what is wrong before anything starts
            jobs.start(
                key,
                "Launching",
                lambda progress: manage_runs.fork(
                    here.workspace, run.id, changes, progress=progress
                ),
            )
        forked = jobs.show(key, passing=True)
        if forked is not None:
            st.success(f"Run {plain(forked.id)} has started.")
            if st.button("Show it", key="fork show"):
                jobs.forget(key)
                st.session_state["run wanted"] = forked.id
                st.rerun()
    with messages(), st.expander("Its settings"):
        st.code(run.config().to_yaml(), language="yaml")


def _changes(text: str) -> dict[str, object]:
    try:
        data = yaml.safe_load(text) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError("The changes aren't YAML", value=text, remedy="Correct them.") from error
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise InputError(
            "The changes aren't settings",
            value=text,
            remedy="Write one setting per line, as name: value.",
        )
    if not data:
        raise InputError(
            "Nothing was changed, so the run would be the same",
            remedy="Write a setting and its new value, such as seed: 1.",
        )
    return data


def _describe(here: Page, run: RunDirectory) -> None:
    with messages():
        about = manage_runs.about(run)
        # what somebody else has written since isn't overwritten by what was shown before
        version = f"{run.id} {content_hash(about.model_dump_json())[:8]}"
        name = st.text_input(
            "Name",
            about.name,
            key=f"name {version}",
            persist_state="page",
            max_chars=manage_runs.LONGEST_NAME,
            help="Shown wherever the run appears. Its id and its directory stay.",
        )
        notes = st.text_area(
            "Notes",
            about.notes,
            key=f"notes {version}",
            persist_state="page",
            height=68,  # pixels: taller, the button below isn't on a screen of 768
        )
        tags = st.multiselect(
            "Tags",
            list(about.tags),
            list(about.tags),
            accept_new_options=True,
            key=f"tags {version}",
            persist_state="page",
            help="Type one and press Enter.",
        )
        if st.button("Save", type="primary", key="describe save"):
            if name != about.name:
                manage_runs.rename(here.workspace, run.id, name)
            manage_runs.describe(here.workspace, run.id, notes=notes, tags=tags)
            st.rerun()


def _delete(here: Page, run: RunDirectory) -> None:
    with messages():
        if (state := run.state()[0]) not in FINAL:
            st.markdown(f"{plain(run.id)} is {state}. Stop it first.")
            return
        st.markdown(f"{plain(run.id)} goes to the trash, from where it can be restored below.")
        if st.button("Move to the trash", type="primary", key="delete confirmed"):
            manage_runs.trash(here.workspace, run.id)
            st.rerun()


def _trash(here: Page) -> None:
    names = {run.id: run_name(run) for run in run_list.list_trash(here.workspace)}
    thrown = list(names)
    if not thrown:
        return
    with st.expander(f"Trash ({len(thrown)})"), messages():
        name = st.selectbox(
            "Deleted run",
            thrown,
            format_func=lambda id_: label_with(id_, names[id_]),
            key="trash chosen",
            persist_state="page",
        )
        with st.container(horizontal=True):
            if st.button("Restore", icon=":material/restore_from_trash:", key="trash restore"):
                manage_runs.restore_run(here.workspace, name)
                st.rerun()
            with st.popover("Empty the trash", icon=":material/delete_forever:"):
                st.markdown(f"{len(thrown)} of all modules are deleted for good, models and all.")
                if st.button("Delete for good", key="trash empty"):
                    manage_runs.empty_trash(here.workspace)
                    st.rerun()


def _state(here: Page, run: RunDirectory, view: RunView) -> None:
    if view.reason:
        bad = view.state in ("failed", "lost", "damaged")
        (st.error if bad else st.info)(plain(view.reason))
    if view.state == "queued":
        ahead = manage_runs.waits_for(run)
        names = ", ".join(run_label(here.workspace, one) for one in ahead)
        sentence = f"It waits for {plain(names)}." if ahead else "It starts next."
        st.info(f"{sentence} One run at a time uses the machine.", icon=":material/hourglass:")
    latest = view.latest
    if view.state == "saving":
        _saving(view.saving)
    elif view.stage:
        st.progress(_share(latest), text=f"{plain(view.stage)} …{_resume_text(latest)}")
    elif latest:
        text = f"step {int(latest['step']):,} of {int(latest['steps']):,}"
        if view.state != "queued":  # it has been that fast, before it was resumed
            text += f" · {latest['tokens_per_second']:,.0f} tokens/s"
        if view.evaluating and view.state == "running":
            text += f" · evaluating {quantity(view.evaluating, 'row')}"
        if view.state == "running":
            text += f" · {_duration(latest['eta_seconds'])} left"
        st.progress(1.0 if view.state == "finished" else _share(latest), text=text)


def _share(latest: Mapping[str, Any]) -> float:
    """How much of the run is done by its newest step."""
    return min(1.0, int(latest["step"]) / int(latest["steps"])) if latest else 0.0


def _resume_text(latest: Mapping[str, Any]) -> str:
    """Where a run goes on; its speed and what is left are known once it has made a step."""
    return f" It continues after step {latest['step']:,} of {latest['steps']:,}." if latest else ""


def _saving(data: Mapping[str, Any]) -> None:
    """How far the writing and checking of the model is."""
    done, total, seconds = (float(data.get(n) or 0) for n in ("done", "total", "seconds"))
    text = f"{data.get('what') or 'Saving'} …"
    if total:
        text += f" {done:,.0f} of {quantity(int(total), 'row')}"
    if done and seconds:
        text += f" · {done / seconds:,.1f} rows/s"
    st.progress(done / total if total else 0.0, text=text)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _figures(view: RunView) -> None:
    """The newest figures; under those on validation rows what they rest on."""
    latest = view.latest
    best = min((e.data["loss"] for e in view.validations if "loss" in e.data), default=None)
    figures = {
        "loss": (f"{latest['loss']:.3f}", ""),
        "learning rate": (f"{latest.get('learning_rate') or 0:.1e}", ""),
        "memory": (f"{latest.get('memory_gb', 0):.1f} GB", ""),
        "best validation loss": ("–" if best is None else f"{best:.3f}", ""),
    }
    for figure in last_figures(view.validations, view.asked):
        if figure.name == "loss":
            figures["best validation loss"] = (f"{best:.3f}", figure.basis)
        else:
            figures[figure.label] = (figure.text, figure.basis)
    with st.container(horizontal=True, gap="medium"):  # what doesn't fit goes to the next line
        for label, (value, basis) in figures.items():
            st.metric(
                label, value, basis or None, delta_color="off", delta_arrow="off", width="content"
            )
