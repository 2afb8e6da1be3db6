// A name resolver in the place of getaddrinfo, for what Node's own clients connect to.
import { isIP, type LookupFunction } from 'node:net';
import type { NameResolver } from './name-resolver.ts';

/** For the `lookup` option of node:net and node:http. Errors carry the resolver's code. */
export function lookupBy(resolver: () => NameResolver): LookupFunction {
  return (host, { all, family }, done) => {
    // As written in a URL; a dot at the end means that no search list applies.
    resolver().find(host.toLowerCase(), (found) => {
      const known = 'failure' in found ? [] : found.addresses;
      const wanted = known.map((address) => ({ address, family: isIP(address) })).filter(fits(family));
      const [first] = wanted;
      if (first === undefined) {
        const failure = 'failure' in found ? found.failure : { raw: 'ENODATA', detail: `no such address for ${host}` };
        const error = Object.assign(new Error(failure.detail), { code: failure.raw });
        process.nextTick(done, error, [], 0);
      } else if (all === true) process.nextTick(done, null, wanted);
      else process.nextTick(done, null, first.address, first.family);
    });
  };
}

function fits(family: number | string | undefined): (address: { readonly family: number }) => boolean {
  const only = family === 4 || family === 'IPv4' ? 4 : family === 6 || family === 'IPv6' ? 6 : 0;
  return (address) => only === 0 || address.family === only;
}
