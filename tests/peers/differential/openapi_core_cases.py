"""Holds requests against documents with openapi-core. Reads {documents, requests} as express.mjs does, and writes a verdict for each request:
200 or 400 and what is said of it, or why there is none."""

import json
import sys
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, urlsplit

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict


@dataclass
class Request:
    method: str
    path: str
    host_url: str
    parameters: RequestParameters
    content_type: str
    body: bytes | None
    full_url_pattern: str = field(default="")

    @property
    def path_pattern(self):
        return None


def read(request):
    target = urlsplit(request["target"])
    headers = Headers(request["headers"])
    cookie = SimpleCookie()
    for line in headers.getlist("cookie"):
        try:
            cookie.load(line)
        except Exception:
            pass
    parameters = RequestParameters(
        query=ImmutableMultiDict(parse_qsl(target.query, keep_blank_values=True)),
        header=headers,
        cookie=ImmutableMultiDict({name: morsel.value for name, morsel in cookie.items()}),
    )
    body = request["body"]
    return Request(
        method=request["method"].lower(),
        path=target.path,
        host_url="http://localhost",
        parameters=parameters,
        content_type=headers.get("content-type", ""),
        body=None if body is None else body.encode(),
    )


def main():
    given = json.load(sys.stdin)
    contracts = {}
    for entry in given["documents"]:
        try:
            contracts[entry["name"]] = OpenAPI.from_dict(entry["document"])
        except Exception as error:
            contracts[entry["name"]] = f"the document is not taken: {type(error).__name__}"
    verdicts = []
    for request in given["requests"]:
        contract = contracts[request["document"]]
        if isinstance(contract, str):
            verdicts.append(contract)
            continue
        try:
            contract.validate_request(read(request))
            verdicts.append([200, ""])
        except OpenAPIError as error:
            verdicts.append([400, repr(error.__cause__ or error)])
        except Exception as error:
            verdicts.append(f"breaks: {type(error).__name__}: {error}"[:80])
    json.dump(verdicts, sys.stdout)


main()
