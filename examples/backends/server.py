# python3 server.py: a backend that lets in the gateway alone, and learns from it who calls. Needs the package "cryptography".
import base64
import json
import re
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509

port = int(sys.argv[1]) if len(sys.argv) > 1 else 9443


def read_client_cert(fields):
    """RFC 9440: the certificate that the gateway has verified, as base64 of its DER between colons."""
    match = re.fullmatch(r":([A-Za-z0-9+/=]+):", fields[0]) if len(fields) == 1 else None
    return x509.load_der_x509_certificate(base64.b64decode(match[1])) if match else None


def spiffe_of(certificate):
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return next((uri for uri in uris if uri.startswith("spiffe:")), None)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        # Fields are worth what their sender is worth: who else has a certificate of this CA is not believed.
        peer = dict(pair for group in self.connection.getpeercert()["subject"] for pair in group)
        if peer.get("commonName") != "gateway":
            return self.answer(403, {"error": "only the gateway may call"})
        caller = read_client_cert(self.headers.get_all("Client-Cert", []))
        if caller is None:
            return self.answer(401, {"error": "the caller has no certificate"})
        subject = caller.subject.rfc4514_string()
        self.answer(200, {"language": "python", "subject": subject, "spiffe": spiffe_of(caller)})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certs/server.crt", "certs/server.key")
context.load_verify_locations("certs/ca.crt")
context.verify_mode = ssl.CERT_REQUIRED
server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("listening on", port, flush=True)
server.serve_forever()
