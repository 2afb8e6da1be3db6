// The PROXY protocol, both ways: which balancers begin their connections with a header (`gateway.entryPoints.*.proxyProtocol`), and
// which connections of ours do (`sendProxyProtocol`).
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readAddressRanges } from './address-ranges.ts';
import { map, oneOf, oneOrMore, text } from './atoms.ts';
import type { ProxyProtocolConfig } from './gateway-config.ts';
import { key } from './key.ts';
import { reportEmpty, reportNobody } from './reading.ts';

export const proxyProtocolKeys = {
  from: key(oneOrMore(text), {
    says: 'Addresses and ranges of the balancers; their connections must begin with a header.',
    restricts: true,
    page: "Addresses and ranges of the balancers. Their connections must begin with a header, version 1 or 2; nobody else's may. Required.",
  }),
  others: key(oneOf(['direct', 'refuse'], true), {
    says: 'Connections from other addresses: direct (clients themselves) or refuse. Default {default}.',
    default: 'direct',
    restricts: true,
    page: '`direct`: who connects from elsewhere is the client. `refuse`: nobody gets past the balancers.',
  }),
};

const shape = map(proxyProtocolKeys);

export const proxyProtocolKey = key(shape, {
  says: 'PROXY protocol, version 1 or 2, before TLS.',
  restricts: true,
  oursAlone: true,
  example: 'For example proxyProtocol: {from: 10.0.0.0/8}.',
  page: 'own.',
  table: 'proxyprotocol',
});

/** `around`: the entry point. undefined where it says nothing. */
export function readProxyProtocol(
  written: z.output<typeof shape> | undefined,
  around: Cursor,
  problems: ProblemList,
): ProxyProtocolConfig | undefined {
  if (written === undefined) return reportEmpty(around, 'proxyProtocol', problems);
  const at = around.down('proxyProtocol');
  const { from, others } = written;
  if (from === undefined && !at.holds('from') && !at.isEmpty('from'))
    problems.error(
      'missing_key',
      around.keyPlace('proxyProtocol'),
      'proxyProtocol has no from: it does not say whose headers are believed',
      'List the addresses of your balancers, for example from: 10.0.0.0/8.',
    );
  if (reportNobody(from, at, 'from', problems) || from === undefined) return undefined;
  const everybody = {
    message: 'PROXY headers are believed from every address: any client can claim any address',
    hint: 'Name the addresses of your balancers.',
  };
  return { from: readAddressRanges(from, at.down('from'), problems, everybody), others };
}

export const sendProxyProtocolKey = key(oneOf(['v1', 'v2'], true), {
  says: 'Connections begin with a PROXY header of this version, which tells who the client is.',
  unset: 'no header',
  page: 'own. `v1` or `v2`: connections begin with a PROXY header, before TLS, which tells who the client is. So each belongs to one client connection, and `maxConnsPerHost` holds for each of those. Health checks say LOCAL.',
});

export function versionOf({
  sendProxyProtocol: written,
}: {
  readonly sendProxyProtocol?: 'v1' | 'v2' | undefined;
}): 1 | 2 | undefined {
  return written === undefined ? undefined : written === 'v1' ? 1 : 2;
}
