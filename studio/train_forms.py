"""The parts of the Train page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from radu_core.models import DEFAULT_GENERATOR
from radu_core.training import TrainConfig
from radu_core.workflows import train
from radu_core.workflows.dataset import DatasetView
from radu_core.workflows.prompt_tokens import generators
from studio import jobs
from studio.markdown import plain
from studio.page import Page

__all__ = ["launch"]


def launch(here: Page, built: Sequence[DatasetView]) -> None:
    """The settings of a run and the button."""
    if not built:
        st.info("Build a dataset first.")
        return
    with st.form("launch"):
        left, middle, right = st.columns(3)
        titles = {v.title: " (out of date)" if v.outdated else "" for v in built}
        name = left.selectbox(
            "Dataset", list(titles), format_func=lambda title: title + titles[title]
        )
        model = middle.selectbox(
            "Base model", generators(here.workspace) or [DEFAULT_GENERATOR],
            accept_new_options=True,
            help="One that is installed, a hub's owner/name, or a directory.",
        )  # fmt: skip
        method = right.segmented_control("Method", ["lora", "full"], default="lora", required=True)
        left, middle, right = st.columns(3)
        epochs = left.number_input("Epochs", 0.1, 100.0, 1.0, 0.5)
        minutes = middle.number_input("At most minutes (0: no limit)", 0.0, 10_000.0, 30.0)
        batch = right.number_input("Batch size", 1, 512, 8)
        with st.expander("More"):
            a, b, c = st.columns(3)
            rate = a.text_input("Learning rate", placeholder="1e-3 for LoRA, 5e-5 for full")
            steps = b.number_input("At most steps (0: no limit)", 0, 10_000_000, 0)
            length = c.number_input("max_length (tokens)", 16, 131_072, 512)
            skip = a.checkbox("Leave over-long rows out (they are listed)")
            rank = b.number_input("LoRA rank", 1, 512, 16)
            seed = c.number_input("Seed", 0, 10_000, 0)
        pressed = st.form_submit_button("Launch", type="primary", icon=":material/rocket_launch:")
    key = ("launch", here.module)
    if pressed:
        directory = next(v.directory for v in built if v.title == name)
        config = TrainConfig.checked(
            {
                "dataset": directory,
                "base_model": model or "",
                "method": method,
                "epochs": epochs,
                "max_minutes": minutes or None,
                "max_steps": steps or None,
                "batch_size": batch,
                "learning_rate": (rate or "").strip() or None,
                "max_length": length,
                "skip_overlong": skip,
                "lora_rank": rank,
                "seed": seed,
            }
        )
        jobs.start(
            key,
            "Launching",
            lambda progress: train.start(here.workspace, config, progress=progress),
        )
    started = jobs.show(key)
    if started is not None:
        st.success(f"Run {plain(started.id)} is on its way: see “3 Runs”. You can close this tab.")
