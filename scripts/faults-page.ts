// docs/faults.md, written from the fault table so that the page cannot lag behind it (pages.ts writes it, a test compares
// the two). A new code needs its place in one of the groups here.
import { type FaultCode, type FaultSource, faultTable } from '../src/base/fault.ts';

type Group = { readonly title: string; readonly intro: string; readonly codes: readonly FaultCode[] };

export const faultGroups: readonly Group[] = [
  {
    title: 'Trust verdicts',
    intro:
      'How a TLS handshake ended, with the same codes on both sides: *client* is the client side (a client against our rules), *backend* is\nthe backend side (a backend against the rules of its route, or a backend that refused us). On the client side, most of them close the connection\nbefore HTTP begins; the status is for `onFailure: explain`, which answers one request with it.',
    codes: [
      'no_client_cert',
      'untrusted_issuer',
      'missing_intermediate',
      'expired',
      'not_yet_valid',
      'revoked',
      'revocation_unknown',
      'crl_stale',
      'wrong_purpose',
      'name_mismatch',
      'pin_mismatch',
      'chain_too_deep',
      'weak_key',
      'malformed_cert',
      'unproven_key',
      'refused_by_peer',
      'protocol_mismatch',
      'malformed_handshake',
      'not_tls',
      'unknown_sni',
      'handshake_limit',
      'bad_proxy_header',
      'untrusted_proxy',
      'client_limit',
      'timeout',
    ],
  },
  {
    title: 'Reaching a backend',
    intro: 'The request was good, the way to an answer was not. The log line has the address and what the system said.',
    codes: [
      'refused',
      'unreachable',
      'dns',
      'no_healthy_backend',
      'backend_busy',
      'over_fair_share',
      'response_timeout',
      'backend_closed',
      'stream_refused',
      'deadline_exceeded',
      'backend_protocol',
      'backend_truncated',
    ],
  },
  {
    title: 'The request',
    intro: 'What the client asked for, or how. 499 is for logs and metrics only: nobody is there to get it.',
    codes: [
      'bad_request',
      'http2_flood',
      'ambiguous_path',
      'ambiguous_condition',
      'request_timeout',
      'uri_too_long',
      'headers_too_large',
      'body_too_large',
      'expectation_failed',
      'unknown_transfer_coding',
      'upgrade_unsupported',
      'tunnel_idle',
      'method_unsupported',
      'http_version',
      'host_mismatch',
      'policy_denied',
      'path_denied',
      'unauthenticated',
      'access_denied',
      'address_denied',
      'origin_denied',
      'user_agent_denied',
      'rate_limited',
      'client_banned',
      'identity_too_large',
      'plaintext_refused',
      'no_route',
      'method_not_allowed',
      'client_aborted',
    ],
  },
  {
    title: 'The gateway',
    intro: 'Nobody did anything wrong out there.',
    codes: ['maintenance', 'filter_timeout', 'auth_unavailable', 'draining', 'internal'],
  },
];

const opening = `# Faults

Every failure that a request or a connection can meet, by its code. The codes never change their meaning: they stand in the
log (\`code\`), in \`countersign_faults_total\` and \`countersign_tls_handshakes_total\`, and in the problem documents that clients
get (\`"code"\`, and \`type\` as \`urn:countersign:fault:<code>\`). What OpenSSL or the system called it goes along in the log as
\`raw\`. Clients see code and title only; names, addresses and certificates stay in the log.

*Status* is the HTTP status by who caused the failure. ↻ marks failures where the request certainly reached no backend:
another attempt is safe, and made where the route has \`retry.attempts\` above 1. [Operations](operations.md) says what to look at, code by code.
`;

const sources: readonly FaultSource[] = ['client', 'gateway', 'backend'];

function row(code: FaultCode): string {
  const spec = faultTable[code];
  const statuses = sources.flatMap((source) => (spec[source] === undefined ? [] : [`${source} ${spec[source]}`]));
  const again = spec.unsent === true ? ' ↻' : '';
  const { title, backendTitle, help, backendHelp } = spec;
  // A code that only a backend can cause has one sentence.
  const both = (first: string, second: string | undefined): string =>
    (second === undefined ? first : `${first}<br>*Backend:* ${second}`).replaceAll('|', '\\|');
  return `| \`${code}\` | ${statuses.join(', ')}${again} | ${both(title, backendTitle)} | ${both(help, backendHelp)} |`;
}

/** The text of docs/faults.md. */
export function faultsPage(): string {
  const sections = faultGroups.map(({ title, intro, codes }) => {
    const head = '| code | status | meaning | what to do |\n|---|---|---|---|';
    return `\n## ${title}\n\n${intro}\n\n${head}\n${codes.map(row).join('\n')}\n`;
  });
  return opening + sections.join('');
}
