#!/bin/sh
# token.sh CERT [SCOPE]: an access token for whoever has the certificate, as an authorization server issues it that has seen the
# certificate at its token endpoint (RFC 8705 section 3.1). Real ones do this; here it is openssl.
set -eu
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
thumbprint=$(openssl x509 -in "$1" -outform DER | openssl dgst -sha256 -binary | base64url)
head=$(printf '{"alg":"RS256","typ":"at+jwt"}' | base64url)
claims=$(printf '{"iss":"https://login.example.com","aud":"orders","sub":"shop","scope":"%s","exp":%s,"cnf":{"x5t#S256":"%s"}}' \
  "${2:-orders:read}" "$(($(date +%s) + 300))" "$thumbprint" | base64url)
signature=$(printf '%s.%s' "$head" "$claims" | openssl dgst -sha256 -sign issuer/server.key | base64url)
printf '%s.%s.%s' "$head" "$claims" "$signature"
