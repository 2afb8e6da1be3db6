import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findAlert, findCertificateAlert, verifyHandshakeError } from './handshake-error.ts';

test('alerts about our certificate are told from those about its absence, in every spelling of OpenSSL', () => {
  for (const raw of [
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE',
    'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
    'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN',
  ])
    assert.equal(findCertificateAlert(raw), 'missing', raw);
  for (const raw of ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED'])
    assert.equal(findCertificateAlert(raw), 'refused', raw);
});

test('alerts about something else and errors that are no alerts say nothing about certificates', () => {
  for (const raw of [
    'ERR_SSL_TLSV1_UNRECOGNIZED_NAME',
    'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR',
    'ERR_SSL_TLSV1_ALERT_SOMETHING_NEW',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ECONNRESET',
    'CERT_HAS_EXPIRED',
    '',
  ])
    assert.equal(findCertificateAlert(raw), undefined, raw);
});

const seen = { leg: 1, sawPeerCertificate: true } as const;

test('a certificate without its key, one that cannot be read, and broken TLS are told apart by where OpenSSL stumbled', () => {
  const table: [reason: string, library: string, code: string][] = [
    ['PROVIDER_SIGNATURE_FAILURE', 'digital envelope routines', 'unproven_key'],
    ['LAST_OCTET_INVALID', 'rsa routines', 'unproven_key'],
    ['FIRST_OCTET_INVALID', 'rsa routines', 'unproven_key'],
    ['DATA_GREATER_THAN_MOD_LEN', 'rsa routines', 'unproven_key'],
    ['BAD_SIGNATURE', 'elliptic curve routines', 'unproven_key'],
    ['BAD_SIGNATURE', 'SSL routines', 'unproven_key'],
    ['WRONG_SIGNATURE_TYPE', 'SSL routines', 'unproven_key'],
    ['WRONG_TAG', 'asn1 encoding routines', 'malformed_cert'],
    ['ILLEGAL_PADDING', 'asn1 encoding routines', 'malformed_cert'],
    ['TOO_LONG', 'asn1 encoding routines', 'malformed_cert'],
    ['INVALID_CERTIFICATE', 'X509 V3 routines', 'malformed_cert'],
    ['DECODE_ERROR', 'digital envelope routines', 'malformed_cert'],
    ['MODULUS_TOO_LARGE', 'rsa routines', 'malformed_cert'],
    ['POINT_IS_NOT_ON_CURVE', 'elliptic curve routines', 'malformed_cert'],
    ['CERT_LENGTH_MISMATCH', 'SSL routines', 'malformed_cert'],
    ['DECODE_ERROR', 'SSL routines', 'malformed_handshake'],
    ['UNEXPECTED_MESSAGE', 'SSL routines', 'malformed_handshake'],
    ['DIGEST_CHECK_FAILED', 'SSL routines', 'malformed_handshake'],
    ['DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'SSL routines', 'malformed_handshake'],
    ['SOMETHING_NEW', 'SSL routines', 'malformed_handshake'],
    ['SOMETHING_NEW', '', 'malformed_handshake'],
    ['WRONG_CURVE', 'SSL routines', 'protocol_mismatch'],
    ['NO_APPLICATION_PROTOCOL', 'SSL routines', 'protocol_mismatch'],
    ['UNEXPECTED_EOF_WHILE_READING', 'SSL routines', 'refused_by_peer'],
  ];
  for (const [reason, library, code] of table) {
    for (const leg of [1, 2] as const) {
      const found = verifyHandshakeError(`ERR_SSL_${reason}`, { ...seen, leg, library });
      assert.equal(found?.code, code, `${library} ${reason}`);
    }
  }
});

test('a curve and an application protocol that do not fit have a remedy of their own', () => {
  assert.match(verifyHandshakeError('ERR_SSL_WRONG_CURVE', seen)?.remedy ?? '', /`curves`/);
  assert.match(verifyHandshakeError('ERR_SSL_NO_APPLICATION_PROTOCOL', seen)?.remedy ?? '', /ALPN/);
  assert.equal(verifyHandshakeError('ERR_SSL_UNSUPPORTED_PROTOCOL', seen)?.remedy, undefined);
});

test('alerts are known in every spelling, those of extensions too', () => {
  assert.equal(findAlert('ERR_SSL_TLSV1_UNRECOGNIZED_NAME'), 'unrecognized_name');
  assert.equal(findAlert('ERR_SSL_TLSV1_UNSUPPORTED_EXTENSION'), 'unsupported_extension');
  assert.equal(findAlert('ERR_SSL_TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE'), 'bad_certificate_status_response');
  assert.equal(findAlert('ERR_SSL_WRONG_TAG'), undefined);
});
