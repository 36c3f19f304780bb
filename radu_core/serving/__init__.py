"""Models behind HTTP: OpenAI's chat completions, a parse route of our own, and Rasa's."""

from radu_core.serving.app import create_app
from radu_core.serving.metrics import Metrics
from radu_core.serving.registry import Registry
from radu_core.serving.settings import (
    Keys,
    Settings,
    TraceSettings,
    load_redaction,
    read_keys,
)

__all__ = [
    "Keys",
    "Metrics",
    "Registry",
    "Settings",
    "TraceSettings",
    "create_app",
    "load_redaction",
    "read_keys",
]
