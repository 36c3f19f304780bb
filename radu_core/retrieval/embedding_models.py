"""Whether a directory holds an embedding model, by its files; nothing is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radu_core.errors import ModelError, RaduError
from radu_core.files import read_json

__all__ = ["check_embedder", "why_no_embedder", "why_not_tunable"]

_MODULES = "modules.json"
_CONFIG = "config.json"
_WEIGHTS = (".safetensors", ".bin", ".pt")
_OTHER_KINDS = {
    "CrossEncoder": "a cross-encoder, which scores pairs of texts",
    "SparseEncoder": "a sparse encoder, whose vectors stand for words",
}


def check_embedder(directory: Path, name: str) -> None:
    """Raise ``ModelError`` if the model called ``name`` in ``directory`` embeds no texts."""
    if wrong := why_no_embedder(directory):
        raise ModelError(
            f"That isn't an embedding model ({wrong})",
            value=name,
            remedy="Name a sentence-transformers model, such as all-MiniLM-L6-v2, a plain encoder, "
            "or a run that tuned the retriever.",
        )


def why_no_embedder(directory: Path) -> str:
    """Why the model in ``directory`` embeds no texts, as far as its files say; "" if it does.

    A plain encoder does: sentence-transformers takes the mean of its tokens. A language model
    could be wrapped the same way, and its vectors would be of no use; so that is refused.
    """
    try:
        return _why(directory)
    except (RaduError, OSError) as error:
        what = error.what if isinstance(error, RaduError) else str(error)
        return f"it is damaged: {what}"


def why_not_tunable(directory: Path) -> str:
    """Why an embedding model can't be tuned, as far as its files say; "" if it can."""
    if wrong := why_no_embedder(directory):
        return wrong
    modules = directory / _MODULES
    if not modules.is_file():
        return ""
    first = str(read_json(modules)[0]["type"]).rpartition(".")[2]
    return "" if first == "Transformer" else f"it begins with {first}, and only transformers learn"


def _why(directory: Path) -> str:
    modules, config = directory / _MODULES, directory / _CONFIG
    if modules.is_file():
        wrong = _why_no_sentence_model(directory)
    elif config.is_file():
        wrong = _why_no_encoder(_object(config))
    else:
        return f"it has neither {_MODULES} nor {_CONFIG}"
    if not wrong and not any(p.suffix in _WEIGHTS for p in directory.rglob("*")):
        return "it has no weights"
    return wrong


def _why_no_sentence_model(directory: Path) -> str:
    parts = read_json(directory / _MODULES)
    is_listing = isinstance(parts, list) and parts
    if not is_listing or not all(
        isinstance(m, dict) and isinstance(m.get("type"), str) for m in parts
    ):
        return f"it is damaged: {directory / _MODULES} lists no modules"
    settings = directory / "config_sentence_transformers.json"
    kind = _object(settings).get("model_type") if settings.is_file() else None
    if (directory / _CONFIG).is_file():
        _object(directory / _CONFIG)
    return f"it is {_OTHER_KINDS[kind]}" if kind in _OTHER_KINDS else ""


def _why_no_encoder(config: dict[str, Any]) -> str:
    """Of a model without ``modules.json``: what its own head is for."""
    if "sentence_transformers" in config:  # what that library writes of its cross-encoders
        return f"it is {_OTHER_KINDS['CrossEncoder']}"
    architectures = config.get("architectures")
    writes = (
        [a for a in architectures if str(a).endswith("ForCausalLM")]
        if isinstance(architectures, list)
        else []
    )
    return f"it is a language model, {writes[0]}" if writes else ""


def _object(path: Path) -> dict[str, Any]:
    data = read_json(path)
    if not isinstance(data, dict):
        raise ModelError(f"{path} holds no JSON object", remedy="Fetch the model again.")
    return data
