"""Texts → vectors, cached by model and content, so that one edit embeds one text."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from radu_core.files import content_hash, file_hash, read_json
from radu_core.hardware import native_bf16
from radu_core.models import loading
from radu_core.progress import Progress, silent
from radu_core.retrieval.embedding_models import check_embedder
from radu_core.retrieval.towers import has_towers, split_towers
from radu_core.retrieval.vectors import VectorCache

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Embedder", "Precision", "SentenceEmbedder", "Side", "is_plain"]

Side = Literal["query", "passage", "symmetric", "asked"]
Precision = Literal["auto", "bf16", "fp32"]
_TOKENS = 2_048  # of a batch: the fastest on two cores, short texts and long
_WAVE = 512  # texts tokenized, sorted and embedded before the cache is written
_PROMPTS = {
    "query": ("query",),
    "passage": ("document", "passage", "corpus"),
    "symmetric": (),
    "asked": (),
}
_BY_QUERY_TOWER = ("query", "asked")


class Embedder(Protocol):
    """Turns texts into ``(n, dim)`` float32 vectors, L2-normalised, in the texts' order.

    ``name`` is what a person calls it; ``identity`` changes whenever its weights do. ``side``:
    an utterance (``query``) is compared with descriptions (``passage``), and one that is ``asked``
    with exemplars (``symmetric``), which are utterances themselves.
    """

    name: str

    @property
    def identity(self) -> str: ...

    def embed(
        self, texts: Sequence[str], *, side: Side = "symmetric", progress: Progress = silent
    ) -> NDArray[np.float32]: ...


class SentenceEmbedder:
    """A sentence-transformers model in a local directory, loaded on first need.

    ``side`` selects the model's own query or passage prompt, where it has one, and of a model with
    two towers that of ``query`` and ``asked`` or that of the others. The transformer
    computes in bf16 where the processor does that natively (``precision`` "auto"), pooling and
    what follows always in float32. Batches hold texts of like length, 2,048 tokens at most.
    Vectors are cached under ``cache`` by the SHA-256 of prompt and text. ``model`` is one that is
    loaded already, as it is in training. Loading raises ``ModelError`` where the directory holds no
    embedding model.
    """

    def __init__(
        self,
        directory: Path,
        *,
        name: str,
        cache: Path | None = None,
        precision: Precision = "auto",
        model: Any = None,
    ) -> None:
        self.name = name
        self.directory = directory
        self._cache_directory = cache
        self._precision = precision
        # Of queries and of documents; often the same.
        self._towers: tuple[Any, Any] | None = None if model is None else (model, model)
        self._lock = threading.RLock()

    @cached_property
    def identity(self) -> str:
        """The SHA-256 of the model's weights and settings."""
        files = sorted(
            p
            for p in self.directory.rglob("*")
            if p.suffix in (".json", ".safetensors", ".bin", ".pt", ".txt", ".model")
            and p.name != "radu-model.json"
        )
        return content_hash(
            [[p.relative_to(self.directory).as_posix(), file_hash(p)] for p in files]
        )

    @cached_property
    def precision(self) -> str:
        """What the transformer computes in: ``bf16`` or ``fp32``."""
        if self._precision != "auto":
            return self._precision
        return "bf16" if native_bf16() else "fp32"

    @cached_property
    def _cache(self) -> VectorCache | None:
        if self._cache_directory is None:
            return None
        text = "" if self._precision == "auto" else f"-{self._precision}"
        return VectorCache(self._cache_directory, self.identity[:16] + text)

    @cached_property
    def prompts(self) -> dict[str, str]:
        """Side → the text that the model wants before each text."""
        file = self.directory / "config_sentence_transformers.json"
        settings = read_json(file) if file.is_file() else {}
        named_prompts = settings.get("prompts") or {}
        default = named_prompts.get(settings.get("default_prompt_name") or "", "")
        return {
            side: next((named_prompts[n] for n in names if named_prompts.get(n)), default)
            for side, names in _PROMPTS.items()
        }

    def embed(
        self, texts: Sequence[str], *, side: Side = "symmetric", progress: Progress = silent
    ) -> NDArray[np.float32]:
        """``(len(texts), dim)`` float32, L2-normalised. Only texts not cached are embedded."""
        import numpy as np

        prompt, by_query_tower = self.prompts[side], self._has_towers and side in _BY_QUERY_TOWER
        keys = [_key(prompt, text, as_query=by_query_tower) for text in texts]
        cached = self._cache.get(keys) if self._cache else {}
        missing = {k: t for k, t in zip(keys, texts, strict=True) if k not in cached}
        if missing and self._towers is None:
            progress("Loading the embedding model", 0, 0)
        count = 0
        for wave in _waves(missing):
            progress("Embedding", count, len(missing))
            with self._lock:  # for a wave: a single query needn't wait for a whole index
                cached.update(self._embed_wave(wave, prompt, as_query=by_query_tower))
            count += len(wave)
        if missing:
            progress("Embedding", count, count)
        if not keys:
            return np.zeros((0, self.dim), dtype=np.float32)
        return np.stack([cached[k] for k in keys])

    def _embed_wave(
        self, wave: dict[str, str], prompt: str, *, as_query: bool
    ) -> dict[str, NDArray[np.float32]]:
        """Embed and cache a wave, but what another thread has embedded while this one waited.

        Stopping loses one wave at most.
        """
        cached = self._cache.get(list(wave)) if self._cache else {}
        missing = {k: t for k, t in wave.items() if k not in cached}
        if missing:
            vectors = self._encode(list(missing.values()), prompt, as_query=as_query)
            fresh = dict(zip(missing, vectors, strict=True))
            if self._cache:
                self._cache.put(fresh)
            cached.update(fresh)
        return cached

    @property
    def dim(self) -> int:
        """The vectors' length."""
        return int(self._load()[1].get_embedding_dimension())

    def without_cache(self) -> SentenceEmbedder:
        """The same model, which embeds every text it is asked for: what time that takes."""
        fresh = SentenceEmbedder(self.directory, name=self.name, precision=self._precision)
        fresh._towers = self._load()
        return fresh

    @cached_property
    def exact(self) -> SentenceEmbedder:
        """The same model in float32."""
        if self.precision == "fp32":
            return self
        return SentenceEmbedder(
            self.directory, name=self.name, cache=self._cache_directory, precision="fp32"
        )

    def load(self) -> None:
        """Load the model now, so that the next text needn't wait for it."""
        self._load()

    def _encode(self, texts: list[str], prompt: str, *, as_query: bool) -> NDArray[np.float32]:
        """Embed texts in batches of like length; unusual models in their own way."""
        import numpy as np
        import torch

        model = self._load()[0 if as_query else 1]
        if not is_plain(model, prompt):
            vectors = model.encode(
                texts, prompt=prompt or None, normalize_embeddings=True, show_progress_bar=False
            )
            return np.asarray(vectors, dtype=np.float32)
        cut = (
            {"truncation": True, "max_length": model.max_seq_length} if model.max_seq_length else {}
        )
        ids = model.tokenizer([_text(prompt + t) for t in texts], **cut)["input_ids"]
        embeddings = np.zeros((len(texts), self.dim), dtype=np.float32)
        with torch.inference_mode():
            for batch in _batches([len(i) for i in ids]):
                padded = model.tokenizer.pad(
                    {"input_ids": [ids[n] for n in batch]}, return_tensors="pt"
                )
                embeddings[batch] = _forward(model, padded)
        return embeddings

    @cached_property
    def _has_towers(self) -> bool:
        return has_towers(self.directory)

    def towers(self) -> tuple[Any, Any]:
        """The sentence-transformers models of queries and of documents; often the same."""
        return self._load()

    def _load(self) -> tuple[Any, Any]:
        """The towers of queries and of documents."""
        with self._lock:
            if self._towers is None:
                from sentence_transformers import SentenceTransformer

                check_embedder(self.directory, self.name)
                with loading(
                    f"the embedder {self.name} from {self.directory}",
                    remedy="Delete that directory and fetch it again (radu models fetch), or name "
                    "another one.",
                ):
                    model = SentenceTransformer(str(self.directory), local_files_only=True)
                    towers = split_towers(model)
                    for tower in towers:
                        if self.precision == "bf16" and _is_transformer(tower):
                            tower[0].bfloat16()
                self._towers = towers
            return self._towers


def _text(text: str) -> str:
    """Half a pair of surrogates is no text to a tokenizer: a question mark stands for it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _key(prompt: str, text: str, *, as_query: bool) -> str:
    tower = "query tower\n" if as_query else ""
    return hashlib.sha256(f"{tower}{prompt}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def _waves(texts: dict[str, str]) -> Iterator[dict[str, str]]:
    """So many texts at a time, the short ones first."""
    order = sorted(texts.items(), key=lambda item: (len(item[1]), item[0]))
    for start in range(0, len(order), _WAVE):
        yield dict(order[start : start + _WAVE])


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions in order of length, as many together as fit into a batch's tokens when padded."""
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda n: (lengths[n], n)):
        if batch and (len(batch) + 1) * lengths[position] > _TOKENS:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def _forward(model: Any, batch: Any) -> NDArray[np.float32]:
    """One batch through all of a model's modules; what follows the transformer is in float32."""
    import torch

    features = dict(batch.to(model.device))
    first, *others = model.children()
    features = first(features)
    features["token_embeddings"] = features["token_embeddings"].float()
    for module in others:
        features = module(features)
    vectors = torch.nn.functional.normalize(features["sentence_embedding"].float(), dim=1)
    return vectors.cpu().numpy()


def _is_transformer(model: Any) -> bool:
    return type(model[0]).__name__ == "Transformer"


def is_plain(model: Any, prompt: str) -> bool:
    """A text transformer with pooling that counts the prompt's tokens, as nearly all do."""
    modules = list(model.children())
    if not _is_transformer(model) or len(modules) < 2:
        return False
    leaves_prompt_out = getattr(modules[1], "include_prompt", True) is False
    lowers = bool(getattr(modules[0], "do_lower_case", False))
    return not lowers and not (prompt and leaves_prompt_out)
