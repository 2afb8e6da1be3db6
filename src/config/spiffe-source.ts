// `spiffe` of certificates and CA bundles, and `workloadApi` of `clientAuth.spiffe`: what is asked of the SPIFFE Workload API, and where.
import { isIP } from 'node:net';
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { closedMap, text } from './atoms.ts';
import { key } from './key.ts';
import { reportEmpty, reportMistake } from './reading.ts';
import type { SpiffeSettings } from './source-config.ts';
import { parseSpiffeId, parseTrustDomain } from './spiffe-id.ts';

const socketKey = key(text, {
  says: 'Socket of the SPIFFE agent: unix:///path or tcp://ip:port. Default: SPIFFE_ENDPOINT_SOCKET of the environment.',
  unset: '`SPIFFE_ENDPOINT_SOCKET`',
  page: 'Socket of the SPIFFE agent: `unix:///path` or `tcp://ip:port`. In objects of a store it cannot be given.',
});

export const spiffePairExample = 'For example spiffe: {socket: unix:///run/spire/agent.sock}.';
export const spiffeBundleExample = 'For example spiffe: {trustDomain: example.org}.';

export const spiffePairShape = closedMap({
  socket: socketKey,
  id: key(text, {
    says: 'SPIFFE ID of the SVID, where the agent has several for us. Default: the first.',
    unset: 'the first',
    page: 'Which SVID, where the agent has several for us.',
  }),
  hint: key(text, {
    says: 'The SVID that the operator of the agent gave this hint. Default: any.',
    unset: 'any',
    page: 'Likewise, by what the operator of the agent calls it.',
  }),
});

export const spiffeAnchorsShape = closedMap({
  socket: socketKey,
  trustDomain: key(text, {
    says: 'Whose CAs: our own trust domain, or one that it federates with. Required.',
    unset: 'required',
    page: 'Whose CAs: our own trust domain, or one that it federates with. One for each bundle: CAs of several in one would let each speak for the others.',
  }),
});

export const workloadApiShape = closedMap({ socket: socketKey });

export function readSpiffePair(
  shape: z.output<typeof spiffePairShape> | undefined,
  at: Cursor,
  problems: ProblemList,
): SpiffeSettings | undefined {
  if (shape === undefined) return undefined;
  const socket = readSocket(shape.socket, at, problems);
  for (const name of ['id', 'hint']) reportEmpty(at, name, problems);
  if (shape.id !== undefined) {
    const reading = parseSpiffeId(shape.id);
    if ('problem' in reading) {
      reportMistake(problems, 'bad_spiffe', at.down('id'), shape.id, reading);
      return undefined;
    }
  }
  return socket && { kind: 'spiffe', ...socket, id: shape.id, hint: shape.hint };
}

export function readSpiffeAnchors(
  shape: z.output<typeof spiffeAnchorsShape> | undefined,
  at: Cursor,
  problems: ProblemList,
): SpiffeSettings | undefined {
  if (shape === undefined) return undefined;
  const socket = readSocket(shape.socket, at, problems);
  const trustDomain = readTrustDomain(shape.trustDomain, at, problems);
  return socket && trustDomain !== undefined ? { kind: 'spiffe', ...socket, trustDomain } : undefined;
}

/** For each of the trust domains. `at`: the block. */
export function readWorkloadApi(
  shape: z.output<typeof workloadApiShape>,
  trustDomains: readonly string[],
  at: Cursor,
  problems: ProblemList,
): SpiffeSettings[] {
  const socket = readSocket(shape.socket, at, problems);
  return socket === undefined ? [] : trustDomains.map((trustDomain) => ({ kind: 'spiffe', ...socket, trustDomain }));
}

/** `trustDomain` of `at`; undefined where it is missing or wrong, and reported. */
export function readTrustDomain(written: string | undefined, at: Cursor, problems: ProblemList): string | undefined {
  if (written === undefined || written === '') {
    if (!at.isBroken('trustDomain'))
      problems.error(
        'missing_key',
        at.place,
        'there is no `trustDomain`',
        'Say whose CAs these are: trustDomain: example.org.',
      );
    return undefined;
  }
  const reading = parseTrustDomain(written);
  if ('domain' in reading) return reading.domain;
  reportMistake(problems, 'bad_spiffe', at.down('trustDomain'), written, reading);
  return undefined;
}

/** Of `at`; undefined where it is wrong, and reported. */
function readSocket(
  socket: string | undefined,
  at: Cursor,
  problems: ProblemList,
): Pick<SpiffeSettings, 'socket'> | undefined {
  if (socket === undefined) {
    reportEmpty(at, 'socket', problems);
    return { socket };
  }
  const here = at.down('socket');
  if (here.place.stored !== undefined) {
    problems.error(
      'socket_in_store',
      here.place,
      'an object of the store names no socket of the host',
      'Leave it out: SPIFFE_ENDPOINT_SOCKET of the gateway says which one.',
    );
    return undefined;
  }
  if (isSocket(socket)) return { socket };
  const problem = 'this is no address of a socket';
  reportMistake(problems, 'bad_socket', here, socket, { problem, hint: 'Write unix:///PATH or tcp://IP:PORT.' });
  return undefined;
}

function isSocket(text: string): boolean {
  // Linux takes no longer paths.
  if (/^unix:(?:\/\/)?\/[^?#\0]+$/.test(text)) return text.length <= 'unix://'.length + 107;
  const [, host = '', port = ''] = /^tcp:\/\/\[?([^\]/]+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  return isIP(host) !== 0 && Number(port) > 0 && Number(port) < 65_536;
}
