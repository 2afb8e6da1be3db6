// A step of the diagnosis: which step, how it went, one line, and for the one that broke the cause, the remedy, our code and
// the raw one. The remedies are those of a person at the client's side; the fault table has those of the gateway's.
import { type FaultCode, faultTable } from '../base/fault.ts';

export const stepNames = {
  dns: 'DNS',
  tcp: 'TCP',
  tls: 'TLS',
  certificate: 'certificate',
  chain: 'chain',
  name: 'name',
  client_auth: 'client auth',
  own: 'our certificate',
  answer: 'answer',
} as const;

export type StepId = keyof typeof stepNames;

export type StepFailure = {
  readonly code: FaultCode;
  readonly cause: string;
  readonly remedy: string;
  /** The code of OpenSSL, Node or errno, or 'HTTP 400'; '' where there is none. */
  readonly raw: string;
};

export type Step = {
  readonly step: StepId;
  /** 'unknown': it neither passed nor failed as far as can be seen from here. */
  readonly status: 'ok' | 'failed' | 'unknown';
  readonly text: string;
  /** Worth knowing, though it broke nothing. */
  readonly notes: readonly string[];
  readonly failure?: StepFailure;
};

export function passed(step: StepId, text: string, notes: readonly string[] = []): Step {
  return { step, status: 'ok', text, notes };
}

export function unclear(step: StepId, text: string, notes: readonly string[] = []): Step {
  return { step, status: 'unknown', text, notes };
}

type Broken = { readonly code: FaultCode; readonly cause: string; readonly raw: string; readonly remedy?: string };

/** `text` is what was there before it broke; the remedy is that of step and code where none is given. */
export function broken(step: StepId, text: string, failure: Broken, notes: readonly string[] = []): Step {
  const { code, cause, raw } = failure;
  const remedy = failure.remedy ?? defaultRemedy(step, code);
  return { step, status: 'failed', text, notes, failure: { code, cause, remedy, raw } };
}

/** Of a step that broke with this code. */
export function defaultRemedy(step: StepId, code: FaultCode): string {
  return remedies[`${step} ${code}`] ?? faultTable[code].help;
}

const remedies: Readonly<Record<string, string>> = {
  'dns dns': 'Check the spelling of the name and the resolver of this machine: getent ahosts NAME.',
  'dns timeout':
    'The resolver of this machine does not answer: check /etc/resolv.conf, or give an address and --servername.',
  'tcp refused': 'Nothing listens at this port, or a firewall rejects it: check the port and that the server runs.',
  'tcp timeout': 'A firewall drops the packets, the machine is down, or the server is too busy to accept.',
  'tcp unreachable': 'There is no way to this address from here: check routing, VPN and address family.',
  'tls not_tls': 'This port does not speak TLS: use the TLS port of the server, or http:// for this one.',
  'tls protocol_mismatch': 'Change --min, --max, --ciphers or --alpn here, or the versions and ciphers of the server.',
  'tls unknown_sni':
    'Give the name that the server is configured for: --servername NAME; on Countersign name the host in a route, or set gateway.tls.defaultPolicy.',
  'tls unreachable':
    'Look into the log of the server. Where it stands behind a balancer it may expect a PROXY header first: try --proxy-protocol 2.',
  'tls timeout':
    'The server accepts connections but does not speak TLS, waits for something else first, or hangs: look into its log.',
  'certificate expired': "Renew the server's certificate; if the clock here is wrong, set it.",
  'certificate not_yet_valid': "Compare the clock of this machine with the date of the server's certificate.",
  'certificate wrong_purpose': "Have the server's certificate issued with the extended key usage serverAuth.",
  'certificate weak_key': "Have the server's certificate issued again: EC P-256 or RSA 2048, SHA-256.",
  'certificate malformed_cert': "Have the server's certificate issued again.",
  'chain untrusted_issuer':
    'If this is the right server, give the root of its certificate with --ca FILE; if that is no CA you know, this is another server.',
  'chain missing_intermediate':
    "The server must send the intermediate: append it to its certificate file, after the server's own certificate.",
  'chain expired':
    'Replace the CA certificate that expired, on the server where it sends it, here where --ca holds it.',
  'name name_mismatch':
    'Use one of these names, or --servername NAME, or have the certificate issued with this name as a SAN.',
  'own no_client_cert': 'Give a certificate from one of the CAs above: --cert FILE --key FILE.',
  'own untrusted_issuer':
    'Use a certificate from a CA that the server accepts, send the intermediates along in --cert, or have the CA added on the server.',
  'own missing_intermediate':
    'Append the intermediate to the --cert file, after our own certificate: it must be sent, the server has the root only.',
  'own expired': 'Renew the client certificate; compare the clocks of both machines.',
  'own not_yet_valid': 'Compare the clocks of both machines and the date of the client certificate.',
  'own wrong_purpose':
    'Have the client certificate issued with the extended key usage clientAuth; public CAs stop issuing it in 2026: use a private CA.',
  'own revoked': 'Have a new client certificate issued.',
  'own refused_by_peer':
    'The log of the server says why; compare subject, issuer and SANs of our certificate with what it allows.',
  'answer protocol_mismatch':
    'Offer what the server speaks: --alpn h2; a gateway in front of it must speak HTTP/2 to it.',
  'answer backend_closed': 'TLS is in order: look into the log of the server.',
};
