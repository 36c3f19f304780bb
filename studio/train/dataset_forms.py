"""The dataset tab of the Train page: its options, what they would give, what was built."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from radu_core.dataset import DatasetConfig, Manifest, Mixture
from radu_core.files import content_hash
from radu_core.models import DEFAULT_GENERATOR
from radu_core.prompts import STRATEGIES
from radu_core.terms import label, label_of_rows
from radu_core.words import quantity
from radu_core.workflows.coverage.indexing import chosen_point
from radu_core.workflows.coverage.prompt_tokens import generators
from radu_core.workflows.train import dataset
from radu_core.workflows.train.dataset import DatasetView
from studio.frame import jobs
from studio.frame.layout import expander, side_by_side
from studio.frame.markdown import plain
from studio.frame.page import Page
from studio.train.dataset_diff import compare
from studio.train.dataset_preview import preview

__all__ = ["show_dataset"]

_LISTS = (
    ("shortened.jsonl", "shortened rows"),
    ("discards.jsonl", "discards"),
    ("suspects.jsonl", "suspects"),
)
_NO_CHECK = "(lengths aren't checked)"
_ORDERS = {
    "most_relevant_last": "most relevant last",
    "most_relevant_first": "most relevant first",
    "shuffled": "shuffled",
}
_SHARES = ("fewer_share", "zero_share", "dropout", "removed_share")


def show_dataset(here: Page) -> None:
    """Choose, look at what it would give, build; then what there is, and how two differ."""
    datasets = dataset.datasets(here.workspace, here.module)
    name, modules, config, weights = _choices(here)
    with st.container(horizontal=True):
        looking = st.button("Preview", icon=":material/visibility:")
        building = st.button("Build", type="primary", icon=":material/dataset:")
    preview_key, build_key = ("dataset preview", here.module), ("dataset", here.module)
    if looking:
        _forget(build_key)  # what it said has been read
        jobs.start(
            preview_key,
            "Looking at a sample",
            lambda progress: (
                dataset.preview(here.workspace, modules, config=config, progress=progress),
                (tuple(modules), config),
            ),
        )
    if building:
        _forget(preview_key)
        jobs.start(
            build_key,
            "Building the dataset",
            lambda progress: dataset.build_many(
                here.workspace,
                modules,
                name=name,
                config=config,
                weights=weights,
                progress=progress,
            ),
        )
    job_shown = jobs.show(preview_key, passing=True)
    if job_shown:
        previews, config_asked = job_shown
        if config_asked != (tuple(modules), config):
            st.info("The options have changed since. Press Preview to look again.")
        preview(previews, config_asked[1].max_length)
    if jobs.show(build_key):
        jobs.forget(build_key)
        st.rerun()
    _dataset_list(datasets)
    if len(datasets) > 1:
        compare(here, datasets)


def _forget(key: Hashable) -> None:
    """Forget a job that has ended."""
    job = jobs.job(key)
    if job is not None and job.state != "running":
        jobs.forget(key)


def _choices(here: Page) -> tuple[str, list[str], DatasetConfig, dict[str, float]]:
    """The form, outside an ``st.form``: what is asked depends on what was answered."""
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    name = left.text_input(
        "Name",
        "default",
        key="dataset name",
        persist_state="page",
        help="A dataset of the same name is replaced.",
    )
    modules = right.multiselect(
        "Modules",
        here.workspace.modules(),
        default=[here.module],
        key=f"dataset modules {here.module}",
        persist_state="page",
        help="One module gives a specialised model. Several give a dataset each and a mixture for "
        "a general model.",
    )
    tasks = st.pills(
        "Tasks",
        STRATEGIES,
        selection_mode="multi",
        default=["rag", "all"],
        format_func=label,
        **_kept_field("tasks", "strategies"),
    )
    options: dict[str, Any] = {"strategies": tuple(tasks or ())}
    options |= _sizes(here)
    with expander("More options", key="dataset more"):
        options |= _variants()
        options |= _negatives()
    weights = _weights(modules, tasks or []) if len(modules) > 1 else {}
    return name or "", modules, DatasetConfig.of(**options), weights


def _sizes(here: Page) -> dict[str, Any]:
    columns = st.columns(3, vertical_alignment="bottom")
    first_desc, first_exemplar = chosen_point(here.workspace, here.module)
    sizes: dict[str, Any] = {}
    for column, (name, most, value, of) in zip(
        columns,
        (
            ("k_desc", 50, first_desc, f" {here.module}"),  # each has a point of its own
            ("k_exemplar", 50, first_exemplar, f" {here.module}"),
            ("k_slot_examples", 20, 2, ""),
        ),
        strict=False,
    ):
        sizes[name] = int(
            column.number_input(label(name), 0, most, value, **_kept_field(name + of, name))
        )
    left, right, last = st.columns([1, 2, 1], vertical_alignment="bottom")
    sizes["max_length"] = int(
        left.number_input(
            label("max_length"),
            16,
            131_072,
            512,
            64,
            **_kept_field("max_length"),
        )
    )
    models = generators(here.workspace) or [DEFAULT_GENERATOR]
    model_chosen = right.selectbox(
        "Base model",
        [*models, _NO_CHECK],
        accept_new_options=True,
        **_kept_field("tokenizer"),
    )
    sizes["tokenizer"] = "none" if model_chosen == _NO_CHECK else model_chosen
    sizes["chat_template"] = last.selectbox(
        label("chat_template"),
        ["none", "auto"],
        accept_new_options=True,
        **_kept_field("chat_template"),
    )
    return sizes


def _variants() -> dict[str, Any]:
    st.markdown("**Prompts that vary**, of the training split only")
    variants: dict[str, Any] = {}
    for column, name in zip(st.columns(4, vertical_alignment="bottom"), _SHARES, strict=True):
        default = _default(name)
        variants[name] = column.number_input(
            label(name),
            0.0,
            1.0,
            default,
            0.05,
            key=f"dataset {name}",
            persist_state="page",
            help=DatasetConfig.help(name),
        )
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    variants["order"] = left.segmented_control(
        "Order in the prompt",
        list(_ORDERS),
        default="most_relevant_last",
        required=True,
        format_func=lambda o: _ORDERS[o],
        **_kept_field("order"),
    )
    variants["seed"] = int(
        right.number_input(
            "Seed",
            0,
            10_000,
            0,
            key="dataset seed",
            persist_state="page",
            help=DatasetConfig.help("seed"),
        )
    )
    return variants


def _negatives() -> dict[str, Any]:
    st.markdown("**Negatives**")
    columns = st.columns(3, vertical_alignment="bottom")
    negatives: dict[str, Any] = {}
    pairs = (("knn_pairs", 1, 20), ("knn_negatives", 0, 50))
    for column, (name, least, most) in zip(columns, pairs, strict=False):
        negatives[name] = int(column.number_input(label(name), least, most, 2, **_kept_field(name)))
    negatives["hardness"] = columns[2].number_input(
        label("hardness"),
        0.0,
        1.0,
        _default("hardness"),
        0.1,
        **_kept_field("hardness"),
    )
    left, right, _ = st.columns(3, vertical_alignment="bottom")
    negatives["near_duplicate"] = left.number_input(
        label("near_duplicate"),
        0.5,
        1.0,
        _default("near_duplicate"),
        0.01,
        **_kept_field("near_duplicate"),
    )
    cap = right.number_input(
        label("out_of_scope_cap"),
        0.0,
        1.0,
        1.0,
        0.05,
        key="dataset cap",
        persist_state="page",
        help=DatasetConfig.help("out_of_scope_cap").replace("none:", "1:"),
    )
    negatives["out_of_scope_cap"] = None if cap >= 1 else cap
    return negatives


def _kept_field(name: str, option: str = "") -> dict[str, Any]:
    """A field's key and help; what it says stays while another tab is open."""
    help = DatasetConfig.help(option or name)
    return {"key": f"dataset {name}", "persist_state": "page", "help": help}


def _default(name: str) -> float:
    return float(getattr(DatasetConfig().rows, name))


def _weights(modules: Sequence[str], tasks: Sequence[str]) -> dict[str, float]:
    """How often the rows of each module and task are taken into the mixture."""
    st.caption(
        "Weights in the mixture. 0: no rows · 0.5: a random half · 1: every row once · 2: twice."
    )
    frame = pd.DataFrame([{"module": m, **dict.fromkeys(tasks, 1.0)} for m in modules])
    key = f"dataset weights {' '.join(modules)} {' '.join(tasks)}"
    if key not in st.session_state:  # drawn for the first time, or again: as it was left
        st.session_state[f"{key} first"] = st.session_state.get(f"{key} last", frame)
    edited_table = st.data_editor(
        st.session_state[f"{key} first"],
        hide_index=True,
        disabled=["module"],
        width="content",
        key=key,
        column_config={
            t: st.column_config.NumberColumn(
                label(t), min_value=0.0, max_value=100.0, required=True
            )
            for t in tasks
        },
    )
    st.session_state[f"{key} last"] = edited_table
    return {
        f"{row['module']}/{task}": float(row[task])
        for row in edited_table.to_dict("records")
        for task in tasks
    }


def _dataset_list(datasets: Sequence[DatasetView]) -> None:
    st.subheader("Datasets of this module", anchor=False)
    if not datasets:
        st.info("No dataset of this module has been built yet.")
    for view in datasets:
        _card(view)


def _card(view: DatasetView) -> None:
    manifest = view.manifest
    rows = ", ".join(f"{manifest.rows(s):,} {s}" for s in ("train", "validation", "test"))
    with st.expander(f"**{plain(view.title)}** · rows: {rows}"):
        if view.outdated:
            st.warning(plain(f"Out of date: {view.outdated}. Build it again."))
        counts = [
            {"task and kind": label_of_rows(kind), "split": split, "count": count}
            for split, kinds in manifest.counts.items()
            for kind, count in kinds.items()
        ]
        frame = pd.DataFrame(counts, columns=["task and kind", "split", "count"])
        table = (
            frame.pivot(index="task and kind", columns="split", values="count")
            .fillna(0)
            .astype(int)
        )
        own_key = f"dataset-{content_hash(str(view.directory))[:8]}"
        left, right = side_by_side([1, 1], key=own_key)
        left.dataframe(table)
        with right:
            if isinstance(manifest, Mixture):
                _mixture_table(manifest)
            else:
                _tokens(manifest)
        if isinstance(manifest, Manifest):
            _became(view, manifest)
        st.caption(plain(f"in {view.directory}"))


def _mixture_table(mixture: Mixture) -> None:
    rows = [
        {
            "module": module,
            "task": label(task),
            "weight": part.weights[task],
            "training rows": n["in"],
            "taken": n["out"],
            "repeated": n["repeated"],
        }
        for module, part in mixture.parts.items()
        for task, n in part.drawn.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True)


def _tokens(manifest: Manifest) -> None:
    if not manifest.tokens:
        st.caption("Its tokens were not counted.")
        return
    rows = [
        {
            "split and task": _split_and_task(key),
            "median tokens": s.median,
            "95 %": s.p95,
            "longest": s.max,
        }
        for key, s in manifest.tokens.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True)


def _split_and_task(key: str) -> str:
    split, _, task = key.partition("/")
    return f"{split}: {label(task)}"


def _became(view: DatasetView, manifest: Manifest) -> None:
    """What became of what isn't a row, with its lists."""
    config = manifest.config
    shortened = sum(manifest.shortened.values())
    st.caption(
        f"{label('k_desc')}: {config.k_desc} · {label('k_exemplar')}: {config.rows.k_exemplar} · "
        f"seed {config.rows.seed} · "
        f"{quantity(shortened, 'row')} shortened to {config.max_length:,} tokens · "
        f"{quantity(manifest.suspects, 'suspected labelling error')} not trained on"
    )
    for reason, count in manifest.left_out.items():
        st.caption(f"{quantity(count, 'exemplar')} left out: {plain(reason)}")
    for reason, count in manifest.discards.items():
        st.caption(f"{count:,} without a row: {plain(reason)}")
    with st.container(horizontal=True):
        for name, what in _LISTS:
            path = view.directory / name
            if path.is_file() and path.stat().st_size:
                st.download_button(
                    f"Download {what}",
                    path.read_bytes(),
                    file_name=f"{view.name}-{name}",
                    key=f"{view.directory} {name}",
                    on_click="ignore",
                )
