// What of a request decides where its like goes (`hashOn`): the first of several things that it has.
import type { HashSource } from '../config/gateway-config.ts';
import { findCookie } from '../http/cookie.ts';
import type { Identity } from '../trust/verdict.ts';
import type { PickInput } from './balance.ts';
import { hashText } from './text-hash.ts';

/** Undefined where the request has none of them. */
export type HashKey = (request: PickInput) => number | undefined;

export function compileHashKey(sources: readonly HashSource[]): HashKey {
  const readers = sources.map(readerOf);
  return (request) => {
    for (const read of readers) {
      const found = read(request);
      if (found !== undefined && found !== '') return hashText(found);
    }
    return undefined;
  };
}

function readerOf({ source, name }: HashSource): (request: PickInput) => string | undefined {
  switch (source) {
    case 'certificate':
      return ({ identity }) => identity && nameOf(identity);
    case 'header': {
      const lower = name.toLowerCase();
      return ({ fields }) => fields.find(lower);
    }
    case 'cookie':
      return ({ fields }) => findCookie(fields, name);
    case 'address':
    default:
      return ({ remoteAddress }) => remoteAddress;
  }
}

/** Outlives the renewal of a certificate: its first URI (SPIFFE ID), else who its issuer says that it is. */
function nameOf({ leaf }: Identity): string {
  const uri = leaf.sans.find(({ type }) => type === 'URI')?.value;
  if (uri !== undefined) return uri;
  return leaf.subjectKey === '' ? leaf.sha256 : `${leaf.issuerKey}\n${leaf.subjectKey}`;
}
