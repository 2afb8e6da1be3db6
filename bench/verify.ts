// Nothing is measured that does not do the work: a gateway must demand the client certificate, show its own to the
// backend, forward the client's identity and keep its connections. What it fails in is said, and it is left out.
import { curl } from '../test/support/curl.ts';
import { sClient } from '../test/support/openssl.ts';
import type { PeerName, RunningPeer, Setup } from './peer.ts';
import { workloads } from './job.ts';
import type { Workload } from './workload.ts';

/** Whether the gateway does this row as it is installed. */
export function canDo({ peers }: Workload, name: PeerName): boolean {
  return peers?.includes(name === 'against' ? 'countersign' : name) ?? true;
}

/** What is wrong with the gateway; undefined where all is well. */
export async function findFlaw(
  peer: RunningPeer,
  { pki, clientAuth, token }: Pick<Setup, 'pki' | 'clientAuth' | 'token'>,
): Promise<string | undefined> {
  const url = `https://localhost:${peer.port}/verify`;
  const ca = pki.servers.file;
  const alice = { ca, cert: pki.alice.cert, key: pki.alice.key, args: ['--http1.1'] };
  // Four requests on one connection: with one idle connection kept, the backend sees them all on one of its own.
  const good = await curl(url, { ...alice, args: ['--http1.1', url, url, url] });
  if (good.status !== 200) return `alice is not let through: ${good.status} ${good.stderr} ${good.body.slice(0, 300)}`;
  if (!good.body.includes('verify=SUCCESS\ndn=CN=gateway\n')) return 'does not show its certificate to the backend';
  if (!/forwarded=.*(?:alice|[0-9a-f]{40})/i.test(good.body)) return 'does not forward the client identity';
  if (!/requests=[2-9]/.test(good.body)) return 'does not keep its connections to the backend';
  const { headers } = await curl(`https://localhost:${peer.port}/filters`, alice);
  if (headers['x-frame-options'] !== 'DENY') return 'does not change the fields of answers';
  const doesRow = (name: string): boolean =>
    workloads.some((workload) => workload.name === name && canDo(workload, peer.name));
  if (doesRow('jwt')) {
    const ask = async (authorization: string): Promise<number> =>
      (await curl(`https://localhost:${peer.port}/jwt`, { ...alice, headers: { authorization } })).status;
    if ((await ask(`Bearer ${token.text}`)) !== 200) return 'refuses a good token';
    if ((await ask(`Bearer ${token.text.slice(0, -8)}AAAAAAAA`)) === 200) return 'takes a token with a wrong signature';
  }
  if (doesRow('rate')) {
    const args = ['--http1.1', ...Array.from({ length: 5 }, () => `https://localhost:${peer.port}/limited`)];
    const { status } = await curl(`https://localhost:${peer.port}/limited`, { ...alice, args });
    if (status !== 429 && status !== 503) return 'does not limit requests';
  }
  const anonymous = await curl(url, { ca, args: ['--http1.1'] });
  if (clientAuth === 'required' && anonymous.status === 200) return 'lets a client without a certificate through';
  const stranger = await curl(url, { ...alice, cert: pki.stranger.cert, key: pki.stranger.key });
  if (stranger.status === 200) return 'lets a certificate of a foreign CA through';
  const session = pki.dir.file(`${peer.name}.session`);
  const resume = { port: peer.port, servername: 'localhost', cert: pki.alice.cert, key: pki.alice.key, ca };
  const first = await sClient({ ...resume, sessionOut: session });
  if (first.protocol !== 'TLSv1.3') return `speaks ${first.protocol ?? 'no TLS'} instead of TLSv1.3`;
  const second = await sClient({ ...resume, sessionIn: session });
  if (!second.reused || second.status !== 200) return 'does not resume sessions';
  return undefined;
}
