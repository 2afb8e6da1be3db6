// `gateway.entryPoints.passThrough`: TCP ports whose bytes go to a target unread, as in Goma; and, with `sni`, TLS that is told
// apart by the server name of its ClientHello and ends at the target.
import { isIP } from 'node:net';
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { duration, integer, list, map, oneOf, text } from './atoms.ts';
import { parseEndpoint } from './endpoint.ts';
import type { Forward, PassThroughConfig, PassThroughListener } from './gateway-config.ts';
import { parsePolicyHost, splitPort } from './host-name.ts';
import { block, key } from './key.ts';
import { sendProxyProtocolKey, versionOf } from './proxy-protocol.ts';
import { reportEmpty, reportEndless, reportMistake } from './reading.ts';

const maxForwards = 1000;
const maxNames = 1000;

const forwardShape = map({
  protocol: key(oneOf(['tcp', 'udp', 'tcp/udp'], true), { default: 'tcp' }),
  port: key(integer(0, 65_535), {}),
  target: key(text, {}),
  address: key(text, { default: '', restricts: true }),
  sni: key(list(text), { restricts: true }),
  sendProxyProtocol: sendProxyProtocolKey,
});
type ForwardShape = z.output<typeof forwardShape>;

export const passThroughBlock = block(
  {
    forwards: key(list(forwardShape), {
      says: 'TCP ports and where their bytes go: {protocol: tcp, port, target: "host:port"}; ours: address, sni, sendProxyProtocol.',
      default: [],
      page: 'Goma: `{protocol: tcp, port, target: host:port}`; `udp` is an error. Own keys: `address`, `sni`, `sendProxyProtocol`. [Below](#passthrough).',
    }),
    connectTimeout: key(duration, {
      says: 'For the look-up of the target and TCP. Default {default}.',
      default: '10s',
      page: 'own; the default is what Goma has. For the look-up of the target and TCP; not `0`.',
    }),
    idleTimeout: key(duration, {
      says: 'Without a byte in either direction. Default {default}; 0 = none.',
      default: '1h',
      page: 'own. Without a byte in either direction; 60 s at most once one side has ended. `0`: none.',
    }),
    maxConnections: key(integer(1, 1_000_000), {
      says: 'Connections at a time on each port, per worker. Default {default}.',
      default: 1024,
      page: 'own. Connections at a time on each port, per worker; further ones are closed, counted and told.',
    }),
  },
  { says: 'TCP ports whose bytes go to a target unread.' },
);

/** `around`: `entryPoints`. */
export function readPassThrough(
  shape: z.output<typeof passThroughBlock>,
  around: Cursor,
  problems: ProblemList,
): PassThroughConfig {
  const at = around.down('passThrough');
  const { forwards, connectTimeout: connectMs, idleTimeout: idleMs, maxConnections } = shape;
  reportEndless(connectMs, at.down('connectTimeout'), problems);
  if (forwards.length > maxForwards) problems.error('too_many', at.place, `more than ${maxForwards} forwards`);
  const listeners = new Map<string, PassThroughListener & { forwards: Forward[] }>();
  for (const [index, forward] of forwards.entries()) {
    const here = at.down('forwards', index);
    const read = readForward(forward, here, problems);
    if (read === undefined) continue;
    const { host, port } = read;
    // Port 0 is another one for each that reads no server name.
    const name = `${host}:${port}${port === 0 && read.forward.serverNames.length === 0 ? `#${index}` : ''}`;
    const listener = listeners.get(name);
    if (listener === undefined)
      listeners.set(name, {
        name,
        enabled: true,
        host,
        port,
        proxyProtocol: undefined,
        place: here.place,
        forwards: [read.forward],
      });
    else listener.forwards.push(read.forward);
  }
  for (const listener of listeners.values()) checkNames(listener, problems);
  return { listeners: [...listeners.values()], connectMs, idleMs, maxConnections };
}

function readForward(
  shape: ForwardShape,
  at: Cursor,
  problems: ProblemList,
): { readonly host: string; readonly port: number; readonly forward: Forward } | undefined {
  const { protocol, port, target, address } = shape;
  if (protocol !== 'tcp')
    problems.error(
      'unsupported_key',
      at.down('protocol').place,
      `protocol ${protocol} is not supported: UDP is not forwarded, and a port that is silent would look as if it were`,
      protocol === 'udp' ? 'Remove the forward.' : 'Write protocol: tcp, and forward UDP elsewhere.',
    );
  if (port === undefined && !at.isBroken('port')) problems.error('missing_key', at.place, 'the forward has no `port`');
  if (target === undefined && !at.isBroken('target'))
    problems.error('missing_key', at.place, 'the forward has no `target`', 'Write target: "host:port".');
  if (address !== '' && isIP(address) === 0)
    reportMistake(problems, 'bad_address', at.down('address'), address, {
      problem: 'is not an address to listen on',
      hint: 'Write an IP address of this machine, or leave it out for all.',
    });
  const serverNames = readNames(shape.sni, at, problems);
  const to = target === undefined ? undefined : readTarget(target, at.down('target'), problems);
  if (port === undefined || to === undefined) return undefined;
  return { host: address, port, forward: { ...to, serverNames, sendProxyProtocol: versionOf(shape), place: at.place } };
}

/** `*.example.com` stands for one or more labels, as in `tls.policies[].hosts`. */
function readNames(sni: readonly string[] | undefined, around: Cursor, problems: ProblemList): readonly string[] {
  if (sni === undefined) {
    reportEmpty(around, 'sni', problems);
    return [];
  }
  const at = around.down('sni');
  if (sni.length === 0 && !around.isBroken('sni'))
    problems.error('empty_list', at.place, 'sni is an empty list', 'List server names, or remove the key.');
  if (sni.length > maxNames) problems.error('too_many', at.place, `more than ${maxNames} server names`);
  return sni.flatMap((name, index) => {
    const reading = parsePolicyHost(name);
    if ('host' in reading) return [reading.host];
    reportMistake(problems, 'bad_host', at.down(index), name, { problem: reading.problem, hint: '' });
    return [];
  });
}

/** `host:port`, IPv6 in brackets. */
function readTarget(
  target: string,
  at: Cursor,
  problems: ProblemList,
): { readonly host: string; readonly port: number } | undefined {
  const hint = 'Write it as host:port, IPv6 in brackets, without a scheme.';
  const parsed = splitPort(target) === undefined ? undefined : parseEndpoint(`http://${target}`);
  if (parsed !== undefined && 'host' in parsed) return { host: parsed.host, port: parsed.port };
  const problem = parsed === undefined ? 'is not a host and a port' : parsed.problem;
  reportMistake(problems, 'bad_target', at, target, { problem, hint });
  return undefined;
}

/** Several forwards share a port by their names only, and each name leads to one of them. */
function checkNames({ forwards }: PassThroughListener, problems: ProblemList): void {
  const known = new Set<string>();
  for (const { serverNames, place } of forwards) {
    if (serverNames.length === 0 && forwards.length > 1)
      problems.error(
        'address_taken',
        place,
        'several forwards listen on this address, and this one has no `sni` to be told by',
        'Give each its own port, or each its server names (sni).',
      );
    for (const name of serverNames) {
      if (known.has(name))
        problems.error('duplicate_host', place, `the server name ${name} leads to two forwards of this port`);
      known.add(name);
    }
  }
}
