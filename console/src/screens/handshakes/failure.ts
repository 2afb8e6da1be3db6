// A group of handshakes that failed.
import type { Item } from '../../api/client.ts';

export type Failure = Item<'listHandshakes'>;

/** What somebody knows him by: a name before an address. */
export function peerOf({ side, certificate, remoteAddress, services, address }: Failure): string {
  if (side === 'backend') return services.length > 0 ? services.join(', ') : (address ?? 'a backend');
  const subject = certificate?.subject ?? '';
  return subject === '' ? (remoteAddress ?? 'a client without a certificate') : subject;
}
