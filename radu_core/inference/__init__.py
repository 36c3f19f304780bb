"""A trained run and an utterance → a validated function call."""

from radu_core.inference.generator import Generated, Generator
from radu_core.inference.parser import FunctionCall, Parser, ParserSettings

__all__ = ["FunctionCall", "Generated", "Generator", "Parser", "ParserSettings"]
