// /etc/resolv.conf (resolv.conf(5)): which servers are asked, and which names a short name may stand for. Kubernetes relies on
// `search` and `ndots`.
import { isIP } from 'node:net';

export type ResolvConf = {
  /** IP addresses, in order. */
  readonly servers: readonly string[];
  /** Domains that are tried after a name, without the dot at the end. */
  readonly search: readonly string[];
  /** A name with so many dots or more is first tried as it is. */
  readonly ndots: number;
};

/** The limits of glibc, but for the number of domains: Kubernetes allows 32. */
const maxServers = 3;
const maxDomains = 32;
const maxDots = 15;

export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let search: readonly string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    if (/^[#;]/.test(line)) continue;
    const [word, ...rest] = line.trim().split(/\s+/);
    const [first = ''] = rest;
    if (word === 'nameserver' && isIP(first) !== 0 && servers.length < maxServers) servers.push(first);
    // The last of `domain` and `search` counts.
    else if (word === 'domain' && first !== '') search = [first];
    else if (word === 'search') search = rest;
    else if (word === 'options') ndots = findDots(rest) ?? ndots;
  }
  const domains = search.map((domain) => domain.toLowerCase().replace(/\.$/, '')).filter((domain) => domain !== '');
  // Where no server is named the system asks one on this machine.
  return { servers: servers.length === 0 ? ['127.0.0.1'] : servers, search: domains.slice(0, maxDomains), ndots };
}

function findDots(options: readonly string[]): number | undefined {
  const found = options.findLast((option) => /^ndots:\d{1,4}$/.test(option));
  return found === undefined ? undefined : Math.min(Number(found.slice('ndots:'.length)), maxDots);
}

/** What a name may stand for, in the order in which it is asked for. */
export function searchNames(name: string, { search, ndots }: Pick<ResolvConf, 'search' | 'ndots'>): readonly string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const longer = search.map((domain) => `${name}.${domain}`);
  return name.split('.').length > ndots ? [name, ...longer] : [...longer, name];
}
