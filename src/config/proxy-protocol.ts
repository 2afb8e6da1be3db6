// `gateway.entryPoints.*.proxyProtocol`: which balancers begin their connections with a PROXY header.
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
