"""Every session's script: page config and navigation; nothing else."""

from pathlib import Path

import streamlit as st

from studio.navigation import navigation

ICON = Path(__file__).parents[1] / "assets" / "radu.png"

st.set_page_config(page_title="Radu Studio", page_icon=str(ICON), layout="wide")
navigation().run()
