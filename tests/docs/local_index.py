"""A package index on this machine (loopback) in place of PyPI. pip installs from it, twine uploads
to it, and nothing leaves the machine."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from loopback import answering

from zoo.registry.entries import normal

TOKEN = "pypi-of-this-test"


@dataclass
class LocalIndex:
    """The files of an index, and the form of each upload."""

    folder: Path
    address: str = ""
    uploads: dict[str, dict[str, str]] = field(default_factory=dict)
    """The fields of the upload form, by file name."""

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables with which pip and twine use only this index."""
        return {
            "PIP_NO_INDEX": "0",
            "PIP_INDEX_URL": f"{self.address}/simple/",
            "TWINE_REPOSITORY_URL": f"{self.address}/legacy/",
            "TWINE_USERNAME": "__token__",
            "TWINE_PASSWORD": TOKEN,
            "TWINE_NON_INTERACTIVE": "1",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def files(self, project: str) -> list[str]:
        """The file names of one project, given by its normalised name (PEP 503)."""
        names = sorted(file.name for file in self.folder.iterdir())
        return [name for name in names if normal(name.split("-")[0]) == project]

    def receive(self, form: dict[str, str], name: str, content: bytes) -> str:
        """Store an upload; the reason if it is refused, or an empty text."""
        if form.get(":action") != "file_upload" or form.get("protocol_version") != "1":
            return "no upload"
        if form.get("sha256_digest") != hashlib.sha256(content).hexdigest():
            return "the file is not the one that its digest was taken of"
        if (self.folder / name).exists():
            return "this file exists already; an index takes no file twice"
        (self.folder / name).write_bytes(content)
        self.uploads[name] = form
        return ""


@contextmanager
def serve(folder: Path) -> Iterator[LocalIndex]:
    """Serve an index of the files in ``folder`` until the context ends."""
    index = LocalIndex(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _, name = self.path.strip("/").partition("/")
            if kind == "simple" and index.files(name):
                links = (
                    f'<a href="/files/{html.escape(f)}">{html.escape(f)}</a>'
                    for f in index.files(name)
                )
                page = f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>"
                self._answer(200, page.encode(), "text/html")
            elif kind == "files" and (folder / Path(name).name).is_file():
                content = (folder / Path(name).name).read_bytes()
                self._answer(200, content, "application/octet-stream")
            else:
                self._answer(404, b"not here", "text/plain")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            head = f"Content-Type: {self.headers['Content-Type']}\n\n".encode()
            form, name, content = {}, "", b""
            for part in message_from_bytes(head + body).get_payload():
                disposition = part.get_params(header="content-disposition")
                parameters = dict(disposition)
                if "filename" in parameters:
                    name, content = parameters["filename"], part.get_payload(decode=True)
                else:
                    form[parameters["name"]] = part.get_payload(decode=True).decode()
            key = base64.b64encode(f"__token__:{TOKEN}".encode()).decode()
            if self.headers["Authorization"] != f"Basic {key}":
                self._answer(403, b"not the token of this index", "text/plain")
                return
            error = index.receive(form, name, content)
            self._answer(400 if error else 200, error.encode(), "text/plain")

        def _answer(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Log nothing."""

    with answering(Handler) as index.address:
        yield index
