// What a source delivered, once it is believed: read, complete, not expired, the key that of the certificate. What else it has to be
// where it is used (names, purpose, rules) is verified there, when a configuration is built with it.
import { hash } from 'node:crypto';
import { hasErrors, type MaterialProblem } from '../base/material-problem.ts';
import type { SourceConfig } from '../config/source-config.ts';
import { checkClientPair, checkServerPair } from '../trust/certificate-pair.ts';
import { TrustBundle } from '../trust/trust-bundle.ts';
import type { Delivery, SourceProblem } from './source.ts';

/** Plain data. */
export type Delivered = {
  /** Equal for equal material only. */
  readonly digest: string;
  readonly chainPem: string;
  /** '' of anchors. */
  readonly keyPem: string;
  readonly subject: string;
  /** Hexadecimal; of anchors '' where there are several. */
  readonly serial: string;
  /** Milliseconds since the epoch. Of anchors: when the first of them ends. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** When it came. */
  readonly at: number;
  /** When whoever delivered it wants to be asked again. */
  readonly renewAt: number | undefined;
};

const maxPemBytes = 1024 * 1024;

/** As what is used, or why it cannot be. `now`: milliseconds since the epoch. */
export function verifyDelivery(
  delivery: Delivery,
  { want, label }: Pick<SourceConfig, 'want' | 'label'>,
  now: number,
): Delivered | SourceProblem {
  if (want === 'pair') {
    return delivery.pair === undefined
      ? refused(`${label}: no certificate was delivered`, 'It has to deliver a certificate and its key.')
      : verifyPair(delivery.pair, label, now, delivery.renewAt);
  }
  return delivery.anchorsPem === undefined
    ? refused(`${label}: no CA was delivered`, 'It has to deliver certificates of CAs.')
    : verifyAnchors(delivery.anchorsPem, label, now, delivery.renewAt);
}

function verifyPair(
  { certPem, keyPem }: NonNullable<Delivery['pair']>,
  label: string,
  now: number,
  renewAt: number | undefined,
): Delivered | SourceProblem {
  if (Buffer.byteLength(certPem) + Buffer.byteLength(keyPem) > maxPemBytes) return tooLarge(label);
  const options = { now, certName: `the certificate of ${label}`, keyName: `the key of ${label}` };
  const asServer = checkServerPair(certPem, keyPem, options);
  // Which of both it is to be is not known here; the same defect is told as that of a server.
  const asClient = asServer.chainPem === undefined ? checkClientPair(certPem, keyPem, options) : asServer;
  const { leaf, chainPem, keyPem: key } = asClient;
  if (leaf === undefined || chainPem === undefined || key === undefined) return firstError(asServer.problems, label);
  const { subject, serial, notBefore, notAfter } = leaf;
  // What is above the leaf is handed on as it came: who reads it again puts it in order again.
  return delivered(certPem, key, { subject, serial, notBefore, notAfter, at: now, renewAt });
}

function verifyAnchors(
  anchorsPem: string,
  label: string,
  now: number,
  renewAt: number | undefined,
): Delivered | SourceProblem {
  if (Buffer.byteLength(anchorsPem) > maxPemBytes) return tooLarge(label);
  const { bundle, problems } = TrustBundle.parse(anchorsPem, { name: label, now });
  if (bundle === undefined) return firstError(problems, label);
  const { certificates } = bundle;
  const [first] = certificates;
  const subject = certificates.length === 1 ? (first?.subject ?? '') : `${certificates.length} CAs`;
  const serial = certificates.length === 1 ? (first?.serial ?? '') : '';
  const notBefore = Math.max(...certificates.map((facts) => facts.notBefore));
  const notAfter = Math.min(...certificates.map((facts) => facts.notAfter));
  return delivered(bundle.pem.join(''), '', { subject, serial, notBefore, notAfter, at: now, renewAt });
}

function delivered(
  chainPem: string,
  keyPem: string,
  facts: Omit<Delivered, 'digest' | 'chainPem' | 'keyPem'>,
): Delivered {
  return { digest: hash('sha256', `${chainPem}\0${keyPem}`), chainPem, keyPem, ...facts };
}

function firstError(problems: readonly MaterialProblem[], label: string): SourceProblem {
  const [first] = hasErrors(problems) ? problems.filter(({ severity }) => severity === 'error') : [];
  return refused(first?.message ?? `${label}: what was delivered cannot be used`, first?.hint ?? '');
}

function tooLarge(label: string): SourceProblem {
  return refused(`${label}: what was delivered has more than ${maxPemBytes} bytes`, 'Is this the right source?');
}

function refused(message: string, hint: string): SourceProblem {
  return { code: 'source_refused', message, hint };
}

export function isDelivered(outcome: Delivered | SourceProblem): outcome is Delivered {
  return 'digest' in outcome;
}
