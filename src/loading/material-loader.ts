// Has the files and the named material of a configuration read, and checks them, each once however many routes name it, and keeps every problem
// with the place in the configuration where the file was named.
import { readdir } from 'node:fs/promises';
import { systemClock } from '../base/clock.ts';
import { Slices } from '../base/slices.ts';
import type { CertificatePair } from '../config/gateway-config.ts';
import type { Ref } from '../config/ref.ts';
import { sourceKey } from '../config/source-config.ts';
import type { Place } from '../yaml/place.ts';
import type { Problem } from '../yaml/problem.ts';
import { type CheckedPair, checkClientPair, checkServerPair, type PairOptions } from '../trust/certificate-pair.ts';
import { encodePem } from '../asn1/der-writer.ts';
import {
  loadPem,
  loadProblem,
  type MaterialBytes,
  materialName,
  maxMaterialBytes,
  type StoredRef,
} from '../certs/material.ts';
import { materialError, type MaterialProblem } from '../base/material-problem.ts';
import { promisesResponse } from '../ocsp/staple-targets.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { MaterialReading } from '../certs/material-memory.ts';
import { looksIssuedBy } from '../certs/issuer.ts';
import { TrustBundle } from '../trust/trust-bundle.ts';
import type { Deliveries } from '../sources/publisher.ts';
import { ComposedMaterial, pkcs12Key } from './composed-material.ts';
import type { ConfigSource } from './config-source.ts';
import { OpensslProof } from './openssl-proof.ts';

/** A server certificate with its chain in the order in which it is sent, and its key. */
export type LoadedPair = {
  readonly chainPem: string;
  readonly keyPem: string;
  /** Who issued it, where its file says so, be it a root that is not sent. */
  readonly issuerPem: string | undefined;
  /** Of the key, as Node calls it: `rsa`, `ec`, … */
  readonly keyType: string;
  /** The leaf promises its clients an OCSP response (RFC 7633). */
  readonly mustStaple: boolean;
  /** DNS names and IP addresses of the leaf's SAN. */
  readonly names: readonly string[];
  /** URI SANs: XFCC's By. */
  readonly uris: readonly string[];
  readonly sha256: string;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
};

/** A pair that can be used, with the facts that other checks want. */
export type UsablePair = {
  readonly loaded: LoadedPair;
  readonly checked: CheckedPair;
  /** The real one is not known yet: nothing is said of its names. */
  readonly isStandIn?: true;
};

export type ReadPair = {
  readonly place: Place;
  readonly leaf: CertificateFacts;
  /** The last of what is sent. */
  readonly end: CertificateFacts;
  readonly side: 'client' | 'server';
};

export type LoaderOptions = {
  /** See PairOptions. */
  readonly tolerateExpired?: boolean;
  /** What sources of certificates have delivered; undefined: nobody is asked. */
  readonly deliveries?: Deliveries | undefined;
  /** What was read for the same configuration before is not read again. */
  readonly before?: ReadMaterials;
  /** What was parsed by other loads is not parsed again. */
  readonly reading?: MaterialReading;
};

export type MaterialSource = Pick<ConfigSource, 'readMaterial' | 'readMaterials'>;

/** What a load read, by what it was referred to with. */
export type ReadMaterials = {
  readonly files: ReadonlyMap<string, MaterialBytes>;
  readonly folders: ReadonlyMap<string, readonly string[]>;
};

/** Every CA that was read, by its name: with thousands of bundles nobody can ask each of them. */
class KnownCas {
  readonly #bySubject = new Map<string, CertificateFacts[]>();

  add({ certificates }: TrustBundle): void {
    for (const facts of certificates) {
      const same = this.#bySubject.get(facts.subjectKey);
      if (same === undefined) this.#bySubject.set(facts.subjectKey, [facts]);
      else same.push(facts);
    }
  }

  findIssuer(facts: CertificateFacts): CertificateFacts | undefined {
    return this.#bySubject.get(facts.issuerKey)?.find((ca) => looksIssuedBy(facts, ca));
  }
}

export class MaterialLoader {
  readonly problems: Problem[] = [];
  /** Every file that was asked for, whether it could be read or not: what to watch. */
  readonly paths = new Set<string>();
  /** Likewise of named material. */
  readonly ids = new Set<string>();
  readonly #source: MaterialSource;
  readonly #now: number;
  readonly #tolerateExpired: boolean;
  readonly #before: ReadMaterials | undefined;
  readonly #composed: ComposedMaterial;
  readonly #reading: MaterialReading;
  /** What was read, for a load of the same configuration with newer deliveries. */
  readonly files = new Map<string, MaterialBytes>();
  readonly folders = new Map<string, readonly string[]>();
  /** What was read: bundles by the name that messages give them, and pairs with the last certificate of what they send. */
  readonly bundles: { readonly name: string; readonly bundle: TrustBundle }[] = [];
  readonly pairs: ReadPair[] = [];
  readonly #texts = new Map<string, Promise<string | undefined>>();
  readonly #pairs = new Map<string, Promise<UsablePair | undefined>>();
  readonly #bundles = new Map<string, Promise<TrustBundle | undefined>>();
  readonly #slices = new Slices(systemClock);
  readonly #openssl = new OpensslProof();
  /** Read before it was asked for, with the limit of PEM texts. */
  readonly #ahead = new Map<string, MaterialBytes>();
  readonly #done = new Set<string>();
  /** Every bundle so far: an issuer that is an anchor somewhere here is no missing intermediate. */
  readonly #anchors = new KnownCas();

  /** `now`: milliseconds since the epoch, for validity. */
  constructor(source: MaterialSource, now: number, options: LoaderOptions = {}) {
    const { tolerateExpired = false, deliveries, before, reading = new MaterialReading() } = options;
    this.#reading = reading;
    this.#source = source;
    this.#now = now;
    this.#tolerateExpired = tolerateExpired;
    this.#before = before;
    const read = async (ref: StoredRef, maxBytes: number): Promise<MaterialBytes> => this.read(ref, maxBytes);
    this.#composed = new ComposedMaterial(read, deliveries);
  }

  /** What this load takes of sources, by their keys. */
  get delivered(): ComposedMaterial['delivered'] {
    return this.#composed.delivered;
  }

  /** What something stands in for until it delivers, likewise. */
  get pending(): ComposedMaterial['pending'] {
    return this.#composed.pending;
  }

  /** Does something for the first that asks for it: what many places share is said of once. */
  once(key: string, act: () => void): void {
    if (this.#done.has(key)) return;
    this.#done.add(key);
    act();
  }

  add(place: Place, { severity, code, message, hint }: MaterialProblem): void {
    this.problems.push({ severity, code, place, message, hint });
  }

  /** Takes back what another finding makes untrue. */
  drop(code: string, place: Place): void {
    const at = this.problems.findIndex((problem) => problem.code === code && problem.place === place);
    if (at !== -1) this.problems.splice(at, 1);
  }

  /** A server certificate with its key; undefined where it cannot be used (the problems say why). */
  async serverPair(pair: CertificatePair): Promise<UsablePair | undefined> {
    return this.#once(this.#pairs, `server ${keyOf(pair.cert)} ${keyOf(pair.key)}`, async () =>
      this.#readPair(pair, checkServerPair),
    );
  }

  /** What the gateway shows to a backend. */
  async clientPair(pair: CertificatePair): Promise<UsablePair | undefined> {
    return this.#once(this.#pairs, `client ${keyOf(pair.cert)} ${keyOf(pair.key)}`, async () =>
      this.#readPair(pair, checkClientPair),
    );
  }

  /** A pair under an id that nobody refers to yet: good for one side or the other. */
  async anyPair(pair: CertificatePair): Promise<UsablePair | undefined> {
    return this.#once(this.#pairs, `any ${keyOf(pair.cert)} ${keyOf(pair.key)}`, async () =>
      this.#readPair(pair, (cert, key, options) => {
        const asServer = checkServerPair(cert, key, options);
        return asServer.chainPem === undefined ? checkClientPair(cert, key, options) : asServer;
      }),
    );
  }

  /** The anchors of one or several files taken together; undefined where any of them is not wholly good. */
  async bundle(refs: readonly Ref[]): Promise<TrustBundle | undefined> {
    return this.#once(this.#bundles, refs.map(keyOf).join('\n'), async () => {
      const bundles: TrustBundle[] = [];
      for (const ref of refs) {
        const text = await this.#text(ref);
        if (text === undefined) return undefined;
        const { bundle, problems } = TrustBundle.parse(text, {
          name: materialName(ref),
          now: this.#now,
          reading: this.#reading,
        });
        for (const problem of problems) this.add(ref.place, problem);
        // One unusable file makes no smaller set of anchors: it makes none.
        if (bundle === undefined) return undefined;
        bundles.push(bundle);
        this.#anchors.add(bundle);
        this.bundles.push({ name: materialName(ref), bundle });
      }
      const [first, ...more] = bundles;
      return first === undefined ? undefined : TrustBundle.join(first, ...more);
    });
  }

  async #readPair(
    pair: CertificatePair,
    check: (cert: string, key: string, options: PairOptions) => CheckedPair,
  ): Promise<UsablePair | undefined> {
    const [cert, key] = [await this.#text(pair.cert), await this.#text(pair.key)];
    if (cert === undefined || key === undefined) return undefined;
    const names = { certName: materialName(pair.cert), keyName: materialName(pair.key) };
    const checked = check(cert, key, {
      now: this.#now,
      tolerateExpired: this.#tolerateExpired,
      anchors: [this.#anchors],
      reading: this.#reading,
      ...names,
    });
    const isStandIn = 'sourced' in pair.cert && (await this.#composed.find(pair.cert)).isStandIn;
    for (const problem of isStandIn ? [] : checked.problems) {
      this.add(problem.about === 'key' ? pair.key.place : pair.cert.place, problem);
    }
    const { leaf, chainPem, keyPem, keyType, issuer } = checked;
    const end = checked.chain.at(-1);
    if (checked.leaf !== undefined && end !== undefined && !isStandIn)
      this.pairs.push({
        place: pair.cert.place,
        leaf: checked.leaf,
        end,
        side: check === checkClientPair ? 'client' : 'server',
      });
    if (leaf === undefined || chainPem === undefined || keyPem === undefined) return undefined;
    const refusal = this.#openssl.refusal(checked.chain, chainPem, keyPem);
    if (refusal !== undefined) {
      const message = `OpenSSL makes no use of ${names.certName} and ${names.keyName}: ${refusal}`;
      this.add(
        pair.cert.place,
        materialError('openssl_refuses', message, 'Have a certificate for an EC P-256 or RSA 2048 key issued.'),
      );
      return undefined;
    }
    const sans = (...types: string[]) => leaf.sans.filter((san) => types.includes(san.type)).map((san) => san.value);
    const loaded: LoadedPair = {
      chainPem,
      issuerPem: issuer && encodePem('CERTIFICATE', issuer.der),
      keyPem,
      keyType,
      mustStaple: promisesResponse(leaf),
      names: sans('DNS', 'IP'),
      uris: sans('URI'),
      sha256: leaf.sha256,
      serial: leaf.serial,
      subject: leaf.subject,
      notBefore: leaf.notBefore,
      notAfter: leaf.notAfter,
    };
    return { loaded, checked, ...(isStandIn && { isStandIn }) };
  }

  /** Reads many files together, which are then asked for one after the other: with thousands most of the time is waiting. */
  async readAhead(refs: Iterable<Ref>): Promise<void> {
    const wanted = new Map<string, Extract<StoredRef, { path: string }>>();
    for (const ref of refs) {
      const key = keyOf(ref);
      if ('path' in ref && this.#before?.files.has(key) !== true) wanted.set(key, ref);
    }
    const files = (await this.#source.readMaterials?.([...wanted.values()], maxMaterialBytes)) ?? [];
    for (const [at, key] of [...wanted.keys()].entries()) {
      const file = files[at];
      if (file !== undefined) this.#ahead.set(key, file);
    }
  }

  /** The bytes of a file or of named material, whatever they are; from now on the outcome depends on it. Never rejects. */
  async read(ref: StoredRef, maxBytes: number): Promise<MaterialBytes> {
    if ('path' in ref) this.paths.add(ref.path);
    else this.ids.add(ref.id);
    const key = 'path' in ref ? `path ${ref.path}` : `id ${ref.id}`;
    // What is there already gives nobody else a turn, and there may be thousands.
    const pause = this.#slices.pause();
    if (pause !== undefined) await pause;
    const ahead = maxBytes === maxMaterialBytes ? this.#ahead.get(key) : undefined;
    this.#ahead.delete(key);
    const read = this.#before?.files.get(key) ?? ahead ?? (await this.#source.readMaterial(ref, maxBytes));
    this.files.set(key, read);
    return read;
  }

  /** The names in a folder. Rejects as the system does. */
  async list(path: string): Promise<readonly string[]> {
    const names = this.#before?.folders.get(path) ?? (await readdir(path)).sort();
    this.folders.set(path, names);
    return names;
  }

  async #text(ref: Ref): Promise<string | undefined> {
    return this.#once(this.#texts, keyOf(ref), async () => {
      if ('pkcs12' in ref || 'sourced' in ref) {
        const { parts, problems } = await this.#composed.find(ref);
        // Of all parts together, once.
        this.once(`composed ${keyOf({ ...ref, part: 'chain' })}`, () => {
          for (const problem of problems) this.add(ref.place, problem);
        });
        return parts?.[ref.part];
      }
      const loaded = await loadPem(ref, async (stored, maxBytes) => this.read(stored, maxBytes));
      if (loaded.ok) return loaded.pem;
      this.add(ref.place, loadProblem(loaded));
      return undefined;
    });
  }

  async #once<T>(memory: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
    let made = memory.get(key);
    if (made === undefined) memory.set(key, (made = make()));
    return made;
  }
}

function keyOf(ref: Ref): string {
  if ('path' in ref) return `path ${ref.path}`;
  if ('pkcs12' in ref) return `${ref.part} ${pkcs12Key(ref)}`;
  if ('sourced' in ref) return `${ref.part} ${sourceKey(ref.sourced)}`;
  return 'id' in ref ? `id ${ref.id}` : `pem ${ref.pem}`;
}
