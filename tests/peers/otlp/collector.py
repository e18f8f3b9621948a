#!/usr/bin/env python3
"""A collector of traces and metrics (OTLP over HTTP), which reads what it is told with OpenTelemetry's own protobuf classes.

Over TLS where `server.pem` is in its folder. Notes each span and each number in its log, one JSON object a line, and the headers of
requests with them. Where a file `status` is in its folder, that is what it answers (`503 1`: with `Retry-After: 1`), and unless that is
success it takes nothing and notes so. Where a file `said` is there, it says that it did not take one span, and why.
"""

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest, ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

sys.path.insert(0, str(Path(__file__).parents[1]))
import serving


def attributes(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def spans(message):
    for of in message.resource_spans:
        for scope in of.scope_spans:
            for span in scope.spans:
                yield {
                    "span": span.span_id.hex(),
                    "trace": span.trace_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "name": span.name,
                    "kind": Span.SpanKind.Name(span.kind),
                    "flags": span.flags,
                    "from": span.start_time_unix_nano,
                    "until": span.end_time_unix_nano,
                    "status": Status.StatusCode.Name(span.status.code),
                    "attributes": attributes(span.attributes),
                    "resource": attributes(of.resource.attributes),
                }


def numbers(message):
    for of in message.resource_metrics:
        for scope in of.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                for point in data.data_points:
                    told = {"metric": metric.name, "kind": kind, "unit": metric.unit, "about": metric.description}
                    told |= {"attributes": attributes(point.attributes), "resource": attributes(of.resource.attributes)}
                    told |= {"since": point.start_time_unix_nano, "at": point.time_unix_nano}
                    if kind != "gauge":
                        told["temporality"] = AggregationTemporality.Name(data.aggregation_temporality)
                    if kind == "histogram":
                        told |= {"count": point.count, "sum": point.sum}
                        told |= {"buckets": list(point.bucket_counts), "bounds": list(point.explicit_bounds)}
                    else:
                        told["value"] = point.as_double
                    yield told


KNOWN = {
    "/v1/traces": (ExportTraceServiceRequest, ExportTraceServiceResponse, spans),
    "/v1/metrics": (ExportMetricsServiceRequest, ExportMetricsServiceResponse, numbers),
}


def note(found):
    with OPTIONS.log.open("a") as log:
        log.write("".join(json.dumps(one) + "\n" for one in found))


class Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status, after = 200, None
        if (OPTIONS.folder / "status").exists():
            status, *after = (OPTIONS.folder / "status").read_text().split()
            status, after = int(status), after[0] if after else None
        if status >= 300:
            note([{"refused": status}])
            return self.answer(status, b"", after)
        if self.path not in KNOWN or self.headers["content-type"] != "application/x-protobuf":
            return self.answer(404, b"")
        request, response, told = KNOWN[self.path]
        headers = {name.lower(): value for name, value in self.headers.items()}
        note([one | {"headers": headers} for one in told(request.FromString(body))])
        answer = response()
        if (OPTIONS.folder / "said").exists() and told is spans:
            answer.partial_success.rejected_spans = 1
            answer.partial_success.error_message = (OPTIONS.folder / "said").read_text()
        return self.answer(status, answer.SerializeToString())

    def answer(self, status, body, after=None):
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        if after:
            self.send_header("retry-after", after)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


parser = serving.options(__doc__)
parser.add_argument("--port", type=int, default=0)
OPTIONS = parser.parse_args()
server = ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Collector)
if (OPTIONS.folder / "server.pem").exists():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(OPTIONS.folder / "server.pem", OPTIONS.folder / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
serving.serve(server, OPTIONS.until_eof)
