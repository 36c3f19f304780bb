"""What Ollama needs beside a GGUF to ask it as it was trained: its Modelfile.

See https://github.com/ollama/ollama/blob/main/docs/modelfile.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from radu_core.tokenizing import Encoder

__all__ = ["make_modelfile", "turns_around"]

_MARK = "what the user says"  # tells where a chat template puts a prompt
_PROMPT = "{{ .Prompt }}"


def turns_around(encoder: Encoder, prompts: Sequence[str]) -> tuple[str, str] | None:
    """The texts that stand before and after every prompt.

    None where a template does more than put something around them, as tried on ``prompts``.
    """
    before, _, after = encoder.prompt_text(_MARK).partition(_MARK)
    same = all(encoder.prompt_text(prompt) == before + prompt + after for prompt in prompts)
    return (before, after) if same else None


def make_modelfile(
    file: str, around: tuple[str, str], *, stops: Sequence[str], context: int, answer: int
) -> str:
    """A Modelfile for the GGUF ``file``: at most ``answer`` of ``context`` tokens are generated.

    Answers are the likeliest ones. Ollama would make a token less likely that occurred before
    (``repeat_penalty``), as a name or a value often did, in the prompt.
    """
    before, after = (_as_template(text) for text in around)
    options = {
        "temperature": 0,
        "top_k": 1,
        "repeat_penalty": 1,
        "num_ctx": context,
        "num_predict": answer,
    }
    return "\n".join(
        [
            f"FROM ./{file}",
            f'TEMPLATE """{before}{_PROMPT}{after}"""',
            *(f"PARAMETER {name} {value}" for name, value in options.items()),
            *(f'PARAMETER stop "{stop}"' for stop in stops),
            "",
        ]
    )


def _as_template(text: str) -> str:
    """A text that a Go template in triple quotes gives as it is."""
    braces = text.replace("{{", '{{ "{{" }}')
    return braces.replace('"""', '{{ "\\x22\\x22\\x22" }}')
