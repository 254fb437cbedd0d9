"""What the server of the tests answers."""

import hashlib
import http.server
import time

CONTENT = b'PK weights' * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Gives `CONTENT`, and redirects, web pages, slow files and broken connections."""

    requests: list[str] = []

    def do_GET(self) -> None:
        self.requests.append(self.path)
        if self.path.startswith('/to/'):
            self.send_response(302)
            self.send_header('Location', self.path.removeprefix('/to/'))
            self.end_headers()
            return
        if self.path == '/slow.pth':
            time.sleep(0.5)  # long enough for others to ask for it as well
        if self.path == '/missing.pth':
            self.send_error(404)
            return
        body = b'<html>quota exceeded</html>' if self.path == '/page.pth' else CONTENT
        self.send_response(200)
        self.send_header('Content-Length', str(len(body) + 10 * (self.path == '/broken.pth')))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep the output of the tests short."""
