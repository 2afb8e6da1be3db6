// The stage of the ACME journeys: a gateway with mutual TLS whose certificate comes from pebble, which looks for challenges at its entry
// points. pebble starts after the gateway, since it has to know its ports: what the gateway makes of that is part of every journey.
import { isIP } from 'node:net';
import { connect, type PeerCertificate } from 'node:tls';
import { type AcmeFront, startAcmeFront } from './acme-front.ts';
import { startBackend, type Backend } from './backend.ts';
import { findFreePort } from './free-port.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { type Pebble, type PebbleOptions, startPebble } from './pebble.ts';
import { type Authority, openAuthority, openPki, type Pki } from './pki.ts';
import { eventually } from './wait-for.ts';

export type AcmeStageOptions = {
  /** Default: a.test. */
  readonly names?: readonly string[];
  /** Further keys of `acme`, as YAML flow: `challenge: http-01`. */
  readonly acme?: string;
  readonly workers?: number;
  readonly pebble?: Partial<PebbleOptions>;
  /** Whether it starts with the stage. Default true. */
  readonly startsPebble?: boolean;
  /** The gateway is told of what stands in front of pebble. */
  readonly hasFront?: boolean;
};

export type AcmeStage = {
  readonly pki: Pki;
  readonly authority: Authority;
  readonly gateway: Gateway;
  readonly backend: Backend;
  readonly names: readonly string[];
  /** Port that pebble has, or will have. */
  readonly pebblePort: number;
  readonly pebble: () => Pebble;
  readonly front: () => AcmeFront;
  readonly yaml: string;
  startPebble(more?: Partial<PebbleOptions>): Promise<Pebble>;
  /** Another gateway by the same file. */
  another(): Promise<Gateway>;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function openAcmeStage(options: AcmeStageOptions = {}): Promise<AcmeStage> {
  const { names = ['a.test'], acme = '', workers = 1, startsPebble = true } = options;
  const pki = await openPki();
  const authority = await openAuthority(pki.dir, 'acme');
  const backend = await startBackend();
  const pebblePort = await findFreePort();
  const front = options.hasFront === true ? await startAcmeFront(authority, pebblePort) : undefined;
  const directory = front?.directory ?? `https://localhost:${pebblePort}/dir`;
  const keys = `directory: ${directory}, domains: [${names.join(', ')}], ca: ${authority.file}, termsOfServiceAgreed: true`;
  const yaml = `
gateway:
  workers: ${workers}
  certificates:
    - id: edge
      acme: {${keys}${acme === '' ? '' : `, ${acme}`}}
  tls:
    certificateIds: [edge]
    clientAuth: {clientCA: ${pki.clients.file}, required: true}
  routes:
    - {name: all, path: /, target: "http://127.0.0.1:${backend.port}"}
`;
  const gateway = await startGateway({ yaml, dir: pki.dir, workers });
  let pebble: Pebble | undefined;
  const start = async (more: Partial<PebbleOptions> = {}): Promise<Pebble> => {
    pebble = await startPebble({
      dir: pki.dir,
      authority,
      names,
      port: pebblePort,
      httpPort: gateway.ports.web,
      tlsPort: gateway.ports.webSecure,
      ...options.pebble,
      ...more,
    });
    return pebble;
  };
  if (startsPebble) await start();
  const others: Gateway[] = [];
  return {
    pki,
    authority,
    gateway,
    backend,
    names,
    pebblePort,
    pebble: () => {
      if (pebble === undefined) throw new Error('pebble was not started');
      return pebble;
    },
    front: () => {
      if (front === undefined) throw new Error('the stage has no front');
      return front;
    },
    yaml,
    startPebble: start,
    another: async () => {
      const other = await startGateway({ yaml, dir: pki.dir, workers });
      others.push(other);
      return other;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([gateway, ...others].map(async (one) => one.stop()));
      front?.close();
      await pebble?.stop();
      await backend[Symbol.asyncDispose]();
      pki.remove();
    },
  };
}

/** The certificate that a gateway shows for a name, whoever issued it. */
export async function shownCertificate(port: number, servername: string): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      ...(isIP(servername) === 0 && { servername }),
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    });
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

/** Waits until the gateway shows a certificate that fits. */
export async function waitForCertificate(
  port: number,
  servername: string,
  fits: (certificate: PeerCertificate) => boolean,
  what: string,
): Promise<PeerCertificate> {
  return eventually(
    async () => {
      const found = await shownCertificate(port, servername);
      return fits(found) ? found : undefined;
    },
    { what },
  );
}

/** Issued by pebble. */
export function isOfPebble({ issuer }: PeerCertificate): boolean {
  return issuer.CN?.includes('Pebble Intermediate') === true;
}
