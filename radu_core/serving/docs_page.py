"""``/docs``: what there is to ask, with a form to try it.

It loads nothing from anywhere else: it works without a connection, and no script of a third party
sees a key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

__all__ = ["POLICY", "render_docs"]

POLICY = (
    "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
_EXAMPLES: Mapping[str, Any] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "…"}]},
    "/parse": {"utterance": "…"},
    "/model/parse": {"text": "…"},
    "/reload": {},
    "/rollback": {},
}
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid #8888; padding: .5rem 0 1rem; }
h2 { font: 600 1.1rem ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; margin-bottom: .5rem; } caption { text-align: left; }
td, th { padding: .1rem 1rem .1rem 0; vertical-align: top; text-align: left; }
th { font: .9rem/1.7 ui-monospace, monospace; }
textarea, input { font: .9rem ui-monospace, monospace; width: 100%; box-sizing: border-box; }
pre { overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
"""
_SCRIPT = """
for (const form of document.querySelectorAll("section form")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const key = document.getElementById("key").value;
    const body = form.querySelector("textarea")?.value;
    const shown = form.querySelector("output");
    const { path, method } = form.dataset;
    const headers = key ? { Authorization: `Bearer ${key}` } : {};
    if (body) headers["Content-Type"] = "application/json";
    try {
      const response = await fetch(path, { method, headers, body });
      let text = await response.text();
      try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON */ }
      shown.firstChild.textContent = `${response.status}\\n${text}`;
    } catch (error) {
      shown.firstChild.textContent = `No answer: ${error.message}`;
    }
  });
}
"""


def render_docs(openapi: Mapping[str, Any]) -> str:
    """The page of an application's OpenAPI description."""
    name = escape(openapi["info"]["title"])
    about = "".join(f"<p>{escape(p)}</p>" for p in openapi["info"]["description"].split("\n\n"))
    sections = "".join(_sections(openapi))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><main><h1>{name} {escape(openapi["info"]["version"])}</h1>{about}
<p>As OpenAPI: <a href="openapi.json">openapi.json</a></p>
<form onsubmit="return false"><label for="key">API key, where the server needs one</label>
<input id="key" type="password" autocomplete="off"></form>{sections}</main>
<script>{_SCRIPT}</script></body></html>
"""


def _sections(openapi: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in openapi["paths"].items():
        for method, route in methods.items():
            title = f"{method.upper()} {path}"
            yield (
                f"<section><h2>{escape(title)}</h2><p>{escape(route.get('description', ''))}</p>"
                f"{_fields(route, openapi)}{_form(method, path)}</section>"
            )


def _fields(route: Mapping[str, Any], openapi: Mapping[str, Any]) -> str:
    """The fields of the body, with what they are for."""
    body = route.get("requestBody", {}).get("content", {}).get("application/json", {})
    names = json.dumps(body)
    schemas = openapi.get("components", {}).get("schemas", {})
    schema = next((s for n, s in schemas.items() if f'schemas/{n}"' in names), None)
    if schema is None:
        return ""
    about = {name: field.get("description", "") for name, field in schema["properties"].items()}
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>'
        for name, text in about.items()
    )
    return f"<table><caption>Fields of the body</caption>{rows}</table>"


def _form(method: str, path: str) -> str:
    if "{" in path:
        return ""
    example, area = _EXAMPLES.get(path), ""
    if example is not None:
        text = escape(json.dumps(example, ensure_ascii=False))
        area = f'<label>Body<textarea rows="3" spellcheck="false">{text}</textarea></label>'
    return (
        f'<form data-method="{method.upper()}" data-path="{escape(path.removeprefix("/"))}">{area}'
        f'<p><button aria-label="Send {method.upper()} {escape(path)}">Send</button></p>'
        '<output aria-live="polite"><pre></pre></output></form>'
    )
