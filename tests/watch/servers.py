"""Debian's Prometheus and Alertmanager on free ports with the repository's own files.

Addresses are put in the place of the compose file's names, and times are made short; all else is as it stands there.
"""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import yaml

from cli.child import spawn
from cli.page_logins import USER
from tests.conftest import find_free_port, serving
from tests.pages_tls import trusting
from tests.polling import until
from tests.watch.files import ROOT

Alert = dict[str, Any]


class Webhook:
    """Whoever the alerts are sent to: notes each one as it comes."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        alerts = self.alerts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                alerts.extend(json.loads(body)["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def got(self, status: str, **labels: str) -> list[Alert]:
        """The alerts of that status (firing or resolved) that have these labels."""
        return [one for one in self.alerts if one["status"] == status and labels.items() <= one["labels"].items()]

    def close(self) -> None:
        """Nobody listens any more."""
        self._server.shutdown()
        self._server.server_close()


class Page:
    """A page of the hardened stack that asks for a login; `secrets`: the folder with its password."""

    def __init__(self, server: str, port: int, secrets: Path) -> None:
        self.address = f"127.0.0.1:{port}"
        self.url = f"https://{self.address}"
        self.tls = trusting(secrets)
        self.login = (USER, (secrets / f"{server}-password").read_text().strip())

    def ask(self, path: str, **how: Any) -> httpx.Response:
        """Whatever it answers, to whom logs in; `how` says another login (`auth`), or what to look for (`params`)."""
        return httpx.get(self.url + path, timeout=20, verify=self.tls, **{"auth": self.login, **how})

    def tell(self, path: str, body: Any) -> None:
        """Post that as JSON; the test fails if it is not taken."""
        answer = httpx.post(self.url + path, json=body, timeout=20, verify=self.tls, auth=self.login)
        assert answer.status_code == 200, answer.text


class Prometheus(Page):
    """A running one."""

    def get(self, path: str, **params: str) -> Any:
        """What the API answers; the test fails on an error."""
        answer = self.ask(f"/api/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def query(self, text: str) -> list[Any]:
        """The series that a query gives now."""
        result = self.get("query", query=text)["result"]
        assert isinstance(result, list)
        return result


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A receiver while the context lasts."""
    listening = Webhook()
    try:
        yield listening
    finally:
        listening.close()


@contextmanager
def alertmanager(folder: Path, secrets: Path, **receivers: str) -> Iterator[Page]:
    """Started by its own script, which takes the `receivers` from the environment."""
    shutil.copytree(ROOT / "alertmanager", folder / "alertmanager")
    web = _served(folder / "alertmanager", secrets)
    config = folder / "alertmanager" / "alertmanager.yml"
    config.write_text(re.sub(r"(group_wait|group_interval): \w+", r"\1: 1s", config.read_text()))
    port = find_free_port()
    options = [f"--storage.path={folder / 'alerts'}", f"--web.listen-address=127.0.0.1:{port}", web]
    env = {"ALERTMANAGER": "prometheus-alertmanager", "TMPDIR": str(folder), **receivers}
    command = ["/bin/sh", str(folder / "alertmanager" / "start.sh"), *options, "--cluster.listen-address="]
    page = Page("alertmanager", port, secrets)
    with _running(command, page, folder / "alertmanager.log", env):
        yield page


@contextmanager
def prometheus(folder: Path, secrets: Path, targets: Mapping[str, str]) -> Iterator[Prometheus]:
    """`targets`: job -> host:port; a job without one is left out, and so is what only Docker's name server knows.

    `secrets`: the folder of what is at /run/secrets in the container.
    """
    port = find_free_port()
    shutil.copytree(ROOT / "prometheus", folder / "prometheus")
    path = folder / "prometheus" / "prometheus.yml"
    config = yaml.safe_load(path.read_text().replace("/run/secrets/", f"{secrets}/"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    there = {"prometheus": f"127.0.0.1:{port}", **targets}
    config["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [there["alertmanager"]]}]
    config["scrape_configs"] = [
        {name: value for name, value in job.items() if name != "dns_sd_configs"}
        | {"static_configs": [{"targets": [there[job["job_name"]]]}]}
        for job in config["scrape_configs"]
        if job["job_name"] in there
    ]
    path.write_text(yaml.safe_dump(config))
    for rules in (folder / "prometheus" / "rules").glob("*.yml"):
        rules.write_text(re.sub(r"\bfor: \w+", "for: 2s", rules.read_text()))
    command = ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", _served(folder / "prometheus", secrets)]
    page = Prometheus("prometheus", port, secrets)
    with _running(command, page, folder / "prometheus.log", {}):
        yield page


@contextmanager
def logs_page(folder: Path, secrets: Path, command: Sequence[str]) -> Iterator[str]:
    """A page that is served as Loki's is by the options of its `command`; gives its host:port.

    It is another Prometheus: both take what these options say to the same library (Prometheus' exporter toolkit).
    """
    options = dict(option.removeprefix("-server.").split("=") for option in command if option.startswith("-server."))
    told = {
        "cert_file": options["http-tls-cert-path"],
        "key_file": options["http-tls-key-path"],
        "client_auth_type": options["http-tls-client-auth"],
        "client_ca_file": options["http-tls-ca-path"],
    }
    here = {name: value.replace("/run/secrets/", f"{secrets}/") for name, value in told.items()}
    folder.mkdir()
    (folder / "web.yml").write_text(yaml.safe_dump({"tls_server_config": here}))
    (folder / "none.yml").write_text("")
    port = find_free_port()
    command = ["prometheus", f"--config.file={folder / 'none.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", f"--web.config.file={folder / 'web.yml'}"]
    with serving(command, port, folder / "log") as address:
        yield address


def _served(folder: Path, secrets: Path) -> str:
    """The option that names the file of how a page is served; that and how its health check asks with our paths."""
    for name, path in {"web.yml": secrets / f"{folder.name}-web.yml", "asking.yml": folder / "asking.yml"}.items():
        (folder / name).write_text(path.read_text().replace("/run/secrets/", f"{secrets}/"))
    return f"--web.config.file={folder / 'web.yml'}"


@contextmanager
def _running(command: list[str], page: Page, log: Path, env: Mapping[str, str]) -> Iterator[None]:
    def is_ready() -> bool:
        assert child.poll() is None, log.read_text()
        try:
            return page.ask("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    with log.open("wb") as file:
        child = spawn(command, env={**os.environ, **env}, stdout=file, stderr=subprocess.STDOUT)
    try:
        until(is_ready, 30, f"{command[0]} ready")
        yield
    finally:
        child.kill()
        child.wait()
