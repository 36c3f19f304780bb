"""The launch tab of the Train page: settings, a check before, the run's config, the button."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from radu_core.models import DEFAULT_GENERATOR
from radu_core.training import TrainConfig
from radu_core.training.launcher import LAUNCHERS, Launcher, launcher
from radu_core.training.quantized import missing_for_qlora
from radu_core.workflows import train
from radu_core.workflows.dataset import DatasetView
from radu_core.workflows.preflight import command, preflight_report
from radu_core.workflows.prompt_tokens import generators
from studio import jobs, runs_views
from studio.launch_report import report_view
from studio.launch_settings import EXPERT, SIMPLE, Setting
from studio.layout import expander
from studio.markdown import plain
from studio.page import Page

__all__ = ["launch"]

ALL_LINEAR = "all-linear"
_NAME = re.compile(r"[\w.-]+")
_NARROWEST = 230  # pixels of a field
_STYLE = """<style>
.st-key-launch-fields [data-testid="stWidgetLabel"] p { white-space: normal; }
</style>"""  # a label that is cut off doesn't say what is asked


def launch(here: Page, built: Sequence[DatasetView]) -> None:
    """Ask, say at each field what is wrong with it, check, launch."""
    if not built:
        st.info("Build a dataset first, in “1 Dataset”.")
        return
    data = _data(here, built)
    reachable = _reachable()
    chosen = st.session_state.get(_key("launcher"))
    where = launcher(chosen if chosen in reachable else "local")
    wrong = train.wrong_settings(here.workspace, data, here=where.name == "local")
    _settings(here, built, data, wrong)
    if len(reachable) > 1:
        st.segmented_control(
            "Where",
            reachable,
            default="local",
            required=True,
            key=_key("launcher"),
            persist_state="session",
            help="local: this machine. ray: the Ray cluster of RAY_ADDRESS, which answers.",
        )
    config = None if wrong else TrainConfig.checked(data)
    _buttons(here, config, where)
    if wrong:
        labels = {s.field: s.label for s in _all()}
        names = ", ".join(labels.get(name, _LABELS.get(name, name)) for name in wrong)
        st.error(plain(f"It can't be launched as it is. Correct at the field: {names}."))
    _outcomes(here, config)
    if config is not None:
        _same_elsewhere(here, config, where)


@st.cache_data(ttl=15, show_spinner=False)  # a cluster that doesn't answer takes 2 s to say so
def _reachable() -> list[str]:
    """The launchers that can be used now."""
    return [name for name in LAUNCHERS if not launcher(name).unreachable()]


_LABELS = {"dataset": "Dataset", "base_model": "Base model", "method": "Method"}


def _all() -> tuple[Setting, ...]:
    return (*SIMPLE, *(s for group in EXPERT.values() for s in group))


def _key(field: str) -> str:
    return f"launch {field}"


def _data(here: Page, built: Sequence[DatasetView]) -> dict[str, Any]:
    """The settings as they stand, before the fields are drawn: what is wrong is said at them."""
    known = {view.title: view for view in built}
    title = st.session_state.get(_key("dataset"))
    view = known.get(str(title), built[0])
    data: dict[str, Any] = {
        "dataset": view.directory,
        "base_model": st.session_state.get(_key("base_model"), _models(here)[0]) or "",
        "method": st.session_state.get(_key("method"), "lora") or "lora",
    }
    for each in _all():
        if each.adapter and data["method"] == "full":
            continue  # there is no adapter: its fields are off and don't count
        data[each.field] = _value(each, st.session_state.get(_key(each.field), _shown(each)))
    return data


def _methods() -> list[str]:
    """qlora only where it can be done."""
    return ["lora", "full", *(() if missing_for_qlora() else ("qlora",))]


def _models(here: Page) -> list[str]:
    return generators(here.workspace) or [DEFAULT_GENERATOR]


def _shown(setting: Setting) -> Any:
    """The default, as the field shows it."""
    default = TrainConfig.model_fields[setting.field].default
    if setting.kind == "number":
        return float(default or 0)
    if setting.kind == "whole":
        return default or 0
    if setting.kind in ("rate", "words"):
        return ""
    return [default] if setting.kind == "layers" else default


def _value(setting: Setting, shown: Any) -> Any:
    """What a field shows, as the config takes it."""
    if setting.optional:
        return shown or None
    if setting.kind == "rate":
        return (shown or "").strip() or None
    if setting.kind == "words":
        return _words(shown)
    if setting.kind == "layers":
        return _targets(shown)
    return shown


def _targets(shown: Sequence[str]) -> str | list[str]:
    """What was chosen as peft takes it: one name would be a pattern if it weren't in a list."""
    if len(shown) == 1 and (shown[0] == ALL_LINEAR or not _NAME.fullmatch(shown[0])):
        return shown[0]
    return [*shown]


def _all_or_some(key: str) -> None:
    """Choosing a layer takes all-linear away, and choosing that takes the layers away."""
    chosen, before = st.session_state[key], st.session_state.get(f"{key} before", [ALL_LINEAR])
    if ALL_LINEAR in chosen and len(chosen) > 1:
        some = [name for name in chosen if name != ALL_LINEAR]
        chosen = some if ALL_LINEAR in before else [ALL_LINEAR]
        st.session_state[key] = chosen
    st.session_state[f"{key} before"] = chosen


def _words(shown: str) -> list[str]:
    return [word.strip() for word in shown.split(",") if word.strip()]


def _settings(
    here: Page, built: Sequence[DatasetView], data: dict[str, Any], wrong: dict[str, str]
) -> None:
    st.html(_STYLE)
    with st.container(key="launch-fields"):
        _fields(here, built, data, wrong)


def _fields(
    here: Page, built: Sequence[DatasetView], data: dict[str, Any], wrong: dict[str, str]
) -> None:
    fields = st.grid(3, min_column_width=_NARROWEST)
    left, middle, right = (fields.cell() for _ in range(3))
    titles = {v.title: " (out of date)" if v.outdated else "" for v in built}
    left.selectbox(
        "Dataset",
        list(titles),
        format_func=lambda title: title + titles[title],
        key=_key("dataset"),
        persist_state="session",
        help="One that was built in the first tab.",
    )
    middle.selectbox(
        "Base model",
        _models(here),
        accept_new_options=True,
        key=_key("base_model"),
        persist_state="session",
        help="One that is installed, a hub's owner/name, or a directory.",
    )
    right.segmented_control(
        "Method",
        _methods(),
        default="lora",
        required=True,
        key=_key("method"),
        persist_state="session",
        help="LoRA learns a small adapter: fast, little memory. Full changes all weights: for many "
        "rows, with memory to spare. QLoRA is LoRA on a base model kept in 4 bits: for a GPU that "
        "it doesn't fit otherwise; offered where there is one, with bitsandbytes.",
    )
    for column, name in ((left, "dataset"), (middle, "base_model"), (right, "method")):
        _wrong(column, wrong.get(name))
    full = data["method"] == "full"
    offers = _offers(here, data)
    _group(SIMPLE, wrong, offers)
    with expander("Expert", icon=":material/tune:", key="launch expert"):
        for name, group in EXPERT.items():
            st.markdown(f"**{name}**" + (" · full has none" if full and name == "Adapter" else ""))
            _group(group, wrong, offers)


@dataclass(frozen=True)
class _Offers:
    """What of the fields depends on others: the base model's layers, the method and its rate."""

    layers: tuple[str, ...]
    full: bool
    rate: str


def _offers(here: Page, data: dict[str, Any]) -> _Offers:
    method = data["method"]
    rate = TrainConfig.model_construct(method=method, learning_rate=None).rate
    return _Offers(
        train.layers(here.workspace, str(data["base_model"])),
        method == "full",
        f"{rate:.0e}".replace("e-0", "e-"),
    )


def _group(settings: Sequence[Setting], wrong: dict[str, str], offers: _Offers) -> None:
    """Three fields in a row, two in a narrow window."""
    fields = st.grid(3, min_column_width=_NARROWEST)
    for setting in settings:
        cell = fields.cell()
        _field(cell, setting, offers)
        _wrong(cell, wrong.get(setting.field))


def _field(column: DeltaGenerator, setting: Setting, offers: _Offers) -> None:
    shown, key, off = _shown(setting), _key(setting.field), offers.full and setting.adapter
    common: dict[str, Any] = {
        "key": key,
        "help": setting.help,
        "disabled": off,
        "persist_state": "session",
    }
    if setting.kind == "whole":
        column.number_input(setting.label, value=shown, step=int(setting.step), **common)
    elif setting.kind == "number":
        step = float(setting.step)
        column.number_input(setting.label, value=shown, step=step, format="%g", **common)
    elif setting.kind == "choice":
        column.selectbox(setting.label, setting.options, **common)
    elif setting.kind == "yes":
        column.toggle(setting.label, shown, **common)
    elif setting.kind == "layers":
        column.multiselect(
            setting.label,
            [ALL_LINEAR, *offers.layers],
            shown,
            accept_new_options=True,
            on_change=_all_or_some,
            args=(key,),
            **common,
        )
    else:
        empty = offers.rate if setting.kind == "rate" else None
        column.text_input(setting.label, shown, placeholder=empty, **common)


def _wrong(column: DeltaGenerator, message: str | None) -> None:
    if message:
        column.markdown(f":red[:material/error: {plain(message)}]")


def _buttons(here: Page, config: TrainConfig | None, where: Launcher) -> None:
    looked, begun = ("launch check", here.module, here.who), ("launch", here.module)
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
            "Check: rows, memory, time and disk, in about a minute. It launches nothing.",
            width="content",
        )
    if config is None:
        return
    if check:
        _forget(begun)
        jobs.start(
            looked,
            "Checking",
            lambda progress: preflight_report(here.workspace, config, progress=progress),
            about=config.resolved(),
            anew=True,
        )
    if launched:
        # they would measure a machine that the run is using
        jobs.stop_all("launch check", here.module)
        jobs.start(
            begun,
            "Launching",
            lambda progress: train.start(here.workspace, config, launcher=where, progress=progress),
            about=config.resolved(),
        )


def _runs(key: Hashable) -> bool:
    found = jobs.job(key)
    return found is not None and found.running


def _forget(key: Hashable) -> None:
    """Forget a job that has ended."""
    if not _runs(key):
        jobs.forget(key)


def _outcomes(here: Page, config: TrainConfig | None) -> None:
    begun, looked = ("launch", here.module), ("launch check", here.module, here.who)
    above = st.empty()
    started = jobs.show(begun, passing=True)
    _under_way(above, begun, "A launch", "Stop it to launch another run.", config)
    if started is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.success(
                f"Run {plain(started.id)} is on its way: see “3 Runs”. You can close this tab."
            )
            st.button(
                "Show it",
                icon=":material/visibility:",
                key="launch show",
                on_click=runs_views.lead_to,
                args=(started.id,),
            )
    above = st.empty()
    report = jobs.show(looked, passing=True)
    _under_way(above, looked, "A check", "Press Check to begin anew.", config)
    if report is not None:
        resolved = config and config.resolved()
        if report.config != resolved:
            st.info("The settings have changed since. Press Check to look again.")
        report_view(report)


def _under_way(
    above: DeltaGenerator, key: Hashable, what: str, instead: str, config: TrainConfig | None
) -> None:
    """What another press does while a job runs, maybe with other settings than are shown.

    Said after the job was shown: it may end meanwhile.
    """
    found = jobs.job(key)
    if found is not None and found.running:
        changed = config is None or found.about != config.resolved()
        above.caption(
            f"{what} is under way{', with the settings as they were' if changed else ''}. {instead}"
        )


def _same_elsewhere(here: Page, config: TrainConfig, where: Launcher) -> None:
    """The same run in a shell: the config as a file, and the command."""
    text = config.to_yaml()
    with st.expander("The same run in a shell", icon=":material/terminal:"):
        st.download_button(
            "Download run.yaml",
            text,
            file_name="run.yaml",
            mime="application/yaml",
            icon=":material/download:",
            on_click="ignore",
        )
        shell = command("run.yaml", home=here.workspace.home)
        how = "" if where.name == "local" else f" --launcher {where.name}"
        st.code(f"{shell} --check\n{shell}{how}", language="bash", wrap_lines=True)
        st.code(text, language="yaml")
