"""Export the traces of `proxim serve` with OTLP to the endpoint of the OTEL_* variables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from proxim.extras import missing


@contextmanager
def exporting(*, enabled: bool) -> Iterator[None]:
    """Export the traces made inside the ``with`` block.

    Raises ``InvalidSetting`` if the libraries are not installed.
    """
    if not enabled:
        yield
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise missing("traces", "otel") from None
    provider = TracerProvider(resource=Resource.create({"service.name": "proxim"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
