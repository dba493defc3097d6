"""Where the traces of `proxim serve` go: by OTLP, to where the OTEL_* variables say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from proxim.protocol.errors import InvalidSetting


@contextmanager
def exporting(*, wanted: bool) -> Iterator[None]:
    """Export the traces that are made meanwhile, and what is left of them in the end.

    Raises ``InvalidSetting`` when the libraries are not there.
    """
    if not wanted:
        yield
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise InvalidSetting(
            "traces: this needs more libraries: pip install 'proxim[otel]'"
        ) from None
    provider = TracerProvider(resource=Resource.create({"service.name": "proxim"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
