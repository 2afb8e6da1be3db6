// Issuers of clients that were let in, by policy, over all gateways: one that was never seen before is worth a look (a CA that was added, an
// intermediate that nobody announced, a key that signs what it should not). The first of a policy is whoever it was made for.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type AlertRecords, read, write } from '../alerts/alert-records.ts';
import type { Need } from '../alerts/need.ts';
import { dayMs } from '../base/clock.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { ClientSeen, ClientsSeen } from './clients-seen.ts';

/** By the digest of the issuer: when it was seen first; 0: it was there when we began. */
type Issuers = ReadonlyMap<string, number>;
const issuersSchema = z.record(z.string(), z.number());

/** It is news for so long. */
const newsMs = dayMs;
const maxIssuers = 2_000;
const lastsMs = 400 * dayMs;
const maxTries = 3;

export class IssuerWatch {
  readonly #gateway: string;
  readonly #records: () => AlertRecords | undefined;
  readonly #known = new Map<string, Issuers>();

  constructor(gateway: string, records: () => AlertRecords | undefined) {
    this.#gateway = gateway;
    this.#records = records;
  }

  /** What is not known yet is learned where the store can be asked, and said then. */
  async look({ identities }: ClientsSeen, now: number): Promise<Need[]> {
    const let_in = new Map<string, Map<string, ClientSeen>>();
    for (const one of identities) {
      if (one.lastAccepted === null) continue;
      const issuers = let_in.get(one.policy) ?? new Map<string, ClientSeen>();
      let_in.set(one.policy, issuers);
      const before = issuers.get(one.issuer);
      if (before === undefined || one.firstSeen < before.firstSeen) issuers.set(one.issuer, one);
    }
    const needs: Need[] = [];
    for (const [policy, issuers] of let_in) {
      const known = await this.#learn(policy, [...issuers.values()], now);
      for (const [issuer, client] of issuers) {
        const at = known?.get(digestOf(issuer)) ?? 0;
        if (at > now - newsMs) needs.push(toNeed(policy, client, at));
      }
    }
    return needs;
  }

  async #learn(policy: string, seen: readonly ClientSeen[], now: number): Promise<Issuers | undefined> {
    const known = this.#known.get(policy);
    const isKnown = (issuers: Issuers | undefined): issuers is Issuers =>
      issuers !== undefined && seen.every(({ issuer }) => issuers.has(digestOf(issuer)) || issuers.size >= maxIssuers);
    if (isKnown(known)) return known;
    const records = this.#records();
    if (records === undefined) return known;
    try {
      for (let tries = 0; tries < maxTries; tries++) {
        const found = await records.find('alert-issuers', policy.slice(0, 200));
        const stored = new Map(Object.entries((found && read(issuersSchema, found.bytes)) ?? {}));
        if (isKnown(stored)) {
          this.#known.set(policy, stored);
          return stored;
        }
        const learned = withMore(stored, seen, now);
        const put = await records.put({
          kind: 'alert-issuers',
          key: policy.slice(0, 200),
          gateway: this.#gateway,
          bytes: write(Object.fromEntries(learned)),
          lastsMs,
          version: found?.version ?? 0,
        });
        if (put.outcome === 'stale') continue;
        this.#known.set(policy, learned);
        return learned;
      }
    } catch (error) {
      if (!(error instanceof StoreProblem)) throw error;
    }
    return known;
  }
}

function withMore(stored: Issuers, seen: readonly ClientSeen[], now: number): Issuers {
  const learned = new Map(stored);
  const oldest = seen.toSorted((a, b) => a.firstSeen - b.firstSeen);
  for (const { issuer } of oldest) {
    const digest = digestOf(issuer);
    if (learned.has(digest) || learned.size >= maxIssuers) continue;
    learned.set(digest, learned.size === 0 ? 0 : now);
  }
  return learned;
}

function digestOf(issuer: string): string {
  return createHash('sha256').update(issuer).digest('hex').slice(0, 16);
}

function toNeed(policy: string, { issuer, subject, sans }: ClientSeen, at: number): Need {
  const who = subject === '' ? (sans[0] ?? 'a client') : subject;
  return {
    id: `issuer:${policy}:${digestOf(issuer)}`,
    severity: 'due',
    kind: 'issuer',
    code: 'new_issuer',
    sentence: `Policy ${policy} let in a client of an issuer that was never seen there before: ${issuer} (${who})`,
    consequence: 'Whoever has a certificate of this issuer, and a name that the rules allow, is let in.',
    help: 'If nobody announced this issuer, find out which CA of the bundle vouches for it, and take that out or narrow the rules.',
    since: at,
    object: { kind: 'policies', id: policy },
    happened: true,
  };
}
