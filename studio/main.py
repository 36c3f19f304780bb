"""Every session's script: page config, the login, and navigation; nothing else."""

from pathlib import Path

import streamlit as st

from studio.frame.login import require_login
from studio.frame.navigation import navigation
from studio.frame.page import messages

ICON = Path(__file__).parents[1] / "assets" / "radu.png"

st.set_page_config(page_title="Radu Studio", page_icon=str(ICON), layout="wide")
with messages():
    require_login()  # until then not even the pages' names are shown
    navigation().run()
