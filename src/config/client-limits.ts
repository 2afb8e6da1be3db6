// `gateway.clientLimits`: how much one client address may have at once.
import { integer } from './atoms.ts';
import { key } from './key.ts';

const most = 1_000_000;

export const clientLimitsKeys = {
  connections: key(integer(0, most), {
    says: 'Open connections of one address, per worker; 0 = no limit. Default {default}.',
    default: 0,
    restricts: true,
    page: 'own. Open connections of one IPv4 address or IPv6 /64, those in the handshake included, on all entry points together. [What counts, and for whom not](operations.md#limits-of-one-client).',
  }),
  handshakesPerSecond: key(integer(0, most), {
    says: 'New handshakes per second of one address, per worker; 0 = no limit. Default {default}.',
    default: 0,
    restricts: true,
    page: 'own. New handshakes of one a second, and as many at once after a quiet second.',
  }),
  requests: key(integer(0, most), {
    says: 'Requests of one address at a time, per worker; 0 = no limit. Default {default}.',
    default: 0,
    restricts: true,
    page: 'own. Requests of one that are not answered yet, WebSockets included: 429. Behind a trusted proxy (`proxy`) of the address that it names.',
  }),
};
