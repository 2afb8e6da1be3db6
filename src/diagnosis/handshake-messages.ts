// The handshake messages in the bytes of one direction of a TLS connection of our own (RFC 5246 section 6.2, RFC 8446
// section 5): Node does not tell what a server sent and asked for, its bytes do. TLS 1.3 encrypts them under a secret that
// Node gives out for exactly such looking ('keylog'). Bounded, never throws: what cannot be read is the end of the list.
import { createDecipheriv, createHmac } from 'node:crypto';

export type Message = { readonly type: number; readonly body: Buffer };

/** How the handshake of TLS 1.3 is encrypted in one direction; undefined: only what is plain is read. */
export type HandshakeKey = { readonly cipherSuite: number; readonly secret: Buffer };

export const messageType = {
  serverHello: 2,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  finished: 20,
} as const;

const record = { changeCipherSpec: 20, alert: 21, handshake: 22, encrypted: 23 } as const;
const maxMessages = 64;
const maxMessageBytes = 512 * 1024;
const maxRecordBytes = 16_384 + 256;

/** The messages from the first byte on, up to where they can be read. */
export function readMessages(bytes: Buffer, key: HandshakeKey | undefined): Message[] {
  const opener = key === undefined ? undefined : openRecords(key);
  const pieces: Buffer[] = [];
  let at = 0;
  while (at + 5 <= bytes.length) {
    const [type, length] = [bytes[at] as number, bytes.readUInt16BE(at + 3)];
    const header = bytes.subarray(at, at + 5);
    const body = bytes.subarray(at + 5, at + 5 + length);
    if (length > maxRecordBytes || body.length < length) break;
    at += 5 + length;
    if (type === record.handshake) pieces.push(body);
    else if (type === record.encrypted && opener !== undefined) {
      const inner = opener(header, body);
      if (inner === undefined || inner.type !== record.handshake) break;
      pieces.push(inner.body);
    } else if (type === record.changeCipherSpec) {
      // With TLS 1.2 everything after it is encrypted under keys that are not ours to have; TLS 1.3 sends it for show.
      if (opener === undefined) break;
    } else break;
  }
  return splitMessages(Buffer.concat(pieces));
}

/**
 * True where a peer began another handshake within TLS up to 1.2 (HelloRequest or renegotiation, RFC 5246 section 7.4.1.1): what it
 * says then is encrypted, that it is a handshake the type of the record tells. The first record after ChangeCipherSpec is Finished.
 */
export function hasSecondHandshake(bytes: Buffer): boolean {
  let encrypted = 0;
  let at = 0;
  for (let changed = false; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) {
    if (bytes[at] === record.changeCipherSpec) changed = true;
    else if (changed && bytes[at] === record.handshake) encrypted += 1;
  }
  return encrypted > 1;
}

function splitMessages(bytes: Buffer): Message[] {
  const messages: Message[] = [];
  let at = 0;
  while (at + 4 <= bytes.length && messages.length < maxMessages) {
    const length = bytes.readUIntBE(at + 1, 3);
    if (length > maxMessageBytes || at + 4 + length > bytes.length) break;
    messages.push({ type: bytes[at] as number, body: bytes.subarray(at + 4, at + 4 + length) });
    at += 4 + length;
  }
  return messages;
}

type Suite = { readonly cipher: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305'; key: number; hash: string };

const suites: ReadonlyMap<number, Suite> = new Map<number, Suite>([
  [0x1301, { cipher: 'aes-128-gcm', key: 16, hash: 'sha256' }],
  [0x1302, { cipher: 'aes-256-gcm', key: 32, hash: 'sha384' }],
  [0x1303, { cipher: 'chacha20-poly1305', key: 32, hash: 'sha256' }],
]);

const tagBytes = 16;

type Opener = (header: Buffer, body: Buffer) => { readonly type: number; readonly body: Buffer } | undefined;

/** Opens the records of one direction, in order (RFC 8446 sections 5.2 and 7.3). */
function openRecords({ cipherSuite, secret }: HandshakeKey): Opener {
  const suite = suites.get(cipherSuite);
  if (suite === undefined) return () => undefined;
  const key = expandLabel(suite.hash, secret, 'key', suite.key);
  const iv = expandLabel(suite.hash, secret, 'iv', 12);
  let sequence = 0;
  return (header, body) => {
    if (body.length <= tagBytes) return undefined;
    const nonce = Buffer.from(iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence) >>> 0, 8);
    sequence += 1;
    try {
      const opening = createDecipheriv(suite.cipher as 'aes-128-gcm', key, nonce, { authTagLength: tagBytes });
      opening.setAAD(header);
      opening.setAuthTag(body.subarray(body.length - tagBytes));
      const plain = Buffer.concat([opening.update(body.subarray(0, body.length - tagBytes)), opening.final()]);
      let end = plain.length;
      while (end > 0 && plain[end - 1] === 0) end -= 1;
      return end === 0 ? undefined : { type: plain[end - 1] as number, body: plain.subarray(0, end - 1) };
    } catch {
      // Another key by now: the handshake is over.
      return undefined;
    }
  };
}

/** HKDF-Expand-Label with an empty context, for lengths within one block of the hash (RFC 8446 section 7.1). */
function expandLabel(hash: string, secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([0, length, name.length]), name, Buffer.from([0, 1])]);
  return createHmac(hash, secret).update(info).digest().subarray(0, length);
}
