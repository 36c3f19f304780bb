"""A trained run and an utterance → a validated function call."""

from radu_core.generator import Generated, Generator
from radu_core.inference.fast import FastParser
from radu_core.inference.full import FullParser, Mixture, fit_mixture
from radu_core.inference.parser import FunctionCall, Parser, ParserSettings, nest

__all__ = [
    "FastParser",
    "FullParser",
    "FunctionCall",
    "Generated",
    "Generator",
    "Mixture",
    "Parser",
    "ParserSettings",
    "fit_mixture",
    "nest",
]
