"""For whoever develops an app: turn what a user says into a function call.

    python examples/app_developer.py BUNDLE "please renew Dune for two weeks"
    python examples/app_developer.py http://127.0.0.1:8000 "please renew Dune for two weeks"

A bundle (``radu export-model RUN --to bundle DIR``) is loaded into this process, which takes
``pip install "radu-studio[serve]"`` and no torch. An address is that of ``radu serve DIR``: any
client of OpenAI's API works, so the app needs ``pip install openai`` and nothing of ours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

Call = tuple[str | None, dict[str, Any]]  # function (None: the user means none of them), arguments


def ask_bundle(directory: str, utterance: str) -> Call:
    """Ask a bundle in this process. An app loads it once, when it starts."""
    import radu

    model = radu.load(directory)
    answer = model.parse(utterance)
    if answer.confidence < 0.5:
        print(f"Unsure ({100 * answer.confidence:.0f} %): better ask back.", file=sys.stderr)
    return answer.function, answer.arguments


def ask_server(address: str, utterance: str) -> Call:
    """Ask a server. It retrieves, prompts and chooses values itself: only the utterance is sent."""
    from openai import OpenAI

    client = OpenAI(base_url=f"{address}/v1", api_key="none")
    (served,) = client.models.list()
    reply = client.chat.completions.create(
        model=served.id, messages=[{"role": "user", "content": utterance}]
    )
    for call in reply.choices[0].message.tool_calls or ():
        if call.type == "function":
            return call.function.name, json.loads(call.function.arguments)
    return None, {}


# What the app does. Slots have the names and types of the schema.
HANDLERS: dict[str, Callable[..., str]] = {
    "renew_loan": lambda title="everything", weeks=1: f"Renewed {title} for {weeks} weeks.",
    "reserve_title": lambda title, branch="any branch": f"{title} is kept for you at {branch}.",
}


def handle(function: str | None, arguments: dict[str, Any]) -> str:
    """Run the function that was meant."""
    if function is None:
        return "Sorry, I can't help with that."
    handler = HANDLERS.get(function)
    return handler(**arguments) if handler else f"{function}({arguments})"


def main(arguments: list[str]) -> None:
    """Ask the model at ``arguments[0]`` for each of the other arguments."""
    model, *utterances = arguments
    ask = ask_server if model.startswith("http") else ask_bundle
    for utterance in utterances:
        print(handle(*ask(model, utterance)))


if __name__ == "__main__":
    main(sys.argv[1:])
