// TLS for a CA that validates by tls-alpn-01 (RFC 8737): the certificate of an open order, no client certificate, nothing resumed, and no
// protocol but acme-tls/1, over which nothing is ever said.
import { acmeTlsProtocol, type ChallengeAnswers } from '../acme/challenge-answers.ts';
import { resolveCipherSuites, resolveCurves } from './cipher-list.ts';
import type { ClientHello } from './client-hello.ts';
import { TlsTerminator } from './tls-terminator.ts';

export class ChallengeTerminators {
  readonly #answers: ChallengeAnswers;
  readonly #made = new WeakMap<object, TlsTerminator>();

  constructor(answers: ChallengeAnswers) {
    this.#answers = answers;
  }

  /** undefined: a client like any other. `serverName`: canonical. */
  find({ alpn }: Pick<ClientHello, 'alpn'>, serverName: string | undefined): TlsTerminator | undefined {
    const certificate = this.#answers.findCertificate(alpn, serverName);
    if (certificate === undefined) return undefined;
    let terminator = this.#made.get(certificate);
    if (terminator === undefined) {
      terminator = new TlsTerminator({
        cert: [certificate.cert],
        key: [certificate.key],
        trust: undefined,
        alertsMissing: false,
        minVersion: 'TLSv1.2',
        maxVersion: 'TLSv1.3',
        ciphers: resolveCipherSuites([]).join(':'),
        curves: resolveCurves([]).join(':'),
        staples: undefined,
        protocols: [acmeTlsProtocol],
        sessionIdContext: 'acme-tls',
        resumption: undefined,
      });
      this.#made.set(certificate, terminator);
    }
    return terminator;
  }
}
