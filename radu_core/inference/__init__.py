"""A trained run and an utterance → a validated function call."""

from radu_core.generator import Generated, Generator
from radu_core.inference.fast import FastParser
from radu_core.inference.full import Deferral, FullParser, fit_deferral
from radu_core.inference.parser import FunctionCall, Parser, ParserSettings, nest

__all__ = [
    "Deferral",
    "FastParser",
    "FullParser",
    "FunctionCall",
    "Generated",
    "Generator",
    "Parser",
    "ParserSettings",
    "fit_deferral",
    "nest",
]
