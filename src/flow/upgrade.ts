// What of step 2 is about other protocols (RFC 9110 section 7.8): which one, of those that a request offers, its route lets it
// switch to. From here on the versions of HTTP do not differ: the codecs make an Upgrade or an extended CONNECT of it.
import { Fault } from '../base/fault.ts';
import type { RequestHead } from '../http/exchange.ts';
import { isWebSocketKey, keyField, webSocket } from '../http/websocket.ts';

/**
 * The protocol; '' where the request is to be served as any other. Faults: upgrade_unsupported, bad_request (a WebSocket that
 * is none).
 */
export function chooseUpgrade(head: RequestHead, allowed: readonly string[]): string {
  const { upgrade, version, bodyLength } = head;
  if (upgrade === '') return '';
  const offered = upgrade.split(', ');
  const protocol = offered.find((name) => allowed.includes(name));
  if (protocol === undefined) {
    // Who merely offers something goes on without it. Who asks for nothing else would not understand the answer.
    if (version < 20 && !offered.includes(webSocket)) return '';
    throw new Fault('upgrade_unsupported', 'client', {
      detail: `the route does not let requests switch to ${upgrade}`,
    });
  }
  if (bodyLength !== 0)
    throw new Fault('upgrade_unsupported', 'client', { detail: `${protocol} is asked for by a request with a body` });
  if (protocol === webSocket) checkWebSocket(head);
  return protocol;
}

function checkWebSocket({ method, version, fields }: RequestHead): void {
  if (method !== 'GET') throw new Fault('bad_request', 'client', { detail: `a WebSocket by ${method}` });
  // We answer to the key ourselves; over HTTP/2 there is none.
  if (version < 20 && !isWebSocketKey(fields.find(keyField) ?? ''))
    throw new Fault('bad_request', 'client', { detail: 'a WebSocket without a Sec-WebSocket-Key' });
}
