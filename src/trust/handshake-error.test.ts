import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCertificateAlert } from './handshake-error.ts';

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
