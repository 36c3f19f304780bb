"""A run's bundle on the Runs tab: prepared by a job, compared with the run, and downloaded."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from radu_core.errors import InputError
from radu_core.inference.bundle import Runtime
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.playground import bundle_zip
from radu_core.workflows.playground.bundle_zip import BundleChoices, PreparedBundle
from studio.frame import jobs
from studio.frame.layout import expander
from studio.frame.markdown import plain
from studio.frame.page import Page, messages
from studio.train.bundle_routes import address

__all__ = ["bundle", "in_preparation"]

_RUNTIMES: dict[Runtime, str] = {"onnx": "ONNX", "torch": "torch"}


def in_preparation(here: Page, runs: Sequence[RunDirectory]) -> str | None:
    """The id of a run whose bundle is being prepared; None when there is none."""
    jobs_by_run = ((run.id, jobs.job(_key(here, run))) for run in runs)
    return next((id for id, job in jobs_by_run if job is not None and job.running), None)


def _key(here: Page, run: RunDirectory) -> tuple[str, ...]:
    return ("bundle", run.id, here.module)


def bundle(here: Page, run: RunDirectory) -> None:
    """What a bundle is made with, the button, how far it is, and the one that was prepared."""
    if not run.exists or run.state()[0] != "finished":
        return
    key = _key(here, run)
    job = jobs.job(key)
    busy = job is not None and job.running
    part = expander("Bundle for an app", key=f"bundle of {run.id}", expanded=job is not None)
    if not part.open:
        return
    with part, messages():
        st.caption(
            "A ZIP with everything needed to answer, without the studio. It is compared with the "
            "run before you can download it."
        )
        try:
            choices = bundle_zip.bundle_choices(here.workspace, run, here.module)
        except InputError as error:  # nothing has gone wrong: it is another kind of run
            st.info(plain(error))
            return
        bundle_found = (
            None if busy else bundle_zip.prepared_bundle(here.workspace, run, here.module)
        )
        _prepare(
            here, run, choices, busy=busy, again=bundle_found is not None and not bundle_found.stale
        )
        jobs.show(key, passing=True)
        if bundle_found is not None:
            _show_prepared(here, run, bundle_found)


def _prepare(
    here: Page, run: RunDirectory, choices: BundleChoices, *, busy: bool, again: bool
) -> None:
    generator, texts = None, True
    runtime: Runtime = "onnx"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if choices.language_models:
            generator = st.selectbox(
                "Language model",
                choices.language_models,
                index=None,
                placeholder="none",
                key=f"bundle generator {run.id}",
                width=400,
                help="The run whose language model is asked where the fast model is unsure.",
            )
        if choices.is_fast:
            runtime = st.selectbox(
                "Encoder format",
                list(_RUNTIMES),
                format_func=_RUNTIMES.__getitem__,
                key=f"bundle runtime {run.id}",
                width=140,
                help="ONNX lets a fast model run without torch.",
            )
        is_pressed = st.button(
            "Prepare a bundle",
            type="secondary" if again else "primary",
            icon=":material/deployed_code:",
            key=f"bundle prepare {run.id}",
            disabled=busy,
        )
    if choices.is_fast and not generator:
        texts = not st.checkbox(
            "Without texts",
            key=f"bundle bare {run.id}",
            help="Stores hashes instead of the words of private labels. Slot values and vectors "
            "are kept.",
        )
    if is_pressed:
        jobs.start(
            _key(here, run),
            "Preparing the bundle",
            lambda progress: bundle_zip.prepare_bundle(
                here.workspace,
                run.id,
                module=here.module,
                generator=generator,
                runtime=runtime,
                texts=texts,
                progress=progress,
            ),
        )
        st.rerun()


def _show_prepared(here: Page, run: RunDirectory, bundle: PreparedBundle) -> None:
    """The comparison, the download, and what is done with it elsewhere."""
    if bundle.stale:
        st.warning(
            plain(f"The prepared bundle is stale: {bundle.stale}. Prepare it again."),
            icon=":material/history:",
        )
        return
    test = bundle.manifest.self_test
    if test is not None and test.rows:
        st.success(
            plain(f"{test.equal:,} of {test.rows_text} calls are equal to the run's."),
            icon=":material/check_circle:",
        )
    for note in bundle.notes:
        st.warning(plain(note))
    size = f"{bundle.size / 1e6:,.1f} MB"
    st.caption(plain(_about(bundle, size)))
    with st.container(horizontal=True, vertical_alignment="center"):
        token = bundle_zip.download_token(here.workspace, bundle, here.module)
        st.link_button(
            f"Download {size}", address(token), type="primary", icon=":material/download:"
        )
        if st.button("Remove it", icon=":material/delete:", key=f"bundle remove {run.id}"):
            bundle_zip.remove_bundle(here.workspace, run, here.module)
            st.rerun()
    st.markdown(f'To use it, first `pip install "radu-studio[{_needs(bundle)}]"`:')
    st.code(_use(bundle), language="bash")


def _about(bundle: PreparedBundle, size: str) -> str:
    manifest = bundle.manifest
    beside = manifest.runs.get("generator")
    parts = [
        f"A {manifest.kind} bundle of {manifest.module}",
        f"with the language model of {beside}" if beside else "",
        "" if manifest.texts else "without texts",
        size,
        f"prepared {bundle.prepared:%Y-%m-%d %H:%M} UTC",
    ]
    return " · ".join(filter(None, parts))


def _use(bundle: PreparedBundle) -> str:
    """Three lines for a shell that has the package."""
    ask = f'import radu; print(radu.load("{bundle.folder}").parse("what somebody says"))'
    return f"unzip {bundle.path.name}\npython -c '{ask}'\nradu serve {bundle.folder}"


def _needs(bundle: PreparedBundle) -> str:
    """The extra that brings what the bundle needs."""
    light = bundle.manifest.kind == "fast" and "torch" not in bundle.manifest.runtime.values()
    return "serve" if light else "studio"
