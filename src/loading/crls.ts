// The CRLs that a configuration asks for, at a load: each source is read once for each set of CAs, and what is wrong with it
// becomes a problem at the place where it is named. A file that is wrong is an error; a server that is down is a warning,
// since clients are verified by onMissing until it is there, and a gateway that does not start serves nobody.
import { hash } from 'node:crypto';
import type { CrlConfig } from '../config/gateway-config.ts';
import { refusalProblem } from '../crl/rejection.ts';
import { describeCrl, type IndexedCrl } from '../crl/crl-set.ts';
import { isSelfIssued, looksIssuedBy } from '../certs/issuer.ts';
import { escapeForLog } from '../base/log-text.ts';
import { materialWarning } from '../base/material-problem.ts';
import { loadSystemBundle, type TrustBundle } from '../trust/trust-bundle.ts';
import { type CrlFeedSpec, type CrlSourceReader, type CrlReading, makeFeedSpec } from '../crl/source-reader.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import type { MaterialLoader } from './material-loader.ts';

export type LoadedCrlFeed = {
  readonly spec: CrlFeedSpec;
  /** Longest time between two fetches. */
  readonly refreshMs: number;
  readonly reading: CrlReading;
};

/** What one policy or route asks for. Several that ask for the same are one. */
export type LoadedCrlGroup = { readonly key: string; readonly feeds: readonly LoadedCrlFeed[] };

type CrlUse = {
  readonly config: CrlConfig;
  readonly trusted: TrustBundle;
  readonly what: string;
  readonly key: string;
};

export type CrlLoading = {
  readonly loader: CrlSourceReader;
  /** At a reload, the CRLs of a URL that are active: it is fetched on its own schedule, never while a reload waits. */
  readonly active?: (feedKey: string) => readonly IndexedCrl[] | undefined;
};

export class CrlLoads {
  readonly #loading: CrlLoading;
  readonly #material: MaterialLoader;
  readonly #now: number;
  readonly #groups = new Map<string, Promise<LoadedCrlGroup>>();
  #system: TrustBundle | undefined;
  readonly #readings = new Map<string, Promise<CrlReading>>();
  readonly #uses: CrlUse[] = [];

  /** `now`: milliseconds since the epoch. */
  constructor(loading: CrlLoading, material: MaterialLoader, now: number) {
    this.#loading = loading;
    this.#material = material;
    this.#now = now;
  }

  /**
   * Begins to load what `config` asks for; the key under which it will be found. `trusted`: the CAs that may sign its CRLs,
   * undefined for those of the system. `what`: who asks, for messages.
   */
  begin(config: CrlConfig, trusted: TrustBundle | undefined, what: string): string {
    const issuers = trusted ?? (this.#system ??= loadSystemBundle());
    const specs = config.sources.map((source) =>
      makeFeedSpec(
        source,
        issuers.certificates.map(({ der }) => der),
        issuers.digest,
      ),
    );
    const key = hash('sha256', [...new Set(specs.map((spec) => spec.key))].sort().join('\n'));
    if (trusted !== undefined) this.#uses.push({ config, trusted, what, key });
    const id = `${key} ${config.refreshMs}`;
    if (!this.#groups.has(id)) this.#groups.set(id, this.#load(key, config, specs));
    return key;
  }

  /** Resolves when all are there; the problems are with the material loader then. */
  async finish(): Promise<LoadedCrlGroup[]> {
    const groups = new Map<string, LoadedCrlGroup>();
    for (const group of await Promise.all(this.#groups.values())) {
      const same = groups.get(group.key);
      groups.set(group.key, same === undefined ? group : soonerOf(same, group));
    }
    for (const use of this.#uses) this.#findGaps(use, groups.get(use.key));
    return [...groups.values()];
  }

  /** The usual surprise: with a CRL of the issuing CA alone, nobody passes, for there is none of the root above it. */
  #findGaps({ config, trusted, what }: CrlUse, group: LoadedCrlGroup | undefined): void {
    if (config.onMissing === 'allow') return;
    const known = new Set(
      group?.feeds.flatMap(({ spec, reading }) =>
        (reading.unchanged === true ? (this.#loading.active?.(spec.key) ?? []) : reading.crls).map(
          ({ facts }) => facts.issuerSpki,
        ),
      ),
    );
    const { certificates: cas } = trusted;
    for (const ca of cas) {
      // Without `scope: chain` a CA that only issues CAs has nothing to say.
      const isAbove = config.scope === 'leaf' && cas.some((one) => one !== ca && looksIssuedBy(one, ca));
      if (known.has(ca.spkiSha256) || isAbove) continue;
      const name = `"${escapeForLog(ca.subject, 120)}"`;
      const message = `${what}: there is no CRL of ${name}: whatever it issued is refused (onMissing: deny)`;
      const hint =
        config.scope === 'chain' && isSelfIssued(ca)
          ? 'Add its CRL to sources, or write `scope: leaf` where only CRLs of issuing CAs exist.'
          : 'Add its CRL to sources.';
      this.#material.add(config.place, materialWarning('crl_missing', message, hint));
    }
  }

  async #load(key: string, config: CrlConfig, specs: readonly CrlFeedSpec[]): Promise<LoadedCrlGroup> {
    const readings = await Promise.all(specs.map(async (spec) => this.#readOnce(spec)));
    const feeds = specs.map((spec, at) => {
      const reading = readings[at] as CrlReading;
      this.#report(spec, reading);
      return { spec, refreshMs: config.refreshMs, reading };
    });
    return { key, feeds };
  }

  async #readOnce(spec: CrlFeedSpec): Promise<CrlReading> {
    const crls = 'url' in spec.source ? this.#loading.active?.(spec.key) : undefined;
    if (crls !== undefined) return { crls: [], failures: [], unchanged: true };
    let reading = this.#readings.get(spec.key);
    if (reading === undefined) this.#readings.set(spec.key, (reading = this.#loading.loader.read(spec)));
    return reading;
  }

  #report({ source }: CrlFeedSpec, { crls, failures }: CrlReading): void {
    for (const { source: name, refusal } of failures) {
      const problem = refusalProblem(refusal, name);
      this.#material.add(source.place, 'url' in source ? { ...problem, severity: 'warning' } : problem);
    }
    for (const { facts } of crls) {
      if (this.#now <= facts.nextUpdate) continue;
      const hint = 'Publish a newer one; until then onStale says who is let in.';
      this.#material.add(source.place, materialWarning('crl_stale', `${describeCrl(facts)} is out of date`, hint));
    }
  }
}

/** What this load found, for commands that serve nobody. */
export function findInLoad(groups: readonly LoadedCrlGroup[]): CrlLookup {
  const found = new Map(groups.map(({ key, feeds }) => [key, feeds.flatMap(({ reading }) => reading.crls)]));
  return { find: (key) => found.get(key) ?? [] };
}

/** The same sources under two intervals are fetched by the shorter one. */
function soonerOf(a: LoadedCrlGroup, b: LoadedCrlGroup): LoadedCrlGroup {
  return (a.feeds[0]?.refreshMs ?? 0) <= (b.feeds[0]?.refreshMs ?? 0) ? a : b;
}
