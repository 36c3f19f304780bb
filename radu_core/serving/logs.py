"""The server's log: one JSON object a line, without utterances unless they are asked for."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

__all__ = ["JsonFormatter", "configure_logs", "log"]

log = logging.getLogger("radu.serving")


class JsonFormatter(logging.Formatter):
    """A record as JSON: its event, and what ``extra={"fields": …}`` gives.

    Of an exception its type and the lines that it came from are shown. Its message isn't: it may
    quote what somebody said. So may what asyncio writes below the first line of a message.
    """

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage().strip().partition("\n")[0],
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0]:
            entry["exception"] = record.exc_info[0].__name__
            entry["traceback"] = "".join(traceback.format_tb(record.exc_info[2]))
        return json.dumps(entry, ensure_ascii=False, default=str)


def configure_logs() -> None:
    """Send the server's log, and those of what it runs on, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    levels = {"radu.serving": logging.INFO, "uvicorn": logging.WARNING, "asyncio": logging.WARNING}
    for name, level in levels.items():
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
