"""How an app asks a model: the commands that serve it, and code to copy."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

import streamlit as st

from radu_core.workflows.frame.run_names import BESIDE
from studio.frame.page import Page
from studio.playground.page import exchanges

__all__ = ["code", "export", "snippets"]

_ADDRESS = "http://127.0.0.1:8000"  # where ``radu serve`` listens
_LANGUAGES = {
    "curl": "bash",
    "Python": "python",
    "OpenAI client": "python",
    "JavaScript": "javascript",
}
_ADDRESSED = "The server's address is the default one."
_NOTES = {
    "curl": _ADDRESSED,
    "Python": "It loads the bundle itself, without a server.",
    "OpenAI client": f"{_ADDRESSED} Where it has keys, `api_key` is one of them.",
    "JavaScript": f"{_ADDRESSED} A web page may ask if `radu serve` was started with "
    "`--allow-origin` and the page's origin.",
}


def snippets(here: Page, models: Sequence[str], runs: Sequence[str]) -> None:
    """The commands for the first model that is chosen, and a call in each language.

    What isn't among the ``runs`` is a directory.
    """
    directory = here.module
    if models and models[0] not in runs:
        directory = models[0]
    elif models:
        st.markdown("**Write a bundle**: all that answering needs, in one directory")
        st.code(export(models[0], here.module), language="bash", wrap_lines=True)
    if not models:
        st.caption("Choose a run or a bundle to see how to serve it.")
    else:
        st.markdown("**Serve it** on this computer")
        st.code(f"radu serve {shlex.quote(directory)}", language="bash", wrap_lines=True)
    st.markdown("**Ask it**")
    history = exchanges(here.module)
    utterance = history[-1].utterance if history else "type an utterance on the tab Ask"
    name = st.segmented_control(
        "Language", list(_LANGUAGES), default="curl", required=True, key="playground language"
    )
    text = code(str(name), utterance, directory=directory, model=here.module)
    st.code(text, language=_LANGUAGES[str(name)], wrap_lines=True)
    st.caption(_NOTES[str(name)])


def export(model: str, module: str) -> str:
    """The command that writes a run, or a fast run with a language model's beside it, as a bundle.

    The module is named for a run on several.
    """
    run, _, generator = model.partition(BESIDE)
    beside = f" --generator {generator}" if generator else ""
    return f"radu export-model {run}{beside} \\\n  --module {module} --to bundle {module}"


def code(language: str, utterance: str, *, directory: str, model: str) -> str:
    """Code that asks a served bundle for the call of an utterance."""
    body = {"utterance": utterance}
    quoted = json.dumps(utterance, ensure_ascii=False)
    if language == "curl":
        data = shlex.quote(json.dumps(body, ensure_ascii=False))
        return f"curl {_ADDRESS}/parse \\\n  -H 'Content-Type: application/json' \\\n  -d {data}"
    if language == "Python":
        return (
            "import radu\n\n"
            f"model = radu.load({json.dumps(directory, ensure_ascii=False)})\n"
            f"print(model.parse({quoted}))"
        )
    if language == "OpenAI client":
        return (
            "from openai import OpenAI\n\n"
            f'client = OpenAI(base_url="{_ADDRESS}/v1", api_key="none")\n'
            "reply = client.chat.completions.create(\n"
            f"    model={json.dumps(model)},\n"
            f'    messages=[{{"role": "user", "content": {quoted}}}],\n'
            ")\n"
            "print(reply.choices[0].message.tool_calls)"
        )
    return (
        f'const reply = await fetch("{_ADDRESS}/parse", {{\n'
        '  method: "POST",\n'
        '  headers: { "Content-Type": "application/json" },\n'
        f"  body: JSON.stringify({json.dumps(body, ensure_ascii=False)}),\n"
        "});\n"
        "console.log(await reply.json());"
    )
