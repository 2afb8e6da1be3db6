// A certificate that a gateway ordered by itself (RFC 8555), as one that ours orders: anew, with an account of its own.
import type { DraftMap } from './draft.ts';

/** Where nothing is said, the others ask there. */
const letsEncrypt = 'https://acme-v02.api.letsencrypt.org/directory';

export type AcmeOrder = {
  readonly id: string;
  readonly directory: string | undefined;
  readonly email: string | undefined;
  readonly domains: readonly string[];
  readonly challenge?: 'tls-alpn-01' | 'http-01';
};

/** An item of gateway.certificates; undefined where there is no name that can be ordered (wildcards need dns-01). */
export function acmeCertificate({
  id,
  directory = letsEncrypt,
  email,
  domains,
  challenge,
}: AcmeOrder): DraftMap | undefined {
  const names = [...new Set(domains)].filter((name) => /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(name) && !isLocal(name));
  if (names.length === 0 || names.length > 100) return undefined;
  const order: DraftMap = {
    directory,
    ...(email !== undefined && { email }),
    domains: names,
    ...(challenge !== undefined && { challenge }),
    termsOfServiceAgreed: true,
  };
  return { id: id.replace(/[^A-Za-z0-9._-]/g, '-'), acme: order };
}

/** What no public CA issues. */
function isLocal(name: string): boolean {
  return /\.(?:localhost|local|internal|test|example|invalid|lan|home|arpa)$|^\d+(?:\.\d+){3}$/.test(name);
}

export const ordersAnew =
  'gateway.certificates, acme: ordered anew, under an account of its own; that its terms were agreed to is taken over';
