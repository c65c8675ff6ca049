"""A server that answers as the Hugging Face hub does."""

import base64
import contextlib
import hashlib
import http.server
import json
import re
import threading

COMMIT = "0" * 40
TOKEN = "hf_of_the_owner"


class Handler(http.server.BaseHTTPRequestHandler):
    """Downloads with ranges, commits of small files, and nothing else."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.download(body=False)

    def do_GET(self):
        path = self.path.split("?")[0]
        if match := re.fullmatch(r"/api/models/(.+?)/tree/(.+)", path):
            files = self.server.repositories[match[1]]
            return self.answer(
                [
                    {"type": "file", "path": name, "size": len(content), "oid": "0"}
                    for name, content in files.items()
                ]
            )
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/revision/.+)?", path):
            files = self.server.repositories.get(match[1])
            if files is None:
                return self.refuse(401, "RepoNotFound")
            siblings = [{"rfilename": name} for name in files]
            return self.answer({"id": match[1], "sha": COMMIT, "siblings": siblings})
        return self.download(body=True)

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else self.chunked()
        owner = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        self.server.requests.append(f"POST {self.path}")
        if self.path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        if not owner:
            return self.refuse(401, "")
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'me'}/{asked['name']}"
            self.server.private[name] = asked
            self.server.repositories.setdefault(name, {})
            return self.answer({"url": f"{self.server.url}/{name}", "name": name})
        if "/preupload/" in self.path:
            files = json.loads(body)["files"]
            modes = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False}
                for f in files
            ]
            return self.answer({"files": modes})
        if match := re.match(r"/api/models/(.+)/commit/", self.path):
            files = self.server.repositories[match[1]]
            for line in body.decode().splitlines():
                row = json.loads(line)
                if row["key"] == "file":
                    content = base64.b64decode(row["value"]["content"])
                    files[row["value"]["path"]] = content
                elif row["key"] == "deletedFile":
                    files.pop(row["value"]["path"])
            url = f"{self.server.url}/{match[1]}/commit/{COMMIT}"
            return self.answer({"commitOid": COMMIT, "commitUrl": url, "success": True})
        return self.refuse(404, "")

    def download(self, body):
        match = re.fullmatch(r"/(.+?/.+?)/resolve/(.+?)/(.+)", self.path)
        self.server.requests.append(
            f"{self.command} {self.path} {self.headers.get('Range', '')}".strip()
        )
        owner = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        files = match and self.server.repositories.get(match[1])
        if files is None or match[1] in self.server.hidden and not owner:
            return self.refuse(401, "RepoNotFound")
        if match[2] not in ("main", COMMIT):
            return self.refuse(404, "RevisionNotFound")
        if match[3] not in files:
            return self.refuse(404, "EntryNotFound")
        content = files[match[3]]
        start = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            last = len(content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if body:
            most = self.server.break_off_after
            self.wfile.write(content[start:][:most])
            self.close_connection = most is not None
        return None

    def chunked(self):
        body = b""
        while size := int(self.rfile.readline() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, content):
        text = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, code, reason):
        self.send_response(code)
        self.send_header("X-Error-Code", reason)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def hub():
    """The running server: its `url`, and what it holds in `repositories`."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        running.repositories, running.hidden, running.private = {}, set(), {}
        running.requests, running.break_off_after = [], None
        running.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()
