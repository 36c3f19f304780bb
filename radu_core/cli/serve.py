"""The command that answers over HTTP."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radu_core.cli.output import Output, command
from radu_core.errors import InputError
from radu_core.words import join_words, quantity

if TYPE_CHECKING:
    from radu_core.serving import Settings, TraceSettings

__all__: list[str] = []

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@command("serve")
def serve_bundles(
    directories: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Bundles that export-model wrote.")
    ],
    host: Annotated[str, typer.Option(help="0.0.0.0: all networks.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 8000,
    key_file: Annotated[
        Path | None,
        typer.Option(help="API keys, one per line. Also read: RADU_SERVE_KEYS, with commas."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds that a request may take, before 504.")
    ] = 30.0,
    queue: Annotated[
        int, typer.Option(min=1, help="Utterances that wait for a model, before 503.")
    ] = 256,
    batch: Annotated[int, typer.Option(min=1, help="Most utterances in one batch.")] = 32,
    max_body: Annotated[
        int, typer.Option(min=1_000, help="Bytes of a request's body, before 413.")
    ] = 1_000_000,
    max_utterance: Annotated[
        int, typer.Option(min=1, max=10_000, help="Characters of an utterance, before 413.")
    ] = 10_000,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="A web page's origin that may ask (CORS). Repeatable."),
    ] = None,
    rollback: Annotated[
        bool, typer.Option(help="Keep the previous version in memory, for /rollback.")
    ] = True,
    log_utterances: Annotated[
        bool, typer.Option("--log-utterances", help="Write utterances into the log.")
    ] = False,
    traces: Annotated[
        Path | None, typer.Option(help="Append answered utterances to this file (JSON lines).")
    ] = None,
    traces_size: Annotated[
        int, typer.Option(min=1, help="Megabytes of that file before it is rotated.")
    ] = 10,
    traces_files: Annotated[
        int, typer.Option(min=0, help="Rotated files that are kept beside it.")
    ] = 4,
    redact: Annotated[
        str | None,
        typer.Option(help="module:function that changes a trace before it is written."),
    ] = None,
) -> Output:
    """Answer over HTTP: OpenAI's chat completions, /parse, and Rasa's /model/parse."""
    from radu_core.inference.bundle import load_bundle
    from radu_core.serving import Metrics, Registry, Settings, create_app, read_keys
    from radu_core.serving.logs import configure_logs
    from radu_core.serving.server import Server, address_of, bind, serve

    settings = Settings(
        keys=read_keys(key_file, os.environ.get("RADU_SERVE_KEYS", "")),
        largest_body=max_body,
        longest_utterance=max_utterance,
        most_waiting=queue,
        largest_batch=batch,
        seconds=timeout,
        origins=tuple(allow_origin or ()),
        keeps_previous=rollback,
        log_utterances=log_utterances,
        traces=_traces(traces, traces_size, traces_files, redact),
    )
    with bind(host, port) as bound:  # before the models: a port in use is reported at once
        address = address_of(bound)
        metrics = Metrics()
        registry = Registry(load_bundle, directories, settings, metrics)
        _warn(host, settings)

        def tell() -> None:
            print(
                f"Serving {join_words(registry.names)} at {address} (docs: {address}/docs)",
                file=sys.stderr,
                flush=True,
            )

        configure_logs()
        app = create_app(registry, settings, metrics)
        server = Server(app, settings, ready=tell, working=registry.working)
        serve(server, bound)
    requests = server.server_state.total_requests
    return Output(
        {"url": address, "models": registry.names, "requests": requests},
        [f"Stopped after {quantity(requests, 'request')}."],
    )


def _traces(
    file: Path | None, megabytes: int, rotated: int, redact: str | None
) -> TraceSettings | None:
    """Where traces go; ``InputError`` if nothing can be written there."""
    from radu_core.serving import TraceSettings, load_redaction

    hook = load_redaction(redact) if redact else None
    if file is None:
        if redact:
            raise InputError(
                "There are no traces to redact", value=redact, remedy="Add --traces FILE."
            )
        return None
    directory = file.absolute().parent
    if file.is_dir() or not os.access(file if file.exists() else directory, os.W_OK):
        raise InputError(
            "Traces can't be written there",
            value=str(file),
            remedy="Name a file in a directory that exists and may be written.",
        )
    return TraceSettings(file, largest=megabytes * 1_000_000, rotated=rotated, redact=hook)


def _warn(host: str, settings: Settings) -> None:
    if not settings.keys and host not in _LOOPBACK:
        print(
            f"warning: {host} can be reached by others, and no API key is needed. "
            "Set one with --key-file.",
            file=sys.stderr,
            flush=True,
        )
