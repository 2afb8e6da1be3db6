// What every source of certificates has to do, whatever it talks to (src/sources/source.ts). A bench brings the other side: it offers
// material, breaks and heals. The source runs under a SourceFeed, as in the primary; the feed's clock is turned by hand, that of
// the source is the system's.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Clock, dayMs, systemClock } from '../../src/base/clock.ts';
import { mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import type { SourceConfig, SourceWant } from '../../src/config/source-config.ts';
import { SourceFeed } from '../../src/sources/feed.ts';
import type { Source, SourceHost } from '../../src/sources/source.ts';
import { eventually } from '../support/wait-for.ts';

/** `key`: may be that of another certificate. */
export type Material = { readonly cert: string; readonly key: string; readonly ca: string };

export type SourceBench = AsyncDisposable & {
  readonly config: SourceConfig;
  /** With what the bench needs to stand between. */
  make(config: SourceConfig, host: SourceHost): Promise<Source>;
  /** What the other side has from now on; where it tells by itself, it does so now. */
  offer(material: Material): Promise<void>;
  /** `gone`: nobody answers. `garbage`: what comes is nothing of the kind. Until the next offer. */
  breakDown(how: 'gone' | 'garbage'): Promise<void>;
};

export type BenchOptions = {
  readonly wants: readonly SourceWant[];
  /** Whether it tells by itself, without being asked again. */
  readonly tells?: boolean;
  /** For sources whose issuer decides what a certificate looks like: a leaf of this CA. Default: a server certificate. */
  readonly issue?: (ca: TestCa, notAfter?: number) => Promise<{ certPem: string; keyPem: string }>;
};

/** Turned by hand: `turn` lets the time pass until the next thing is due. */
class TurnedClock implements Clock {
  #ahead = 0;
  readonly #due = new Set<{ readonly at: number; readonly act: () => void }>();

  now(): number {
    return systemClock.now() + this.#ahead;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#ahead;
  }

  after(delayMs: number, act: () => void): () => void {
    const one = { at: this.now() + delayMs, act };
    this.#due.add(one);
    return () => this.#due.delete(one);
  }

  /** False where nothing is due at all. */
  turn(): boolean {
    const [next] = [...this.#due].sort((a, b) => a.at - b.at);
    if (next === undefined) return false;
    this.#due.delete(next);
    next.act();
    return true;
  }
}

const issueServer = async (ca: TestCa, notAfter?: number): Promise<{ certPem: string; keyPem: string }> => {
  const dates = notAfter === undefined ? {} : { notBefore: notAfter - dayMs, notAfter };
  const { chainPem, keyPem } = await ca.issue({ kind: 'server', sans: ['a.test'], ...dates });
  return { certPem: chainPem, keyPem };
};

export function sourceContract(
  name: string,
  open: (want: SourceWant) => Promise<SourceBench>,
  { wants, tells = false, issue = issueServer }: BenchOptions,
): void {
  async function stage(want: SourceWant) {
    const bench = await open(want);
    const ca = await mintCa({ cn: 'First' });
    const mint = async (by = ca, notAfter?: number): Promise<Material> => {
      const { certPem, keyPem } = await issue(by, notAfter);
      return { cert: certPem, key: keyPem, ca: by.certPem };
    };
    const clock = new TurnedClock();
    let changes = 0;
    let feed: SourceFeed | undefined;
    const start = (): SourceFeed => {
      const host: SourceHost = { clock: systemClock, random: () => 0.5, env: {} };
      feed = new SourceFeed(bench.config, {
        clock,
        random: () => 0.5,
        make: async (config) => bench.make(config, host),
        log: () => undefined,
        onChange: () => (changes += 1),
      });
      return feed;
    };
    /** Until it holds; a source that has to be asked is asked, as often as it takes. */
    const until = async (what: string, holds: () => boolean): Promise<void> => {
      let attempts = -1;
      await eventually(
        () => {
          if (holds()) return true;
          const { failures, deliveries } = feed?.state ?? { failures: 0, deliveries: 0 };
          // One attempt after the other.
          if (failures + deliveries !== attempts) {
            attempts = failures + deliveries;
            clock.turn();
          }
          return false;
        },
        { what },
      );
    };
    return {
      bench,
      ca,
      mint,
      start,
      until,
      changes: () => changes,
      async [Symbol.asyncDispose]() {
        feed?.close();
        await bench[Symbol.asyncDispose]();
      },
    };
  }
  const textOf = (want: SourceWant, { cert, ca }: Material): string => (want === 'pair' ? cert : ca);
  const problemText = (feed: SourceFeed): string => JSON.stringify(feed.state.problem);

  for (const want of wants) {
    describe(`source ${name}, for ${want}`, () => {
      it('delivers what is there, and says of it what a listing shows', async () => {
        await using at = await stage(want);
        const material = await at.mint();
        await at.bench.offer(material);
        const feed = at.start();
        await at.until('a delivery', () => feed.newest !== undefined);
        assert.equal(feed.newest?.chainPem.trim(), textOf(want, material).trim());
        assert.equal(feed.newest?.keyPem !== '', want === 'pair');
        const { problem, current, label } = feed.state;
        assert.equal(problem, undefined);
        assert.equal(label, at.bench.config.label);
        assert.match(current?.serial ?? '', /^[0-9a-f]+$/i);
        assert.ok((current?.notAfter ?? 0) > Date.now());
        assert.ok(!JSON.stringify(feed.state).includes('PRIVATE KEY'));
        assert.equal(at.changes(), 1);
      });

      it('takes what is newer, and is quiet about the same again', async () => {
        await using at = await stage(want);
        const first = await at.mint();
        await at.bench.offer(first);
        const feed = at.start();
        await at.until('a delivery', () => feed.newest !== undefined);
        await at.bench.offer(first);
        if (!tells) await at.until('the same again', () => feed.state.deliveries > 1);
        assert.equal(at.changes(), 1);
        const second = await at.mint(want === 'pair' ? at.ca : await mintCa({ cn: 'Second' }));
        await at.bench.offer(second);
        await at.until('the newer one', () => feed.newest?.chainPem.trim() === textOf(want, second).trim());
        assert.equal(at.changes(), 2);
      });

      it('keeps the last good where nobody answers, says why, and takes what comes afterwards', async () => {
        await using at = await stage(want);
        const first = await at.mint();
        await at.bench.offer(first);
        const feed = at.start();
        await at.until('a delivery', () => feed.newest !== undefined);
        await at.bench.breakDown('gone');
        await at.until('a problem', () => feed.problem !== undefined);
        assert.match(String(feed.problem?.code), /^[a-z0-9_]+$/);
        assert.ok(String(feed.problem?.message).includes(at.bench.config.label));
        assert.equal(feed.newest?.chainPem.trim(), textOf(want, first).trim());
        const second = await at.mint(want === 'pair' ? at.ca : await mintCa({ cn: 'Second' }));
        await at.bench.offer(second);
        await at.until('the newer one', () => feed.newest?.chainPem.trim() === textOf(want, second).trim());
        assert.equal(feed.problem, undefined);
      });

      it('delivers nothing, with a reason, where nobody has answered yet', async () => {
        await using at = await stage(want);
        await at.bench.breakDown('gone');
        const feed = at.start();
        await at.until('a problem', () => feed.problem !== undefined);
        assert.equal(feed.newest, undefined);
        assert.equal(at.changes(), 0);
        await at.bench.offer(await at.mint());
        await at.until('a delivery', () => feed.newest !== undefined);
      });

      it('takes nothing of garbage', async () => {
        await using at = await stage(want);
        await at.bench.offer(await at.mint());
        const feed = at.start();
        await at.until('a delivery', () => feed.newest !== undefined);
        const before = feed.newest?.digest;
        await at.bench.breakDown('garbage');
        await at.until('a problem', () => feed.problem !== undefined);
        assert.equal(feed.newest?.digest, before);
        assert.ok(feed.state.failures > 0);
      });

      if (want === 'pair') {
        it('takes no certificate with the key of another, and tells nothing of either', async () => {
          await using at = await stage(want);
          const [one, other] = [await at.mint(), await at.mint()];
          await at.bench.offer({ ...one, key: other.key });
          const feed = at.start();
          await at.until('a problem', () => feed.problem !== undefined);
          assert.equal(feed.newest, undefined);
          const secret = other.key.split('\n')[1] ?? '';
          assert.ok(secret.length > 20 && !problemText(feed).includes(secret));
        });

        it('takes no certificate that has expired', async () => {
          await using at = await stage(want);
          await at.bench.offer(await at.mint(at.ca, Date.now() - 60_000));
          const feed = at.start();
          await at.until('a problem', () => feed.problem !== undefined);
          assert.equal(feed.newest, undefined);
        });
      }

      it('says nothing any more once it is closed', async () => {
        await using at = await stage(want);
        await at.bench.offer(await at.mint());
        const feed = at.start();
        await at.until('a delivery', () => feed.newest !== undefined);
        feed.close();
        const { deliveries, failures } = feed.state;
        await at.bench.offer(await at.mint());
        await at.bench.breakDown('gone');
        assert.deepEqual([feed.state.deliveries, feed.state.failures, at.changes()], [deliveries, failures, 1]);
      });
    });
  }
}
