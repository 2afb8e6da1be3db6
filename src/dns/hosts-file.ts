// The names of /etc/hosts (hosts(5)): an address, then its names. The first line that names a host gives its addresses, further
// lines add to them, as in the system's own resolver.
import { isIP } from 'node:net';

/** Addresses by lower-case name. Lines that make no sense are passed over, as the system does. */
export function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const hosts = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/s, '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names) addHost(hosts, name.toLowerCase(), address.toLowerCase());
  }
  return hosts;
}

function addHost(hosts: Map<string, string[]>, name: string, address: string): void {
  const known = hosts.get(name);
  if (known === undefined) hosts.set(name, [address]);
  else if (!known.includes(address)) known.push(address);
}
