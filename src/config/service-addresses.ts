// Where a service is: one name with all its addresses, or a list with shares.
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { parseEndpoint } from './endpoint.ts';
import type { BackendConfig } from './gateway-config.ts';
import { reportMistake } from './reading.ts';
import type { ServiceShape } from './service-shape.ts';

const maxAddresses = 1000;

/** Empty where there is none that can be used, which is an error. `secure`: over TLS. */
export function readAddresses(
  shape: ServiceShape,
  secure: boolean,
  at: Cursor,
  problems: ProblemList,
): BackendConfig[] {
  const { source, address, addresses } = shape;
  const [wanted, other] = source === 'dns' ? (['address', 'addresses'] as const) : (['addresses', 'address'] as const);
  if (shape[other] !== undefined)
    problems.error(
      'contradiction',
      at.keyPlace(other),
      `a service of source ${source} has no ${other}`,
      source === 'dns' ? 'Write address: host:port, or source: static.' : 'Write addresses: [{address: host:port}].',
    );
  if ((source === 'dns' ? address === undefined : (addresses ?? []).length === 0) && !at.isBroken(wanted)) {
    problems.error(
      'missing_key',
      at.has(wanted) ? at.keyPlace(wanted) : at.place,
      `the service has no \`${wanted}\``,
      source === 'dns' ? 'Write address: host:port.' : 'Write addresses: [{address: host:port, weight: 1}].',
    );
    return [];
  }
  if (source === 'dns')
    return address === undefined
      ? []
      : readAddress(address, { weight: 0, backup: false }, secure, at.down('address'), problems);
  if ((addresses ?? []).length > maxAddresses)
    problems.error('too_many', at.keyPlace('addresses'), `more than ${maxAddresses} addresses`);
  return (addresses ?? []).flatMap(({ address: one, weight, backup }, i) => {
    const here = at.down('addresses', i);
    if (one !== undefined) return readAddress(one, { weight, backup }, secure, here.down('address'), problems);
    if (!here.isBroken('address')) problems.error('missing_key', here.place, 'the item has no `address`', 'host:port');
    return [];
  });
}

/** By the grammar of endpoints, without their scheme and path. */
function readAddress(
  written: string,
  share: Pick<BackendConfig, 'weight' | 'backup'>,
  secure: boolean,
  at: Cursor,
  problems: ProblemList,
): BackendConfig[] {
  const isBare = /^(?:\[[^\]]*\]|[^:/?#@\s]+):\d+$/.test(written);
  const reading = isBare ? parseEndpoint(`${secure ? 'https' : 'http'}://${written}`) : undefined;
  if (reading === undefined || 'problem' in reading) {
    reportMistake(problems, 'bad_address', at, written, {
      problem: reading === undefined ? 'the address is not host:port' : reading.problem,
      hint: 'For example orders.internal:8443, 192.0.2.7:8443, [2001:db8::1]:8443.',
    });
    return [];
  }
  return [{ ...reading, ...share, match: [], exclusive: false, priority: 0, place: at.place }];
}
