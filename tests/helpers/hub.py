"""A small stand-in for the Hugging Face Hub, on loopback: the few answers that downloads need."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class Hub:
    """Serves repositories: `{("model", "owner/name", revision): {path: bytes}}`.

    A repository's newest commit is its last one; those in `gated` ask for access.

    `requests` lists what was asked, and from which byte on. `faults` are what happens in place of the next answers to
    what ends in some text, in their order: a status, a status with its `Retry-After`, `reset` (no answer), or `broken`
    (half of it).
    """

    def __init__(
        self,
        repositories: dict[tuple[str, str, str], dict[str, bytes]],
        faults: dict[str, list[int | tuple[int, int] | str]] | None = None,
    ) -> None:
        self.repositories = repositories
        self.faults = {end: list(faults) for end, faults in (faults or {}).items()}
        self.requests: list[str] = []
        self.gated: set[str] = set()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                hub.answer(self, body=False)

            def do_GET(self) -> None:
                hub.answer(self, body=True)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Hub":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, body: bool) -> None:
        path = unquote(urlsplit(request.path).path).strip("/")
        start = int((request.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
        self.requests.append(f"{request.command} {path}" + (f" from {start}" if start else ""))
        planned = next((faults for end, faults in self.faults.items() if f"{request.command} {path}".endswith(end)), [])
        fault = planned.pop(0) if planned else None
        if fault == "reset":
            request.close_connection = True
            return request.connection.close()
        if isinstance(fault, int | tuple):
            status, wait = fault if isinstance(fault, tuple) else (fault, None)
            return self.refuse(request, "Busy", "Try again", status, wait)
        kind = "dataset" if path.startswith(("datasets/", "api/datasets/")) else "model"
        parts = path.removeprefix("api/").removeprefix("datasets/").removeprefix("models/").split("/")
        name = "/".join(parts[:2])
        commits = [known[2] for known in self.repositories if known[:2] == (kind, name)]
        if not commits:
            return self.refuse(request, "RepoNotFound", "Repository not found")
        if name in self.gated:
            return self.refuse(request, "GatedRepo", "Access is restricted", status=403)
        action, revision = parts[2:4] if len(parts) > 2 else ("revision", commits[-1])
        files = self.repositories.get((kind, name, revision))
        if files is None:
            return self.refuse(request, "RevisionNotFound", "Invalid rev id")
        if path.startswith("api/"):
            return self.send(request, json.dumps(self.describe(action, name, revision, files)).encode(), {}, body)
        content = files.get("/".join(parts[4:]))
        if content is None:
            return self.refuse(request, "EntryNotFound", "Entry not found")
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": revision}
        return self.send(request, content, headers, body, start, broken=fault == "broken")

    def describe(self, action: str, name: str, revision: str, files: dict[str, bytes]) -> dict | list:
        if action == "tree":
            return [
                {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for path, content in files.items()
            ]
        return {"id": name, "sha": revision, "siblings": [{"rfilename": path} for path in files]}

    def refuse(
        self, request: BaseHTTPRequestHandler, code: str, message: str, status: int = 404, wait: int | None = None
    ) -> None:
        request.send_response(status)
        if wait is not None:
            request.send_header("Retry-After", str(wait))
        request.send_header("X-Error-Code", code)
        request.send_header("X-Error-Message", message)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def send(
        self,
        request: BaseHTTPRequestHandler,
        content: bytes,
        headers: dict[str, str],
        body: bool,
        start: int = 0,
        broken: bool = False,
    ) -> None:
        request.send_response(206 if start else 200)
        if start:
            headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            content = content[start:]
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            request.send_header(key, value)
        request.end_headers()
        if body:
            request.wfile.write(content[: len(content) // 2] if broken else content)
            request.close_connection = request.close_connection or broken
