// Where a certificate with its key comes from, instead of two files: a PKCS #12 file, or a source that delivers it while the gateway
// runs. The keys stand beside `cert` and `key`, wherever those two are; one of the ways is taken.
import { basename } from 'node:path';
import type { z } from 'zod';
import { bytesOfBase64 } from '../asn1/pem-text.ts';
import { findForeignFormat } from '../asn1/der-material.ts';
import { looksSecret } from '../base/secret-text.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { acmeExample, acmeShape, readAcme } from './acme-source.ts';
import { text } from './atoms.ts';
import { execExample, execShape, readExec } from './exec-source.ts';
import type { CertificatePair } from './gateway-config.ts';
import { key } from './key.ts';
import { pathInStore, refTo } from './material-ref.ts';
import { reportEmpty } from './reading.ts';
import type { Pkcs12Ref } from './ref.ts';
import type { SourceConfig, SourceSettings } from './source-config.ts';
import { readSpiffePair, spiffePairExample, spiffePairShape } from './spiffe-source.ts';
import { readVault, vaultExample, vaultShape } from './vault-source.ts';

/** Beside `cert` and `key`. */
export const pairSourceKeys = {
  p12: key(text, {
    says: 'PKCS #12 file with the certificate, its chain and its key, in place of cert and key: path, or base64 of the file.',
    page: 'own. PKCS #12 file (`.p12`, `.pfx`) in place of `cert` and `key`: path, or base64 of the file.',
    oursAlone: true,
  }),
  password: key(text, {
    says: 'Password of p12.',
    unset: 'none',
    page: 'own. Of `p12`; better as `${VARIABLE}`.',
  }),
  exec: key(execShape, {
    says: 'A command that prints the certificate and its key, in place of cert and key.',
    page: 'own. A command that prints certificate and key, in place of `cert` and `key`.',
    example: execExample,
    oursAlone: true,
    table: 'exec',
  }),
  spiffe: key(spiffePairShape, {
    says: 'Our X.509-SVID from the SPIFFE Workload API, in place of cert and key.',
    page: 'own. Our X.509-SVID from the SPIFFE Workload API, in place of `cert` and `key`.',
    example: spiffePairExample,
    oursAlone: true,
    table: 'spiffesources',
  }),
  acme: key(acmeShape, {
    says: 'A CA that speaks ACME issues the certificate, in place of cert and key.',
    page: 'own. A CA that speaks ACME (RFC 8555) issues it, in place of `cert` and `key`.',
    example: acmeExample,
    oursAlone: true,
    table: 'acme',
  }),
  vault: key(vaultShape, {
    says: 'The PKI engine of OpenBao or Vault issues the certificate, in place of cert and key.',
    page: 'own. The PKI engine of OpenBao or Vault issues it, in place of `cert` and `key`.',
    example: vaultExample,
    oursAlone: true,
    table: 'vault',
  }),
};

type PairSourceShape = {
  readonly [K in keyof typeof pairSourceKeys]?: z.output<(typeof pairSourceKeys)[K]>;
};

/** The ways, as they are called; `cert` stands for `cert` and `key` together. */
const ways = ['p12', 'exec', 'spiffe', 'acme', 'vault'] as const;

/**
 * The pair where it comes from elsewhere; undefined where it cannot be read (reported); `files` where none of the keys is there. `id`:
 * of the certificate, '' where it has none.
 */
export function readPairSource(
  shape: PairSourceShape,
  at: Cursor,
  id: string,
  problems: ProblemList,
): CertificatePair | 'files' | undefined {
  for (const name of ways) reportEmpty(at, name, problems);
  const written = ways.filter((name) => at.holds(name));
  const [way, other] = written;
  if (way === undefined) {
    if (at.holds('password'))
      problems.error(
        'contradiction',
        at.keyPlace('password'),
        'password is for p12, and there is no p12',
        'Remove it.',
      );
    return written.length === 0 && ways.some((name) => at.isEmpty(name)) ? undefined : 'files';
  }
  const beside = other ?? ['cert', 'key'].find((name) => at.holds(name));
  if (beside !== undefined) {
    problems.error(
      'contradiction',
      at.keyPlace(beside),
      `both ${way} and ${beside} are given: a certificate comes from one place`,
      'Keep one of them.',
    );
    return undefined;
  }
  if (way !== 'p12' && at.holds('password'))
    problems.error('contradiction', at.keyPlace('password'), `password is for p12, not for ${way}`, 'Remove it.');
  const label = labelOf(way, at, id);
  if (way === 'p12') return readPkcs12(shape, at, problems);
  const settings = readSettings(way, shape, at.down(way), problems);
  if (settings === undefined) return undefined;
  const { place } = at.down(way);
  return pairOf({ ...settings, want: 'pair', mayStartWithout: way === 'acme', label, place }, at);
}

function readSettings(
  way: Exclude<(typeof ways)[number], 'p12'>,
  shape: PairSourceShape,
  at: Cursor,
  problems: ProblemList,
): SourceSettings | undefined {
  switch (way) {
    case 'exec':
      return readExec(shape.exec, at, problems);
    case 'spiffe':
      return readSpiffePair(shape.spiffe, at, problems);
    case 'acme':
      return readAcme(shape.acme, at, problems);
    default:
      return readVault(shape.vault, at, problems);
  }
}

/** What is to be referred to. */
export function pairOf(sourced: SourceConfig, at: Pick<Cursor, 'place'>): CertificatePair {
  const { place, label } = sourced;
  return {
    cert: { place, part: 'chain', sourced, label },
    key: { place, part: 'key', sourced, label },
    place: at.place,
  };
}

/** For messages and metrics: by its id, else by its line. */
export function labelOf(way: string, at: Cursor, id: string): string {
  const { file, line, stored } = at.place;
  if (id !== '') return `${id} (${way})`;
  return stored === undefined ? `${basename(file)}:${line} (${way})` : `${stored.id} (${way})`;
}

function readPkcs12(
  { p12, password = '' }: PairSourceShape,
  at: Cursor,
  problems: ProblemList,
): CertificatePair | undefined {
  if (p12 === undefined) return undefined;
  const here = at.down('p12');
  const { place } = here;
  if (p12.trim() === '' || (/[\u0000-\u001f\u007f]/.test(p12) && bytesOfBase64(p12) === undefined)) {
    problems.error('bad_material', place, 'p12 is neither a path nor base64 of a file', 'base64 -w0 FILE.p12');
    return undefined;
  }
  const bytes = bytesOfBase64(p12);
  const isInline = bytes !== undefined && findForeignFormat(bytes) === 'PKCS #12';
  if (at.place.stored !== undefined) {
    // Its password would stand beside it, readable for whoever reads the store.
    problems.error(
      'bad_material',
      place,
      `p12 ${pathInStore.problem}`,
      'Upload it: it is taken apart, and its key is sealed.',
    );
    return undefined;
  }
  const file = isInline || looksSecret(p12) ? undefined : refTo(p12, here);
  const pkcs12 = isInline ? { place, base64: p12 } : (file ?? refTo(p12, here, true));
  const label = isInline ? 'inline PKCS #12' : 'path' in pkcs12 ? (pkcs12.label ?? p12) : p12;
  const part = (name: Pkcs12Ref['part']): Pkcs12Ref => ({ place, part: name, pkcs12, password, label });
  return { cert: part('chain'), key: part('key'), place: at.place };
}
