// The access log of Envoy, as the rest of its configuration takes it. Its fields are those that the other templates name.

/** JSON, which YAML is a superset of. */
export function envoyLog(file: string): string {
  const fields = {
    time: '%START_TIME%',
    client: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
    method: '%REQ(:METHOD)%',
    host: '%REQ(:AUTHORITY)%',
    path: '%REQ(:PATH)%',
    protocol: '%PROTOCOL%',
    status: '%RESPONSE_CODE%',
    bytes: '%BYTES_SENT%',
    seconds: '%DURATION%',
    upstream: '%UPSTREAM_HOST%',
    tls: '%DOWNSTREAM_TLS_VERSION%',
    subject: '%DOWNSTREAM_PEER_SUBJECT%',
    sha256: '%DOWNSTREAM_PEER_FINGERPRINT_256%',
  };
  return JSON.stringify({
    name: 'envoy.access_loggers.file',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
      path: file,
      log_format: { json_format: fields },
    },
  });
}
