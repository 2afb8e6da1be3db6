// In which group a client's keys were exchanged. Node tells it to clients only (getEphemeralKeyInfo); on a server it stands in the
// session (OpenSSL's SSL_SESSION in ASN.1, element 19), which Node hands out to both sides (N30).
import type { TLSSocket } from 'node:tls';
import { DerCursor, derTag } from '../asn1/der.ts';
import { groupName } from '../base/tls-group.ts';

const kexGroup = 0xb3;

/** undefined where it is not known: another OpenSSL may write its sessions otherwise. Never throws. */
export function findSessionGroup(socket: Pick<TLSSocket, 'getSession'>): string | undefined {
  const session = socket.getSession();
  if (session === undefined) return undefined;
  try {
    const fields = new DerCursor(session).enter(derTag.sequence, 'session');
    while (!fields.done) {
      if (fields.tag !== kexGroup) {
        fields.next('session');
        continue;
      }
      const id = fields.enter(kexGroup, 'group').expect(derTag.integer, 'group');
      return groupName(session.readUIntBE(id.content, id.end - id.content));
    }
    return undefined;
  } catch {
    return undefined;
  } finally {
    // It holds the secret of the session.
    session.fill(0);
  }
}
