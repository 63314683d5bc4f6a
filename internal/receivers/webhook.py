"""Receives webhooks on a free loopback port, which it prints, and verifies each with
the official library. It prints one JSON line for each request."""
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

webhook = Webhook(sys.argv[1])


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        seen = {"id": self.headers["webhook-id"], "signatures": len((self.headers["webhook-signature"] or "").split())}
        try:
            seen["payload"] = webhook.verify(body, dict(self.headers))
        except WebhookVerificationError as error:
            seen["refused"] = str(error)
        # The same request, with one byte of it changed, must not pass.
        try:
            webhook.verify(body.replace(b'"type"', b'"Type"', 1), dict(self.headers))
            seen["tampered"] = "accepted"
        except WebhookVerificationError as error:
            seen["tampered"] = str(error)
        print(json.dumps(seen), flush=True)
        self.send_response(400 if "refused" in seen else 204)
        self.end_headers()

    def log_message(self, *args):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
