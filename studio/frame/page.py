"""How every page begins: the gate, the workspace, the module chosen, and errors as messages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import streamlit as st

from radu_core.errors import RaduError, StoreError, StoreLockedError
from radu_core.extras import as_missing_package
from radu_core.workflows.frame.run_list import module_at_work
from radu_core.workflows.frame.workspace import Workspace
from studio.frame import address
from studio.frame.login import ask_name, gate, has_chosen
from studio.frame.markdown import plain
from studio.frame.navigation import docs_link, link
from studio.frame.notices import announce
from studio.frame.show import TABLE_STYLE
from studio.frame.spaces import workspace
from studio.frame.tour import offer_tour, show_tour

__all__ = ["Page", "messages", "page", "reading", "workspace"]

_log = logging.getLogger(__name__)
_ASKED = "module asked for"  # what the address said when the page was drawn last
# Streamlit's own colours of chosen tabs, code and placeholders have a contrast of 2.2 to 4.3.
_STYLE = """
.stApp {
  --_chosen: light-dark(#0b6e69, #58c7bf); --_pale: light-dark(#6a6764, #a8a5a1);
  --_plus: light-dark(#0a6b2d, #5fd38a); --_minus: light-dark(#b3261e, #ff8f87);
}
button[data-variant][data-selected="true"] p, [data-testid="stTab"][data-selected="true"] p,
[data-testid="stSliderThumbValue"] p {
  color: var(--_chosen);
}
[data-testid="stCode"] .token { color: inherit !important; }
[data-testid="stCode"] :is(.property, .key, .atrule) { color: var(--_chosen) !important; }
[data-testid="stCode"] .inserted { color: var(--_plus) !important; }
[data-testid="stCode"] .deleted { color: var(--_minus) !important; }
[data-testid="stCode"] :is(.linenumber, .react-syntax-highlighter-line-number) {
  color: var(--_pale) !important;
}
[data-testid="stMarkdownContainer"] :is(code, a) { overflow-wrap: break-word; }
[data-testid="stWidgetLabel"] p { white-space: normal; }
::placeholder { color: var(--_pale) !important; opacity: 1; }
[data-testid="stButtonGroup"] [role="radiogroup"] {
  flex-wrap: wrap; overflow: visible; mask-image: none;
}
[data-testid="stMainBlockContainer"] { padding-top: 2.5rem; padding-bottom: 2rem; }
@media (max-width: 1200px) { /* they wrap: none touches another */
  [data-testid="stButtonGroup"] [role="radiogroup"] { gap: 4px; }
  button[data-variant="segmented_control"] {
    margin: 0 !important; border: 1px solid !important; border-radius: 8px !important;
  }
  button[data-variant="segmented_control"]:not([data-selected="true"]) {
    border-color: light-dark(#31333f33, #fafafa33) !important; /* as that of the outer sides */
  }
}
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding-top: 4rem; }
  [data-testid="stMarkdownContainer"] :is(th, td, td code) { overflow-wrap: anywhere; }
  [data-testid="stMarkdownContainer"] :is(th, td) {
    min-width: 6em; padding: 4px 6px; font-size: .85em;
  }
  [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] > [data-testid="stVerticalBlock"]
    > [data-testid="stElementContainer"]:first-child > [data-testid="stMetric"])
    > [data-testid="stColumn"] {
    min-width: calc(50% - 1rem); flex: 1 1 0; /* two figures in a row */
  }
  [data-testid="stHorizontalBlock"] > [data-testid="stElementContainer"]:has(
    > :is([data-testid="stNumberInput"], [data-testid="stSelectbox"])
  ) {
    flex: 1 1 210px !important;
  }
  [data-testid="stCode"] :is(pre, code) { /* a key can't scroll it sideways */
    white-space: pre-wrap !important; overflow-wrap: anywhere;
  }
}
[data-testid="stMain"] [data-testid="stPageLink-NavLink"] p { /* else it looks like mere text */
  color: var(--_chosen); text-decoration: underline; text-underline-offset: 3px;
}
.stApp :is(a, canvas, [data-testid="stBaseButton-elementToolbar"]):focus-visible {
  outline: 2px solid var(--_chosen); outline-offset: 2px; /* Streamlit shows none */
}
[data-testid="stCaptionContainer"] { color: inherit; opacity: .8; }
@media (pointer: coarse) { /* a finger needs 44 px */
  :is([data-testid="stExpandSidebarButton"], [data-testid="stSidebarCollapseButton"] button) {
    min-width: 44px; min-height: 44px;
  }
  :is(button[data-testid^="stBaseButton"], button[data-variant]), .react-aria-ComboBox > div,
  :is([data-testid="stSidebarNavLink"], [data-testid="stPageLink-NavLink"]),
  [data-testid="stTextInputRootElement"] {
    min-height: 44px;
  }
  :is(button[data-testid^="stBaseButton"], [role="dialog"] button[aria-label="Close"]) {
    min-width: 44px; min-height: 44px;
  }
  [data-testid="stDateInputCalendarButton"] { min-height: 36px; }
  [data-testid="stTooltipIcon"] button { padding: 14px; margin: -14px; box-sizing: content-box; }
  :is([data-testid="stTabsScrollLeft"], [data-testid="stTabsScrollRight"]) { min-width: 32px; }
  /* the table's tools are always there: not over what stands above it */
  [data-testid="stElementContainer"]:has(> * > [data-testid="stDataFrame"]) { margin-top: 48px; }
  [data-testid="stDataFrame"] [data-testid="stElementToolbar"] { top: -64px; }
  .react-aria-ComboBox button { min-height: 36px; }
  [data-tag] button { padding: 14px 12px; margin: -10px -6px -10px 0; box-sizing: content-box; }
}
"""


@dataclass(frozen=True)
class Page:
    """What a page works with: ``module`` is empty on pages that need none."""

    workspace: Workspace
    module: str
    who: str


@contextmanager
def messages() -> Iterator[None]:
    """Show what goes wrong inside as a message; a traceback goes to the log only."""
    try:
        yield
    except RaduError as error:
        st.error(plain(error), icon=":material/error:")
        if isinstance(error, StoreLockedError):
            st.button("Try again", icon=":material/refresh:")
    except Exception as error:
        if missing := as_missing_package(error):
            st.error(plain(missing), icon=":material/error:")
            return
        _log.exception("a page failed")
        st.error(
            f"An unexpected error occurred ({type(error).__name__}). Your data is unchanged. "
            "Reload the page; the details are in the studio's log.",
            icon=":material/error:",
        )


@contextmanager
def page(
    title: str,
    about: str,
    *,
    needs_module: bool = True,
    needs_name: bool = False,
    offline: bool = False,
    opens_on_run: bool = False,
) -> Iterator[Page]:
    """Begin a page.

    Where it can't, or needs a module and there is none, it says so and ends; where it needs a name
    and none was chosen, it asks for it.

    One that works ``offline`` goes on with the module it had when the database can't be reached.
    One that ``opens_on_run`` shows the module of the run at work where neither session nor address
    names one.
    """
    opened_page = None
    with messages():
        opened_page = _begin(
            title, about, needs_name=needs_name, offline=offline, opens_on_run=opens_on_run
        )
    if opened_page is None:
        st.stop()
    if needs_module and not opened_page.module:
        st.info(
            "There is no module yet: a module is a bot's functions and its utterances. "
            "Load your own, or the sample project.",
            icon=":material/inbox:",
        )
        link("load", "Load utterances")
        link("home", "Load the sample project")
        st.stop()
    if needs_name and not has_chosen():
        ask_name()
        st.stop()
    with messages():
        yield opened_page


@contextmanager
def reading() -> Iterator[None]:
    """Begin a page that needs no workspace, so that it is there when the database isn't."""
    with messages():
        st.html(f"<style>{_STYLE}{TABLE_STYLE}</style>")
        gate()
        yield


def _begin(
    title: str,
    about: str,
    *,
    needs_name: bool,
    offline: bool,
    opens_on_run: bool,
) -> Page:
    st.html(f"<style>{_STYLE}{TABLE_STYLE}</style>")
    who = gate(ask=not needs_name or has_chosen())  # before the page says what it is
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(title, anchor=False, width="stretch")
        docs_link(title)
    st.caption(about)
    space = workspace()
    try:
        modules = space.modules()
    except StoreError as error:
        module_open = st.session_state.get("module") or st.query_params.get("module")
        if not offline or not module_open:
            raise
        st.error(plain(error), icon=":material/error:")
        modules = [str(module_open)]
    name = "home" if title == "Radu Studio" else title.lower()
    address.show_unknown(name)
    show_tour(space, who, name)
    module = _choose(modules, lambda: module_at_work(space) if opens_on_run else None)
    offer_tour(space, who, name)
    with suppress(RaduError):  # a full disk, say: the page itself may do without
        announce(space, who)
    return Page(space, module, who)


def _choose(modules: list[str], otherwise: Callable[[], str | None]) -> str:
    if not modules:
        return ""
    linked_module = address.read_address(
        "module", modules, what="module", remedy="Choose one under “Module” in the sidebar."
    )
    if linked_module and linked_module != st.session_state.get(_ASKED):
        st.session_state["module"] = (
            linked_module  # a link was followed: it wins over what was open
        )
    module = st.session_state.get("module") or linked_module
    if module not in modules:
        module = otherwise()
    position = modules.index(module) if module in modules else 0
    module_chosen = str(st.sidebar.selectbox("Module", modules, index=position))
    if linked_module and linked_module != module_chosen:
        address.leave_module()
    if st.query_params.get("module") != module_chosen:
        st.query_params["module"] = module_chosen  # who reloads or is sent it sees the same module
    st.session_state["module"] = module_chosen
    st.session_state[_ASKED] = st.query_params.get("module")
    return module_chosen
