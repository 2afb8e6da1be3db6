// go run server.go: a backend that lets in the gateway alone, and learns from it who calls.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
)

// RFC 9440: the certificate that the gateway has verified, as base64 of its DER between colons.
func readClientCert(header http.Header) (*x509.Certificate, error) {
	fields := header.Values("Client-Cert")
	if len(fields) != 1 || len(fields[0]) < 3 || !strings.HasPrefix(fields[0], ":") || !strings.HasSuffix(fields[0], ":") {
		return nil, fmt.Errorf("there is no Client-Cert")
	}
	der, err := base64.StdEncoding.DecodeString(fields[0][1 : len(fields[0])-1])
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func serve(w http.ResponseWriter, r *http.Request) {
	answer := func(status int, body map[string]any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	// Fields are worth what their sender is worth: who else has a certificate of this CA is not believed.
	if r.TLS.PeerCertificates[0].Subject.CommonName != "gateway" {
		answer(http.StatusForbidden, map[string]any{"error": "only the gateway may call"})
		return
	}
	caller, err := readClientCert(r.Header)
	if err != nil {
		answer(http.StatusUnauthorized, map[string]any{"error": "the caller has no certificate"})
		return
	}
	body := map[string]any{"language": "go", "subject": caller.Subject.String()}
	for _, uri := range caller.URIs {
		if uri.Scheme == "spiffe" {
			body["spiffe"] = uri.String()
		}
	}
	answer(http.StatusOK, body)
}

func main() {
	port := "9443"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	ca, err := os.ReadFile("certs/ca.crt")
	if err != nil {
		log.Fatal(err)
	}
	cert, err := tls.LoadX509KeyPair("certs/server.crt", "certs/server.key")
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	config := &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", port)
	log.Fatal((&http.Server{Handler: http.HandlerFunc(serve)}).Serve(tls.NewListener(listener, config)))
}
