"""Embedding models with a tower for what is asked and one for what is found.

On disk one is a sentence-transformers model whose first module is a Router with the routes
``query`` and ``document``, as that library's ``encode_query`` and ``encode_document`` want it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radu_core.files import read_json

__all__ = ["has_towers", "save_towers", "split_towers"]

_ROUTES = ("query", "document")


def has_towers(directory: Path) -> bool:
    """Whether the model in ``directory`` has both towers; nothing is loaded."""
    file = directory / "router_config.json"
    return file.is_file() and set(_ROUTES) <= set(read_json(file).get("structure") or {})


def split_towers(model: Any) -> tuple[Any, Any]:
    """The query tower and the document tower, each a sentence-transformers model of its own.

    Both are ``model`` itself where it has one tower.
    """
    from sentence_transformers import SentenceTransformer

    routes = getattr(model[0], "sub_modules", {})
    if not all(name in routes for name in _ROUTES):
        return model, model
    after = list(model.children())[1:]
    query, document = (
        SentenceTransformer(
            modules=[*routes[name], *after],
            device=str(model.device),
            prompts=model.prompts,
            default_prompt_name=model.default_prompt_name,
        )
        for name in _ROUTES
    )
    return query, document


def save_towers(query: Any, document: Any, directory: Path) -> None:
    """Write two sentence-transformers models as one; the prompts are the document tower's."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Router

    routes = Router.for_query_document(list(query.children()), list(document.children()))
    SentenceTransformer(
        modules=[routes],
        device="cpu",
        prompts=document.prompts,
        default_prompt_name=document.default_prompt_name,
    ).save(str(directory), create_model_card=False)
