"""What ``streamlit run app.py`` starts: page config and navigation; nothing else."""

from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent

st.set_page_config(
    page_title="Radu Studio", page_icon=str(HERE / "assets" / "radu.png"), layout="wide"
)
st.navigation(
    [
        st.Page(HERE / "pages" / "home.py", title="Home", icon=":material/home:", default=True),
        st.Page(HERE / "pages" / "load.py", title="Load", icon=":material/upload_file:"),
        st.Page(HERE / "pages" / "schema.py", title="Schema", icon=":material/schema:"),
        st.Page(HERE / "pages" / "annotate.py", title="Annotate", icon=":material/edit_note:"),
        st.Page(HERE / "pages" / "coverage.py", title="Coverage", icon=":material/grid_on:"),
        st.Page(HERE / "pages" / "prompts.py", title="Prompts", icon=":material/chat:"),
        st.Page(HERE / "pages" / "train.py", title="Train", icon=":material/model_training:"),
        st.Page(HERE / "pages" / "evaluate.py", title="Evaluate", icon=":material/fact_check:"),
    ]
).run()
