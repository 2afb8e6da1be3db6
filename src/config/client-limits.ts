// `gateway.clientLimits`: how much one client address may have at once.
import { integer } from './atoms.ts';
import { key } from './key.ts';

const most = 1_000_000;

export const clientLimitsKeys = {
  connections: key(integer(0, most), {
    says: 'Open connections of one address, per worker; 0 = no limit. Default {default}.',
    default: 0,
    restricts: true,
    page: 'own. Open connections, those in the handshake included, on all entry points together.',
  }),
  handshakesPerSecond: key(integer(0, most), {
    says: 'New handshakes per second of one address, per worker; 0 = no limit. Default {default}.',
    default: 0,
    restricts: true,
    page: 'own. New handshakes a second, and as many at once after a quiet second.',
  }),
  requests: key(integer(0, most), {
    says: 'Requests of one address at a time, per worker; 0 = no limit. Default {default}.',
    default: 0,
    restricts: true,
    page: 'own. Requests that are not answered yet, WebSockets included. Behind a trusted proxy (`proxy`) of the address that it names.',
  }),
};
