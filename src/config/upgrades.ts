// `upgrades` of a route: the protocols besides HTTP that its requests may switch to (RFC 9110 section 7.8).
import { webSocket } from '../http/websocket.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { list, text } from './atoms.ts';
import { key } from './key.ts';
import { reportEmpty, reportMistake } from './reading.ts';

export const upgradesKey = key(list(text), {
  says: 'Protocols besides HTTP that requests may switch to. Default {default}; an empty list: none.',
  default: [webSocket],
  restricts: true,
  page: 'own. Protocols besides HTTP that requests may switch to: by `Upgrade`, or by an extended CONNECT of HTTP/2 (RFC 8441). `[]`: none. A WebSocket that is not allowed is answered with 501; other protocols that a client merely offers are ignored, as nginx does. See [Upgrades](#upgrades).',
});

/** A name, and a version perhaps. */
const protocol = /^[!#$%&'*+\-.^_`|~0-9a-z]+(?:\/[!#$%&'*+\-.^_`|~0-9a-z]+)?$/;
/** Nobody speaks HTTP or TLS behind an Upgrade: whose requests those were would be decided by nobody. */
const never = /^(?:h2c|h2|h3|http|https|tls)(?:\/|$)/;

/** `around`: the route. */
export function readUpgrades(written: readonly string[], around: Cursor, problems: ProblemList): readonly string[] {
  reportEmpty(around, 'upgrades', problems);
  const names = new Set<string>();
  for (const [index, found] of written.entries()) {
    const name = found.toLowerCase();
    const at = around.down('upgrades', index);
    if (!protocol.test(name))
      reportMistake(problems, 'wrong_value', at, found, {
        problem: 'is not the name of a protocol',
        hint: 'For example websocket.',
      });
    else if (never.test(name))
      reportMistake(problems, 'wrong_value', at, found, {
        problem: 'cannot be switched to: whose requests those are must be decided at the handshake',
        hint: 'Remove it: HTTP/2 is agreed on by ALPN, TLS before any request.',
      });
    else if (names.has(name)) problems.warn('duplicate_upgrade', at.place, 'the protocol is listed twice');
    names.add(name);
  }
  return [...names];
}
