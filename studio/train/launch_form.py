"""The launch tab of the Train page: settings, a check before, the run's config, the button."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from radu_core.errors import RaduError
from radu_core.files import content_hash
from radu_core.models import DEFAULT_GENERATOR
from radu_core.terms import label
from radu_core.training.run.config import TrainConfig
from radu_core.training.watcher.launcher import Launcher
from radu_core.workflows.coverage.prompt_tokens import generators
from radu_core.workflows.coverage.report import base_embedders
from radu_core.workflows.runs import launch
from radu_core.workflows.train import dataset
from radu_core.workflows.train.dataset import DatasetView
from radu_core.workflows.train.fit import plan_of
from radu_core.workflows.train.preflight import preflight_report
from studio.frame import jobs
from studio.frame.layout import expander
from studio.frame.markdown import plain
from studio.frame.page import Page
from studio.train import runs_views
from studio.train.launch_contrastive import CONTRASTIVE_EXPERT, CONTRASTIVE_SIMPLE, begin_alone
from studio.train.launch_lsr import LSR_EXPERT, LSR_SIMPLE, begin_with, teachers
from studio.train.launch_report import report_view, same_elsewhere
from studio.train.launch_settings import (
    EXPERT,
    RETRIEVER_EXPERT,
    RETRIEVER_SIMPLE,
    SIMPLE,
    Setting,
)

__all__ = ["show_launch_form"]

ALL_LINEAR = "all-linear"
_METHODS = {
    "generator": "LoRA trains a small adapter: fast, with little memory. Full changes all "
    "weights, for many rows and enough memory. QLoRA keeps the base model in 4 bits, for GPUs "
    "that are too small otherwise (needs bitsandbytes).",
    "retriever": "Full changes all weights of the encoder. LoRA trains a small adapter and merges "
    "it at the end, with less memory for large encoders.",
}
_OWN_METHODS = {"joint": ["full", "lora"], "contrastive": ["full", "lora"], "lsr": ["full"]}
_SHARED = ("base_model", "notes", "tags", "seed")  # kept when the objective changes
_NAME = re.compile(r"[\w.-]+")
_NARROWEST = 230  # pixels of a field


def show_launch_form(here: Page) -> None:
    """Ask, say at each field what is wrong with it, check, launch."""
    datasets: Sequence[DatasetView] = dataset.datasets(here.workspace, here.module)
    if not datasets:
        st.info("Build a dataset first, in “1 Dataset”.")
        return
    form = _form(here, datasets)
    datasets = form.built
    data = _data(here, form)
    reachable = _reachable()
    launcher_chosen = st.session_state.get(_key("launcher"))
    where = launch.make_launcher(launcher_chosen if launcher_chosen in reachable else "local")
    wrong = launch.wrong_settings(here.workspace, data, here=where.name == "local")
    _settings(here, form, data, wrong)
    if not datasets:
        return
    if len(reachable) > 1:
        st.segmented_control(
            "Where",
            reachable,
            default="local",
            required=True,
            key=_key("launcher"),
            persist_state="session",
            help="local: this machine. ray: the Ray cluster at RAY_ADDRESS.",
        )
    config = None if wrong else TrainConfig.validate_data(data)
    _buttons(here, config, where)
    if wrong:
        labels = {s.field: s.label for s in form.all}
        names = ", ".join(labels.get(name, _LABELS.get(name, name)) for name in wrong)
        st.error(plain(f"The settings have errors. Correct these fields: {names}."))
    _outcomes(here, config)
    if config is not None:
        same_elsewhere(here, config, where)


@st.cache_data(ttl=15, show_spinner=False)  # a cluster that doesn't answer takes 2 s to say so
def _reachable() -> list[str]:
    """The launchers that can be used now."""
    return launch.reachable_launchers()


_LABELS = {"dataset": "Dataset", "base_model": "Base model", "method": "Method"}


def _key(field: str) -> str:
    return f"launch {field}"


@dataclass(frozen=True)
class _Form:
    """What is asked of one target.

    Its datasets, base models and methods, the first of each being the default; its settings; and
    what of these doesn't begin with its usual default.
    """

    target: str
    built: Sequence[DatasetView]
    models: list[str]
    methods: list[str]
    simple: tuple[Setting, ...]
    expert: Mapping[str, tuple[Setting, ...]]
    planned: Mapping[str, Any]
    objective: str = "joint"

    @property
    def all(self) -> tuple[Setting, ...]:
        """All its settings."""
        return (*self.simple, *(s for group in self.expert.values() for s in group))

    def key(self, field: str) -> str:
        """A field's key. What follows the number of labels begins again with another dataset."""
        if self.target == "generator":
            return _key(field)
        own = [self.objective] if self.objective != "joint" and field not in _SHARED else []
        return " ".join(["launch", self.target, *own, field, *_plan_lines(field, self.planned)])

    def initial_value(self, setting: Setting) -> Any:
        """What a field begins with."""
        default = TrainConfig.model_fields[setting.field].default
        return _as_shown(setting, self.planned.get(setting.field, default))


def _plan_lines(field: str, plan: Mapping[str, Any]) -> list[str]:
    """What was planned of a field that follows the number of labels."""
    return [f"{plan[field]:g}"] if field == "epochs" and field in plan else []


def _form(here: Page, datasets: Sequence[DatasetView]) -> _Form:
    if st.session_state.get(_key("target")) != "retriever":
        methods = launch.generator_methods()
        models = generators(here.workspace) or [DEFAULT_GENERATOR]
        return _Form("generator", datasets, models, methods, SIMPLE, EXPERT, {})
    own = [view for view in datasets if not view.is_mixed]
    plan = _plan(here, _chosen_dataset(own)) if own else {}
    first = plan.pop("base_model", None)
    models = list(dict.fromkeys([*([first] if first else []), *base_embedders(here.workspace)]))
    objective = st.session_state.get(_key("objective")) or "joint"
    methods = _OWN_METHODS[objective]
    simple: tuple[Setting, ...] = RETRIEVER_SIMPLE
    expert: Mapping[str, tuple[Setting, ...]] = RETRIEVER_EXPERT
    if objective == "lsr":
        simple, expert, plan = LSR_SIMPLE, LSR_EXPERT, begin_with(plan)
    elif objective == "contrastive":
        simple, expert, plan = CONTRASTIVE_SIMPLE, CONTRASTIVE_EXPERT, begin_alone(plan)
    return _Form("retriever", own, models, methods, simple, expert, plan, objective)


def _chosen_dataset(datasets: Sequence[DatasetView]) -> DatasetView:
    """The dataset that is chosen, before the field is drawn."""
    title = st.session_state.get(_key("dataset"))
    return {view.title: view for view in datasets}.get(str(title), datasets[0])


def _plan(here: Page, view: DatasetView) -> dict[str, Any]:
    """What Fit would choose for that many labels."""
    key, plan_state = "launch planned", content_hash([str(view.directory), view.manifest.hash])
    plan_kept = st.session_state.get(key)
    if plan_kept is None or plan_kept[0] != plan_state:  # reading the labels takes a moment
        try:
            config, _ = plan_of(here.workspace, here.module, view.directory)
        except RaduError:  # a dataset without labels: Check says so
            return {}
        fields = {"base_model", *(s.field for s in RETRIEVER_SIMPLE)}
        fields |= {s.field for group in RETRIEVER_EXPERT.values() for s in group}
        plan_kept = st.session_state[key] = (plan_state, config.model_dump(include=fields))
    usual = {n: f.default for n, f in TrainConfig.model_fields.items()}
    return {n: v for n, v in plan_kept[1].items() if v != usual.get(n)}


def _data(here: Page, form: _Form) -> dict[str, Any]:
    """The settings as they stand, before the fields are drawn, so that each can show its error."""
    method = st.session_state.get(form.key("method"), form.methods[0]) or form.methods[0]
    data: dict[str, Any] = {
        "target": form.target,
        "dataset": _chosen_dataset(form.built).directory if form.built else Path(),
        "base_model": st.session_state.get(form.key("base_model"), form.models[0]) or "",
        "method": method,
    }
    if form.objective != "joint":
        data["objective"] = form.objective
    for each in form.all:
        if each.adapter and method == "full":
            continue  # there is no adapter: its fields are off and don't count
        widget_value = st.session_state.get(form.key(each.field), form.initial_value(each))
        data[each.field] = _value(each, widget_value)
    return data


def _as_shown(setting: Setting, default: Any) -> Any:
    """A default, as the field shows it."""
    if setting.kind == "number":
        return float(default or 0)
    if setting.kind == "whole":
        return default or 0
    if setting.kind in ("rate", "words"):
        return ""
    if setting.kind == "names":
        return [*default]
    return [default] if setting.kind == "layers" else default


def _value(setting: Setting, widget_value: Any) -> Any:
    """What a field shows, as the config takes it."""
    if setting.optional:
        return widget_value or None
    if setting.kind == "rate":
        return (widget_value or "").strip() or None
    if setting.kind == "words":
        return _words(widget_value)
    if setting.kind == "layers":
        return _targets(widget_value)
    return widget_value


def _targets(names: Sequence[str]) -> str | list[str]:
    """What was chosen as peft takes it: one name would be a pattern if it weren't in a list."""
    if len(names) == 1 and (names[0] == ALL_LINEAR or not _NAME.fullmatch(names[0])):
        return names[0]
    return [*names]


def _all_or_some(key: str) -> None:
    """Choosing a layer takes all-linear away, and choosing that takes the layers away."""
    choice, before = st.session_state[key], st.session_state.get(f"{key} before", [ALL_LINEAR])
    if ALL_LINEAR in choice and len(choice) > 1:
        some = [name for name in choice if name != ALL_LINEAR]
        choice = some if ALL_LINEAR in before else [ALL_LINEAR]
        st.session_state[key] = choice
    st.session_state[f"{key} before"] = choice


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _settings(here: Page, form: _Form, data: dict[str, Any], wrong: dict[str, str]) -> None:
    st.segmented_control(
        "Target",
        ["generator", "retriever"],
        default="generator",
        required=True,
        format_func=label,
        key=_key("target"),
        persist_state="session",
        help="The generator is the language model that answers prompts. The retriever is the "
        "embedding model: it is tuned in minutes, and answers without a language model.",
    )
    if form.target == "retriever":
        st.segmented_control(
            "Objective",
            list(_OWN_METHODS),
            default="joint",
            required=True,
            format_func=label,
            key=_key("objective"),
            persist_state="session",
            help="joint tunes the encoder and the layers that answer. contrastive and LSR tune "
            "only the search for exemplars: on the labels, or on what helps a language model.",
        )
    if not form.built:
        st.info("A retriever is tuned for one module. Build a dataset of this one alone first.")
        return
    with st.container(key="launch-fields"):
        _fields(here, form, data, wrong)


def _fields(here: Page, form: _Form, data: dict[str, Any], wrong: dict[str, str]) -> None:
    fields = st.grid(3, min_column_width=_NARROWEST)
    left, middle, right = (fields.cell() for _ in range(3))
    titles = {v.title: " (out of date)" if v.outdated else "" for v in form.built}
    left.selectbox(
        "Dataset",
        list(titles),
        format_func=lambda title: title + titles[title],
        key=_key("dataset"),
        persist_state="session",
        help="A dataset built in “1 Dataset”.",
    )
    middle.selectbox(
        "Base model",
        form.models,
        accept_new_options=True,
        key=form.key("base_model"),
        persist_state="session",
        help="An installed model, a name on the hub (owner/name), or a directory."
        + (" Any sentence-transformers model." if form.target == "retriever" else ""),
    )
    right.segmented_control(
        "Method",
        form.methods,
        default=form.methods[0],
        required=True,
        format_func=label,
        key=form.key("method"),
        persist_state="session",
        help=_METHODS[form.target],
    )
    for column, name in ((left, "dataset"), (middle, "base_model"), (right, "method")):
        _wrong(column, wrong.get(name))
    full = data["method"] == "full"
    offers = _offers(here, data)
    _group(form, form.simple, wrong, offers)
    with expander("Expert", icon=":material/tune:", key="launch expert"):
        for name, group in form.expert.items():
            st.markdown(
                f"**{name}**" + (" (not for all weights)" if full and name == "Adapter" else "")
            )
            _group(form, group, wrong, offers)


@dataclass(frozen=True)
class _Offers:
    """What of the fields depends on others: the base model's layers, the method and its rate."""

    layers: tuple[str, ...]
    full: bool
    rate: str
    teachers: tuple[str, ...] = ()


def _offers(here: Page, data: dict[str, Any]) -> _Offers:
    method = data["method"]
    target = data["target"]
    objective = data.get("objective", "joint")
    rate = TrainConfig.model_construct(
        target=target, objective=objective, method=method, learning_rate=None
    ).rate
    return _Offers(
        launch.layers(here.workspace, str(data["base_model"])) if target == "generator" else (),
        method == "full",
        f"{rate:.0e}".replace("e-0", "e-"),
        tuple(teachers(here)) if objective == "lsr" else (),
    )


def _group(
    form: _Form, settings: Sequence[Setting], wrong: dict[str, str], offers: _Offers
) -> None:
    """Three fields in a row, two in a narrow window."""
    fields = st.grid(3, min_column_width=_NARROWEST)
    for setting in settings:
        cell = fields.cell()
        _field(cell, form, setting, offers)
        _wrong(cell, wrong.get(setting.field))


def _field(column: DeltaGenerator, form: _Form, setting: Setting, offers: _Offers) -> None:
    value, key = form.initial_value(setting), form.key(setting.field)
    off = offers.full and setting.adapter
    common: dict[str, Any] = {
        "key": key,
        "help": setting.help,
        "disabled": off,
        "persist_state": "session",
    }
    if setting.kind == "whole":
        column.number_input(setting.label, value=value, step=int(setting.step), **common)
    elif setting.kind == "number":
        step = float(setting.step)
        column.number_input(setting.label, value=value, step=step, format="%g", **common)
    elif setting.kind == "choice":
        column.selectbox(setting.label, setting.options, format_func=label, **common)
    elif setting.kind == "yes":
        column.toggle(setting.label, value, **common)
    elif setting.kind == "layers":
        column.multiselect(
            setting.label,
            [ALL_LINEAR, *offers.layers],
            value,
            accept_new_options=True,
            on_change=_all_or_some,
            args=(key,),
            **common,
        )
    elif setting.kind == "names":
        options = list(dict.fromkeys([*offers.teachers, *value]))
        column.multiselect(setting.label, options, value, accept_new_options=True, **common)
    else:
        empty = offers.rate if setting.kind == "rate" else None
        column.text_input(setting.label, value, placeholder=empty, **common)


def _wrong(column: DeltaGenerator, message: str | None) -> None:
    if message:
        column.markdown(f":red[:material/error: {plain(message)}]")


def _buttons(here: Page, config: TrainConfig | None, where: Launcher) -> None:
    check_key, launch_key = ("launch check", here.module, here.who), ("launch", here.module)
    # neither is off while its job runs: the keyboard's focus would be lost, and go to the top
    with st.container(horizontal=True, vertical_alignment="center"):
        check = st.button(
            "Check",
            icon=":material/fact_check:",
            disabled=config is None,
            key="launch check button",
        )
        launched = st.button(
            "Launch",
            type="primary",
            icon=":material/rocket_launch:",
            key="launch button",
            disabled=config is None,
        )
        # beside them: a tooltip would lie on the fields above for as long as the button is focused
        st.caption(
            "Check measures rows, memory, time and disk in about a minute, without launching.",
            width="content",
        )
    if config is None:
        return
    if check:
        _forget(launch_key)
        jobs.start(
            check_key,
            "Checking",
            lambda progress: preflight_report(here.workspace, config, progress=progress),
            about=config.with_absolute_paths(),
            restart=True,
        )
    if launched:
        # they would measure a machine that the run is using
        jobs.stop_all("launch check", here.module)
        jobs.start(
            launch_key,
            "Launching",
            lambda progress: launch.start(
                here.workspace, config, launcher=where, progress=progress
            ),
            about=config.with_absolute_paths(),
        )


def _runs(key: Hashable) -> bool:
    job = jobs.job(key)
    return job is not None and job.running


def _forget(key: Hashable) -> None:
    """Forget a job that has ended."""
    if not _runs(key):
        jobs.forget(key)


def _outcomes(here: Page, config: TrainConfig | None) -> None:
    launch_key, check_key = ("launch", here.module), ("launch check", here.module, here.who)
    above = st.empty()
    run = jobs.show(launch_key, passing=True)
    _under_way(above, launch_key, "A launch", "Stop it to launch another run.", config)
    if run is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.success(f"Run {plain(run.id)} has started: see “3 Runs”. You can close this tab.")
            st.button(
                "Show it",
                icon=":material/visibility:",
                key="launch show",
                on_click=runs_views.lead_to,
                args=(run.id,),
            )
    above = st.empty()
    report = jobs.show(check_key, passing=True)
    _under_way(above, check_key, "A check", "Press Check to start again.", config)
    if report is not None:
        resolved = config and config.with_absolute_paths()
        if report.config != resolved:
            st.info("The settings have changed. Press Check again.")
        report_view(report)


def _under_way(
    above: DeltaGenerator, key: Hashable, what: str, instead: str, config: TrainConfig | None
) -> None:
    """What another press does while a job runs, maybe with other settings than are shown.

    Shown after the job: it may end meanwhile.
    """
    job = jobs.job(key)
    if job is not None and job.running:
        has_changed = config is None or job.about != config.with_absolute_paths()
        above.caption(
            f"{what} is under way{', with the earlier settings' if has_changed else ''}. {instead}"
        )
