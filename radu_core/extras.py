"""Which extra of the package brings what is imported late; the message where it isn't installed.

``pyproject.toml`` says which packages an extra holds; a test compares the two.
"""

from __future__ import annotations

from radu_core.errors import MissingPackageError

__all__ = ["BASE", "EXTRAS", "as_missing_package", "missing_package"]

EXTRAS: dict[str, tuple[str, ...]] = {
    "serve": (
        "onnxruntime",
        "tokenizers",
        "fastapi",
        "uvicorn",
        "prometheus_client",
        "threadpoolctl",
    ),
    "train": (
        "torch",
        "transformers",
        "sentence_transformers",
        "faiss",
        "peft",
        "accelerate",
        "sklearn",
        "scipy",
        "pycrfsuite",
        "gguf",
        "huggingface_hub",
        "onnx",
        "onnxscript",
        "pip",
    ),
    "ray": ("ray",),
    "postgres": ("psycopg",),
}
"""The names that are imported, by the smallest extra that brings them."""

BASE = (
    "streamlit",
    "altair",
    "pandas",
    "sqlalchemy",
    "alembic",
    "openpyxl",
    "charset_normalizer",
    "filelock",
    "itsdangerous",
)
"""What comes without an extra, and is left out of the server alone (requirements-serve.txt)."""

_POSIX = ("resource",)


def missing_package(name: str) -> MissingPackageError:
    """What to say where the import of ``name``, one of ``EXTRAS`` or ``BASE``, fails."""
    extra = next((extra for extra, names in EXTRAS.items() if name in names), None)
    requirement = f"radu-studio[{extra}]" if extra else "radu-studio"
    return MissingPackageError(
        f"This needs the package {name}, which isn't installed",
        remedy=f'Install it: pip install "{requirement}".',
    )


def as_missing_package(error: BaseException) -> MissingPackageError | None:
    """The same for an import that failed; None for any other error."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    name = error.name.split(".")[0]
    if name in _POSIX:
        return MissingPackageError(
            "This needs a POSIX system",
            remedy="Use Linux or macOS; on Windows, WSL or the container image.",
        )
    is_ours = any(name in names for names in (BASE, *EXTRAS.values()))
    return missing_package(name) if is_ours else None
