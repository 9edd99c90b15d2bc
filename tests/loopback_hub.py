"""A local stand-in for huggingface.co: the parts of its protocol that publishing and fetching a
model use. Its state is in :class:`Hub`, where a test can read and change it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from huggingface_hub import constants
from loopback import answering

TOKEN = "hf_of_this_test"
READER = "hf_that_may_only_read"
USER = "tester"
LARGE = (".safetensors", ".onnx")
"""Suffixes of files that are uploaded through git LFS, whatever their size."""


@dataclass
class Repository:
    private: bool
    branches: dict[str, str] = field(default_factory=dict)
    """Branch name to commit."""
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Every commit's files."""
    messages: list[str] = field(default_factory=list)

    def commit_of(self, revision: str) -> str | None:
        if revision in self.commits:
            return revision
        return self.branches.get(revision)

    def commit(self, branch: str, files: dict[str, bytes], message: str) -> str:
        before = self.commits[self.branches[branch]] if branch in self.branches else {}
        sha = hashlib.sha1(f"{len(self.commits)}{sorted(files)}".encode()).hexdigest()
        self.commits[sha] = before | files
        self.branches[branch] = sha
        self.messages.append(message)
        return sha


@dataclass
class Hub:
    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    """Contents uploaded through LFS, by sha256."""
    gated: set[str] = field(default_factory=set)
    """Repositories that refuse every download, because their terms are not accepted."""
    says: dict[str, Any] = field(default_factory=dict)
    """Fields that replace the true ones when it describes a model."""
    mark: str = ""
    """The ETag of every file, instead of its digest."""
    asked: list[str] = field(default_factory=list)
    """Method and path of every request."""

    @property
    def variables(self) -> dict[str, str]:
        """Variables for a process that knows only this hub and has a token for it."""
        return {
            "HF_ENDPOINT": self.address,
            "HF_TOKEN": TOKEN,
            # Xet, the newer protocol for large files, needs servers of its own.
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def add(self, repository: str, **files: bytes) -> str:
        """A repository with one commit; returns the commit. A __ in a name stands for a dot."""
        made = self.repositories.setdefault(repository, Repository(private=False))
        named = {name.replace("__", "."): content for name, content in files.items()}
        return made.commit("main", named, "by the test")


@contextmanager
def the_only_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that this process and its children use as the only one; caches lie in ``folder``."""
    with serve() as served:
        for name, value in served.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("ZOO_HOME", str(folder / "home"))
        monkeypatch.setenv("HF_HOME", str(folder / "hf"))
        # huggingface_hub reads these variables once, when it is imported.
        monkeypatch.setattr(constants, "ENDPOINT", served.address)
        files = served.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "hf" / "token"))
        yield served


class RefusedError(Exception):
    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


MODEL = r"/api/models/(?P<id>[^/]+/[^/]+)"
ROUTES = [
    ("POST", r"/api/repos/create", "create"),
    ("POST", r"/api/validate-yaml", "validate"),
    ("POST", rf"{MODEL}/branch/(?P<rev>[^/]+)", "branch"),
    ("POST", rf"{MODEL}/preupload/(?P<rev>[^/]+)", "preupload"),
    ("POST", rf"{MODEL}/commit/(?P<rev>[^/]+)", "commit"),
    ("POST", r"/(?P<id>[^/]+/[^/]+)\.git/info/lfs/objects/batch", "batch"),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", "upload"),
    ("GET", rf"{MODEL}/tree/(?P<rev>[^/]+)", "tree"),
    ("GET", rf"{MODEL}(?:/revision/(?P<rev>[^/]+))?", "info"),
    ("HEAD", r"/(?P<id>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<path>.+)", "resolve"),
    ("GET", r"/(?P<id>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<path>.+)", "resolve"),
]


@contextmanager
def serve() -> Iterator[Hub]:
    """A hub without any repository, until the context ends."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.body = self.rfile.read(length) if length else self._chunks()
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(f"{self.command} {path}")
            for method, pattern, name in ROUTES:
                found = re.fullmatch(pattern, path)
                if method == self.command and found:
                    try:
                        getattr(self, name)(**found.groupdict())
                    except RefusedError as refusal:
                        self._refuse(refusal)
                    return
            self._refuse(RefusedError(404, f"nothing at {path}"))

        def do_GET(self) -> None:
            self.answer()

        do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

        def create(self) -> None:
            request = json.loads(self.body)
            self._require_writer(request.get("organization") or USER)
            name = f"{request.get('organization') or USER}/{request['name']}"
            url = f"{hub.address}/{name}"
            if name in hub.repositories:
                self._json({"error": "You already created this model repo", "url": url}, 409)
                return
            private = request.get("visibility") == "private" or request.get("private") is True
            hub.repositories[name] = Repository(private)
            hub.repositories[name].commit("main", {".gitattributes": b""}, "initial commit")
            self._json({"url": url})

        def validate(self) -> None:
            text = json.loads(self.body)["content"]
            front = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
            try:
                fields = yaml.safe_load(front[1]) if front else {}
                wrong = [] if isinstance(fields.get("license"), str) else ["license is missing"]
            except yaml.YAMLError as error:
                wrong = [str(error)]
            errors = [{"message": message} for message in wrong]
            self._json({"errors": errors, "warnings": []}, 400 if wrong else 200)

        def branch(self, id: str, rev: str) -> None:
            repository = self._writable(id)
            if rev in repository.branches:
                self._json({"error": "Reference already exists"}, 409)
                return
            repository.branches[rev] = repository.branches["main"]
            self._json({})

        def preupload(self, id: str, rev: str) -> None:
            self._writable(id, rev)
            files = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(self.body)["files"]
            ]
            self._json({"files": files})

        def batch(self, id: str) -> None:
            self._writable(id)
            objects = []
            for each in json.loads(self.body)["objects"]:
                oid, size = each["oid"], each["size"]
                upload = {"href": f"{hub.address}/lfs/{oid}", "header": {}}
                actions = {} if oid in hub.large else {"actions": {"upload": upload}}
                objects.append({"oid": oid, "size": size, **actions})
            self._json({"transfer": "basic", "objects": objects})

        def upload(self, oid: str) -> None:
            if hashlib.sha256(self.body).hexdigest() != oid:
                raise RefusedError(400, "the content is not what its name says")
            hub.large[oid] = self.body
            self._send(200, b"")

        def commit(self, id: str, rev: str) -> None:
            repository = self._writable(id, rev)
            files, message = {}, ""
            for line in self.body.splitlines():
                part = json.loads(line)
                value = part["value"]
                if part["key"] == "header":
                    message = value["summary"]
                elif part["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif part["key"] == "lfsFile":
                    if value["oid"] not in hub.large:
                        raise RefusedError(400, f"{value['path']} was not uploaded")
                    files[value["path"]] = hub.large[value["oid"]]
            sha = repository.commit(rev, files, message)
            url = f"{hub.address}/{id}/commit/{sha}"
            self._json({"success": True, "commitOid": sha, "commitUrl": url})

        def info(self, id: str, rev: str | None) -> None:
            repository, sha = self._readable(id, rev or "main")
            siblings = [{"rfilename": name} for name in sorted(repository.commits[sha])]
            facts = {"id": id, "modelId": id, "sha": sha, "private": repository.private}
            self._json({**facts, "siblings": siblings, "tags": [], **hub.says})

        def tree(self, id: str, rev: str) -> None:
            repository, sha = self._readable(id, rev)
            entries: list[dict[str, Any]] = []
            for name, content in sorted(repository.commits[sha].items()):
                entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content)}
                digest = hashlib.sha256(content).hexdigest()
                entry["oid"] = hashlib.sha1(content).hexdigest()
                if digest in hub.large:
                    entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 130}
                entries.append(entry)
            self._json(entries)

        def resolve(self, id: str, rev: str, path: str) -> None:
            repository, sha = self._readable(id, rev)
            if id in hub.gated:
                raise RefusedError(403, "Access to this model is restricted", "GatedRepo")
            content = repository.commits[sha].get(path)
            if content is None:
                raise RefusedError(404, "Entry not found", "EntryNotFound")
            etag = hub.mark or hashlib.sha256(content).hexdigest()
            self._send(200, content, ETag=f'"{etag}"', **{"X-Repo-Commit": sha})

        def _token(self) -> str:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in ("", TOKEN, READER):
                raise RefusedError(401, "Invalid credentials in Authorization header")
            return token

        def _require_writer(self, namespace: str) -> None:
            if self._token() != TOKEN or namespace != USER:
                status = 403 if self._token() else 401
                raise RefusedError(status, f"You don't have the rights to write to {namespace}")

        def _readable(self, id: str, rev: str) -> tuple[Repository, str]:
            token = self._token()
            repository = hub.repositories.get(id)
            if repository is None or (repository.private and token != TOKEN):
                # The same answer for both, so that nobody learns which private repositories exist.
                raise RefusedError(404 if token else 401, "Repository not found", "RepoNotFound")
            sha = repository.commit_of(rev)
            if sha is None:
                raise RefusedError(404, f"Invalid rev id: {rev}", "RevisionNotFound")
            return repository, sha

        def _writable(self, id: str, rev: str = "main") -> Repository:
            repository, _ = self._readable(id, rev)
            self._require_writer(id.partition("/")[0])
            return repository

        def _chunks(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return b""
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _json(self, value: Any, status: int = 200) -> None:
            self._send(status, json.dumps(value).encode(), **{"Content-Type": "application/json"})

        def _refuse(self, refusal: RefusedError) -> None:
            body = json.dumps({"error": refusal.message}).encode()
            headers = {"X-Error-Message": refusal.message, "Content-Type": "application/json"}
            if refusal.code:
                headers["X-Error-Code"] = refusal.code
            self._send(refusal.status, body, **headers)

        def _send(self, status: int, content: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Nothing: pytest's output is for the tests."""

    with answering(Handler) as hub.address:
        yield hub


def files_of(hub: Hub, repository: str, revision: str = "main") -> dict[str, bytes]:
    """The files of a repository, without the hub's own."""
    found = hub.repositories[repository]
    sha = found.commit_of(revision)
    assert sha is not None
    return {n: c for n, c in found.commits[sha].items() if not n.startswith(".")}


def main() -> None:
    """A hub for the shell of a documentation page: write its variables to hub.env and run on."""
    with serve() as hub:
        lines = (f"export {name}={value}" for name, value in hub.variables.items())
        draft = Path("hub.env.part")
        draft.write_text("\n".join(lines) + "\n")
        draft.rename("hub.env")
        threading.Event().wait()


if __name__ == "__main__":
    main()
