// Certificates from a CA that speaks ACME (RFC 8555). What is kept from before, or was ordered by another gateway that shares the folder,
// is delivered as it is; else one of them orders. When to renew says the CA (RFC 9773), else two thirds of the lifetime.
import { hash } from 'node:crypto';
import { AcmeClient } from '../acme/client.ts';
import { sanOf } from '../acme/identifier.ts';
import { makeAccountKey, readAccountKey, writeAccountKey } from '../acme/jws.ts';
import { obtainCertificate } from '../acme/order.ts';
import { AcmeProblem } from '../acme/problem.ts';
import { askRenewalInfo, certificateId, chooseMoment, type RenewalInfo } from '../acme/renewal-info.ts';
import { type Ask, askBy, ExchangeFailure } from '../base/exchange.ts';
import { makeLeafKey } from '../certs/leaf-key.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { parseCertificates } from '../certs/material.ts';
import { type AcmeSettings, type SourceConfig, sourceKey } from '../config/source-config.ts';
import { findIssuedFlaw, type Issued } from '../trust/check-issued.ts';
import { AcmePeers } from './acme-peers.ts';
import { AcmeState } from './acme-state.ts';
import { problemOf, type Source, SourceFailure, type SourceHost, type SourceSink } from './source.ts';
import { readSourcePem } from './source-material.ts';

/** After attempts that a CA answered with a no: their limits count failures by the hour. */
const pausesMs = [30_000, 60_000, 300_000, 900_000, 3_600_000] as const;
const leastRenewMs = 2_000;
/** Of the lifetime, by which gateways that were started together differ. */
const jitter = 0.1;

type Config = SourceConfig & AcmeSettings;
/** How it talks and makes keys; default: over the network, and fresh ones. */
export type AcmeMeans = { readonly ask?: Ask; readonly makeKey?: typeof makeLeafKey };
type Current = { readonly issued: Issued; readonly facts: CertificateFacts };

export class AcmeSource implements Source {
  readonly #config: Config;
  readonly #host: SourceHost;
  readonly #ask: Ask;
  readonly #makeKey: typeof makeLeafKey;
  readonly #state: AcmeState;
  /** Undefined where nobody is served. */
  readonly #peers: AcmePeers | undefined;
  readonly #stop = new AbortController();
  readonly #accountId: string;
  readonly #certificateId: string;
  #sink: SourceSink | undefined;
  #busy = false;
  #current: Current | undefined;
  /** What the CA said of the current one, and the moment that was chosen in it. */
  #renewal: { readonly info: RenewalInfo; readonly at: number } | undefined;
  #cancelAsking: () => void = () => {};
  #refusals = 0;

  constructor(config: Config, host: SourceHost, { ask = askBy(host.clock), makeKey = makeLeafKey }: AcmeMeans = {}) {
    this.#ask = ask;
    this.#makeKey = makeKey;
    this.#config = config;
    this.#host = host;
    this.#state = new AcmeState(config.storage, config.label);
    const { directory, eab, identifiers, keyType, profile, preferredChain } = config;
    this.#accountId = idOf([directory, eab?.kid]);
    const names = identifiers.map(({ value }) => value).toSorted();
    this.#certificateId = idOf([directory, names, keyType, profile, preferredChain]);
    const { challenges, clock } = host;
    const { signal } = this.#stop;
    const [folder, id, owner] = [config.storage, this.#certificateId, sourceKey(config)];
    this.#peers = challenges && new AcmePeers({ folder, id, owner, challenges, clock, signal });
  }

  open(sink: SourceSink): void {
    this.#sink = sink;
    void this.#peers?.watch();
  }

  renew(): void {
    if (this.#busy) return;
    this.#busy = true;
    void this.#renew().then(
      () => (this.#busy = false),
      (error: unknown) => {
        this.#busy = false;
        this.#sink?.fail(this.#explain(error));
      },
    );
  }

  close(): void {
    this.#sink = undefined;
    this.#cancelAsking();
    this.#stop.abort(new Error('the source was closed'));
  }

  async #renew(): Promise<void> {
    if (this.#takeKept()) return;
    const { clock, challenges } = this.#host;
    const { label } = this.#config;
    const peers = this.#peers;
    if (challenges === undefined || peers === undefined) {
      const hint = 'Run the gateway: a CA has to reach its entry points.';
      throw new SourceFailure({
        code: 'acme_not_asked',
        message: `${label}: no certificate is kept, and none is ordered here`,
        hint,
      });
    }
    await challenges.ready(this.#stop.signal);
    await this.#state.locked(this.#certificateId, clock, this.#stop.signal, async () => {
      // Another gateway may have ordered while we waited for our turn.
      if (!this.#takeKept()) await this.#order(peers);
    });
  }

  /** True where something that was not delivered yet is there and may be used. */
  #takeKept(): boolean {
    const kept = this.#state.readCertificate(this.#certificateId);
    if (kept === undefined || kept.chainPem === this.#current?.issued.chainPem) return false;
    // What has expired, or is for other names, is as good as nothing: it is ordered again.
    if (this.#flawOf(kept) !== undefined) return false;
    this.#take(kept);
    return true;
  }

  async #order(peers: AcmePeers): Promise<void> {
    const { clock } = this.#host;
    const { identifiers, challenge, keyType, preferredChain, profile, label } = this.#config;
    const { signal } = this.#stop;
    const id = this.#certificateId;
    const client = await this.#openClient();
    const replaces = this.#current === undefined ? undefined : certificateId(this.#current.facts);
    const order = { identifiers, challenge, keyType, preferredChain, profile, replaces };
    const issued = await obtainCertificate(order, this.#state.readOrder(id), {
      client,
      clock,
      signal,
      makeKey: this.#makeKey,
      publish: async (answers) => peers.publish(answers),
      keep: (open) => this.#state.writeOrder(id, open),
    });
    const flaw = this.#flawOf(issued);
    // What is wrong with it will be wrong the next time: another order, not this one again.
    this.#state.writeOrder(id, undefined);
    if (flaw !== undefined)
      throw new SourceFailure({
        code: flaw.code,
        message: `${label}: the CA issued what cannot be used: ${flaw.message}`,
        hint: flaw.hint,
        retryAfterMs: this.#pauseMs(),
      });
    this.#state.writeCertificate(id, issued);
    this.#refusals = 0;
    this.#take(issued);
  }

  async #openClient(): Promise<AcmeClient> {
    const { clock } = this.#host;
    const { directory, email, eab, termsOfServiceAgreed, label } = this.#config;
    const ca = this.#config.ca && (await readSourcePem(this.#config.ca, label));
    return this.#state.locked(this.#accountId, clock, this.#stop.signal, async () => {
      const stored = this.#state.readAccount(this.#accountId);
      const account = stored === undefined ? await makeAccountKey() : readAccountKey(stored.keyPem);
      const keyPem = writeAccountKey(account);
      // Before anything is registered: a key that nobody has any more would leave an account behind.
      if (stored === undefined) this.#state.writeAccount(this.#accountId, { directory, kid: undefined, keyPem });
      const client = new AcmeClient({
        server: { directory, ca },
        account,
        kid: stored?.kid,
        ask: this.#ask,
        clock,
      });
      const kid = await client.openAccount({ email, eab, termsOfServiceAgreed });
      if (kid !== stored?.kid) this.#state.writeAccount(this.#accountId, { directory, kid, keyPem });
      return client;
    });
  }

  #flawOf(issued: Issued): ReturnType<typeof findIssuedFlaw> {
    const wanted = { names: this.#config.identifiers.map(sanOf), purpose: 'server' } as const;
    return findIssuedFlaw(issued, wanted, this.#host.clock.now(), 'the certificate');
  }

  #take(issued: Issued): void {
    const [facts] = parseCertificates(issued.chainPem).certificates;
    if (facts === undefined) return;
    this.#current = { issued, facts };
    this.#renewal = undefined;
    this.#deliver();
    this.#askLater(0);
  }

  #deliver(): void {
    if (this.#current === undefined) return;
    const { clock, random } = this.#host;
    const { issued, facts } = this.#current;
    const { notBefore, notAfter } = facts;
    const usual = notBefore + ((notAfter - notBefore) * 2 * (1 - jitter * random())) / 3;
    const at = Math.max(this.#renewal?.at ?? usual, clock.now() + leastRenewMs);
    this.#sink?.deliver({ pair: { certPem: issued.chainPem, keyPem: issued.keyPem }, renewAt: at });
  }

  #askLater(delayMs: number): void {
    this.#cancelAsking();
    this.#cancelAsking = this.#host.clock.after(delayMs, () => void this.#askRenewal());
  }

  /** Nothing is told where the CA says nothing: the usual time stands. */
  async #askRenewal(): Promise<void> {
    const { clock, random, challenges } = this.#host;
    const { directory, ca: named, label } = this.#config;
    const current = this.#current;
    if (current === undefined || challenges === undefined) return;
    let nextMs = 6 * 3_600_000;
    try {
      const ca = named && (await readSourcePem(named, label));
      // It is nobody's secret: no account is needed.
      const account = await makeAccountKey();
      const client = new AcmeClient({ server: { directory, ca }, account, kid: undefined, ask: this.#ask, clock });
      const info = await askRenewalInfo(client, current.facts, clock.now());
      if (current !== this.#current || this.#sink === undefined) return;
      if (info === undefined) return;
      nextMs = info.askAgainMs;
      const known = this.#renewal?.info;
      if (known?.start !== info.start || known.end !== info.end) {
        this.#renewal = { info, at: chooseMoment(info, random()) };
        this.#deliver();
      }
    } catch {
      // Asked again later; what matters is told when it is time to renew.
    }
    if (this.#sink !== undefined) this.#askLater(nextMs);
  }

  #pauseMs(): number {
    const pause = pausesMs[Math.min(this.#refusals, pausesMs.length - 1)] ?? 0;
    this.#refusals += 1;
    return pause;
  }

  #explain(error: unknown): ReturnType<typeof problemOf> {
    const { label, directory } = this.#config;
    const { host } = new URL(directory);
    if (error instanceof ExchangeFailure)
      return {
        code: 'acme_unreachable',
        message: `${label}: ${host} gives no answer: ${error.message}`,
        hint: 'Try it with curl from this machine.',
      };
    if (!(error instanceof AcmeProblem)) return problemOf(error);
    const code = `acme_${error.type.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/[^a-z0-9_]/g, '')}`;
    const retryAfterMs = Math.max(error.retryAfterMs ?? 0, this.#pauseMs());
    return { code, message: `${label}: ${host}: ${error.message}`, hint: hintOf(error, this.#config), retryAfterMs };
  }
}

function hintOf({ type, status }: AcmeProblem, { challenge, storage }: AcmeSettings): string {
  switch (type) {
    case 'authorizationInvalid':
    case 'orderInvalid':
      return challenge === 'http-01'
        ? 'The CA comes to port 80 of the name: it has to reach the plain entry point.'
        : 'The CA comes to port 443 of the name: it has to reach the TLS entry point, and nobody may end TLS before.';
    case 'rateLimited':
      return 'It is asked again when the CA says so; what is in use stays.';
    case 'unauthorized':
      return `The account may have been deactivated; another one is registered when its file in ${storage} is gone.`;
    case 'rejectedIdentifier':
    case 'caa':
      return 'The CA must not issue for this name: look at its CAA records and at what the CA allows.';
    default:
      return status >= 500 ? 'The CA is in trouble; it is asked again.' : '';
  }
}

function idOf(parts: readonly unknown[]): string {
  return hash('sha256', JSON.stringify(parts)).slice(0, 32);
}
