// What to do, said to who runs a gateway: where `explain handshake` speaks of options, `explain backend` speaks of keys.
import { defaultRemedy, type Step } from './step.ts';

const remedies: Readonly<Record<string, string>> = {
  'tls not_tls': 'This port does not speak TLS: use the TLS port of the backend, or write http:// in the endpoint.',
  'tls protocol_mismatch':
    'Compare security.tls.minVersion, maxVersion and http2 of the route with what the backend offers.',
  'tls unknown_sni': 'Give the name that the backend is configured for: security.tls.serverName.',
  'chain untrusted_issuer':
    'If this is the right backend, give the root of its certificate in security.tls.rootCAs; if that is no CA you know, this is another server.',
  'chain expired':
    'Replace the CA certificate that expired, on the backend where it sends it, here where rootCAs has it.',
  'name name_mismatch':
    'Use one of these names in the endpoint, or name it with security.tls.serverName, or have the certificate issued with this name as a SAN.',
  'name pin_mismatch':
    'If the backend has a new certificate, add its pin to security.tls; if not, this is another server.',
  'own no_client_cert':
    'Set security.tls.clientCert and clientKey of the route to a certificate from one of the CAs that the backend names.',
  'own untrusted_issuer':
    'Give the backend the CA that issued our certificate, or set security.tls.clientCert to one from a CA that it accepts, with its intermediates.',
  'own missing_intermediate':
    'Append the intermediate to the file of security.tls.clientCert, after our own certificate.',
  'own refused_by_peer':
    'The log of the backend says why; compare our certificate, named above, with the CAs and names that it allows.',
  'answer protocol_mismatch': 'Leave out security.tls.http2, or write http2: on: it is off for this route.',
  'answer host_mismatch': 'Give the name that the backend serves: security.tls.serverName.',
};

/** The step with a remedy of this side, where it has the usual one, or one that speaks of options. */
export function forBackend(step: Step): Step {
  const { failure } = step;
  if (failure === undefined) return step;
  const isUsual = failure.remedy === defaultRemedy(step.step, failure.code);
  if (!isUsual && !/ --[a-z]/.test(failure.remedy)) return step;
  return { ...step, failure: { ...failure, remedy: remedies[`${step.step} ${failure.code}`] ?? failure.remedy } };
}
