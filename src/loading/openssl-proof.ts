// What OpenSSL says to a certificate, its chain and its key when a TLS context is made of them. Workers make most contexts only when
// the first handshake asks for one, so it is found out here, before a configuration is accepted. That the key is the certificate's
// own is checked for each pair (certificate-pair.ts); whatever else OpenSSL looks at (the type of a key, its strength, the signature
// of each certificate that is sent) is the same for all pairs of a kind, and each kind is asked about once.
import { createSecureContext } from 'node:tls';
import type { CertificateFacts } from '../certs/facts.ts';
import { readSignatureAlgorithm } from '../certs/signature-algorithm.ts';

export class OpensslProof {
  readonly #known = new Map<string, string | undefined>();

  /** Why OpenSSL would not serve with it; undefined where it would. `sent`: leaf first, what `chainPem` holds. */
  refusal(sent: readonly CertificateFacts[], chainPem: string, keyPem: string): string | undefined {
    const kind = sent
      .map((facts) => `${facts.key}, ${readSignatureAlgorithm(facts)}, ${isOwnIssuer(facts)}`)
      .join('\n');
    if (this.#known.has(kind)) return this.#known.get(kind);
    const refusal = ask(chainPem, keyPem);
    this.#known.set(kind, refusal);
    return refusal;
  }
}

/** OpenSSL does not look at the signature of what issued itself. */
function isOwnIssuer({ subjectKey, issuerKey }: CertificateFacts): boolean {
  return subjectKey === issuerKey;
}

function ask(cert: string, key: string): string | undefined {
  try {
    createSecureContext({ cert, key });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
