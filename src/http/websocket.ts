// The opening handshake of WebSocket over HTTP/1.1 (RFC 6455 section 4). A proxy makes one of its own with each neighbour that
// speaks HTTP/1.1: HTTP/2 has none (RFC 8441), and whoever answers to a key that no client knows has understood the question.
import { createHash, randomBytes } from 'node:crypto';

export const webSocket = 'websocket';
export const keyField = 'sec-websocket-key';
export const acceptField = 'sec-websocket-accept';

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** 16 bytes in base64; of the last character some clients set bits that mean nothing. */
const keyForm = /^[A-Za-z0-9+/]{22}==$/;

export function newWebSocketKey(): string {
  return randomBytes(16).toString('base64');
}

export function isWebSocketKey(value: string): boolean {
  return keyForm.test(value);
}

/** What Sec-WebSocket-Accept says to `key`. */
export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + guid)
    .digest('base64');
}
