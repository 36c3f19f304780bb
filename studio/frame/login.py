"""Who is at the keyboard: a login where one is set up, else a name that the browser keeps.

Every page asks ``gate`` before anything else, and so does each session's script: a deep link can
reach a page without it, and the names of the pages are nobody's business before the login.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import streamlit as st
from streamlit import config
from streamlit.errors import StreamlitSecretNotFoundError

from radu_core.errors import InputError
from radu_core.files import content_hash
from studio.frame.markdown import plain

__all__ = ["ask_name", "gate", "has_chosen", "require_login"]

_COOKIE = "radu_who"
_LONGEST = 100  # characters of a name; the store keeps 200
_LONGEST_LOGIN = 190
_LONGEST_SUBJECT = 80
_KEEP_NAME = """
export default function ({data}) {
  const year = 365 * 24 * 3600
  document.cookie =
    `${data.cookie}=${encodeURIComponent(data.value)}; path=/; max-age=${year}; SameSite=Lax`
}
"""
# Streamlit comes back from a login to its own first page: what was asked for is kept in the tab.
_KEEP_PLACE = """
export default function () { sessionStorage.setItem("radu place", location.href) }
"""
_BACK_TO_PLACE = """
export default function () {
  const place = sessionStorage.getItem("radu place")
  sessionStorage.removeItem("radu place")
  if (place && place !== location.href && new URL(place).origin === location.origin)
    location.replace(place)
}
"""


def gate(*, ask: bool = True) -> str:
    """The name that stands beside what is decided; ends the run where nobody is logged in.

    Where there is no login the sidebar asks for the name, unless ``ask`` is False: then the page
    does (``ask_name``).
    """
    login = require_login()
    with st.sidebar:
        return _show_account() if login else _browser_name(ask)


def ask_name() -> None:
    """Ask for the name on the page itself, where the sidebar may be out of sight, as on a phone."""
    st.info(
        "Choose a name first: it is saved with every decision you make.", icon=":material/badge:"
    )
    with st.container(width=480):
        _choose_name(_account())


def require_login() -> bool:
    """Whether there is a login; where there is and nobody is logged in, show it and end the run."""
    auth = _auth()
    if auth is None:
        return False
    if st.user.get("is_logged_in") is not True:
        _login_screen(auth)
        st.stop()
    return True


def _auth() -> Mapping[str, Any] | None:
    """``[auth]`` of Streamlit's secrets, None without one.

    A file that can't be read is an error, never "no login": it would open the studio to everybody.
    """
    try:
        auth = st.secrets.get("auth")
    except StreamlitSecretNotFoundError as error:
        files = config.get_option("secrets.files")
        if config.is_manually_set("secrets.files") or any(Path(f).exists() for f in files):
            raise InputError(
                f"The secrets, which say whether people log in, can't be read ({error})",
                remedy="Correct the file, or remove it: then there is no login.",
            ) from error
        return None
    if auth is not None and not isinstance(auth, Mapping):
        raise InputError("[auth] in the secrets isn't a table", remedy="See docs/how-to/log-in.md.")
    return auth


def _login_screen(auth: Mapping[str, Any]) -> None:
    """What it is, and one button; one for each provider where there are several."""
    providers = [n for n, v in auth.items() if isinstance(v, Mapping) and "client_id" in v]
    with st.container(width=480):
        st.title("Radu Studio", anchor=False)
        st.write(
            "From labelled utterances to a small language model. Log in, so that your decisions "
            "carry your name."
        )
        for name in [None] if "client_id" in auth else providers:
            label = "Log in" + (f" with {plain(name)}" if name else "")
            if st.button(label, type="primary", icon=":material/login:"):
                st.login(name)
        if "client_id" not in auth and not providers:
            st.error("[auth] in the secrets names no client_id. See docs/how-to/log-in.md.")
        _run("keep place", _KEEP_PLACE)


def _show_account() -> str:
    """Who is logged in, with a button to leave."""
    who = _who(dict(st.user))
    st.caption(plain(who))
    if st.button("Log out", icon=":material/logout:", type="tertiary"):
        st.logout()
    _run("back to place", _BACK_TO_PLACE)
    return who


def _who(claims: Mapping[str, Any]) -> str:
    """The e-mail address of an account, where its provider hasn't denied that it is verified.

    Else its name with its subject, which nobody else has: a name alone can be anybody's choice,
    another's address as well.
    """
    verified = claims.get("email_verified")
    email = _clean(str(claims.get("email") or ""), _LONGEST_LOGIN)
    name = _clean(str(claims.get("name") or ""))
    subject = _clean(str(claims.get("sub") or ""), _LONGEST_LOGIN * 2)
    if email and (verified is None or verified is True or str(verified).lower() == "true"):
        return email
    if not subject:
        raise InputError(
            "The login gives neither an e-mail address that is verified nor a subject",
            value=sorted(claims),
            remedy='Let the client ask for the scopes "openid profile email".',
        )
    if len(subject) > _LONGEST_SUBJECT:
        subject = content_hash(subject)[:16]
    if not name and "@" not in subject:
        return subject
    return f"{name or 'account'} ({subject})"


def has_chosen() -> bool:
    """Whether somebody has said who they are: by a login, or by a name chosen once."""
    return bool(_auth() is not None or _name_to_use())


def _name_to_use() -> str:
    name_kept = st.session_state.get("who") or _cookie_name() or os.environ.get("RADU_USER", "")
    return _clean(str(name_kept))


def _browser_name(ask: bool) -> str:
    """The name this browser keeps, chosen once; before that, the account's."""
    name = _name_to_use()
    if not name or st.session_state.get("rename"):
        if ask:
            _choose_name(name or _account())
        return name or _account()
    left, right = st.columns([3, 2], vertical_alignment="center")
    left.caption(plain(name))
    right.button("Change name", type="tertiary", on_click=_ask_again)
    if "who" in st.session_state and name != _cookie_name():
        _run("keep name", _KEEP_NAME, {"cookie": _COOKIE, "value": name})
    return str(name)


def _choose_name(before: str) -> None:
    with st.form("name", border=False):
        st.text_input(
            "Your name",
            before,
            key="name",
            max_chars=_LONGEST,
            help="Saved with your decisions and kept by this browser.",
        )
        st.form_submit_button("Keep this name", on_click=_name_chosen)
        if st.session_state.pop("no name", False):
            st.error("A name needs at least one visible character.")


def _ask_again() -> None:
    st.session_state["rename"] = True


def _name_chosen() -> None:
    st.session_state.pop("rename", None)
    if name := _clean(st.session_state["name"]):
        st.session_state["who"] = name
    else:
        st.session_state["no name"] = True


def _cookie_name() -> str:
    """The name in the cookie, as it was when the tab was opened; anybody can write there."""
    return _clean(unquote(st.context.cookies.get(_COOKIE, "")))


def _clean(name: str, most: int = _LONGEST) -> str:
    return "".join(c for c in name if c.isprintable()).strip()[:most]


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # KeyError: the account has no name, as in a container
        return "annotator"


def _run(name: str, js: str, data: Mapping[str, str] | None = None) -> None:
    """Run a few lines of our own in the browser; ``data`` is passed as data, never as code."""
    st.components.v2.component(f"radu {name}", js=js)(key=f"run {name}", data=dict(data or {}))
