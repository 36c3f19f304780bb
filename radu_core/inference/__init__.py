"""A trained run and an utterance → a validated function call."""

from radu_core.generator import Generated, Generator
from radu_core.inference.fast import FastParser
from radu_core.inference.parser import FunctionCall, Parser, ParserSettings, nest

__all__ = [
    "FastParser",
    "FunctionCall",
    "Generated",
    "Generator",
    "Parser",
    "ParserSettings",
    "nest",
]
