// A SPIFFE bundle endpoint (standard SPIFFE Federation, section 5): the CAs of a trust domain by https. The profile says who answers
// for it: `https_web` a name of the web, `https_spiffe` a workload with an ID, verified with the CAs of its own trust domain, which
// are those that came last.
import type { PeerCertificate } from 'node:tls';
import { fetchBounded, type FetchOutcome } from '../base/bounded-fetch.ts';
import { escapeForLog } from '../base/log-text.ts';
import { loadPem } from '../certs/material.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { readSvid } from '../certs/spiffe.ts';
import type { SourceConfig, SpiffeBundleSettings, MaterialText } from '../config/source-config.ts';
import { TrustBundle } from '../trust/trust-bundle.ts';
import { readBundleDocument } from './bundle-document.ts';
import { nobodyCa } from './nobody.ts';
import { type Delivery, PolledSource, type Source, SourceFailure, type SourceHost } from './source.ts';

const fetchMs = 10_000;
const maxBytes = 1024 * 1024;
/** Where the endpoint does not say, as the standard recommends. */
const defaultRefreshMs = 300_000;
const maxShown = 200;

type Config = SourceConfig & SpiffeBundleSettings;

export function makeBundleEndpoint(config: Config, host: SourceHost): Source {
  const endpoint = new BundleEndpoint(config, host);
  return new PolledSource(async () => endpoint.fetch());
}

class BundleEndpoint {
  readonly #config: Config;
  readonly #host: SourceHost;
  #sequence: bigint | undefined;
  /** PEM; of the trust domain, as they came last. */
  #anchors: string | undefined;
  #nobody: Promise<string> | undefined;

  constructor(config: Config, host: SourceHost) {
    this.#config = config;
    this.#host = host;
  }

  /** Rejects with a SourceFailure. */
  async fetch(): Promise<Delivery> {
    const { sequence, refreshMs, anchors } = this.#read(await this.#ask());
    if (this.#sequence !== undefined && (sequence === undefined || sequence < this.#sequence))
      this.#fail(
        'spiffe_sequence',
        `the sequence of the bundle goes back, from ${this.#sequence} to ${sequence ?? 'none'}`,
        'An old bundle may hold CAs that were taken back. If it is meant, restart the gateway.',
      );
    const anchorsPem = await this.#take(anchors);
    this.#sequence = sequence;
    return { anchorsPem, renewAt: this.#host.clock.now() + (refreshMs ?? defaultRefreshMs) };
  }

  async #take(anchors: readonly string[]): Promise<string> {
    if (anchors.length === 0) {
      if (this.#anchors === undefined)
        this.#fail('spiffe_no_bundle', 'the bundle holds no CA', 'Has the trust domain X.509 authorities?');
      // All were taken back, as the standard has it: nobody of that domain is let in.
      return (this.#nobody ??= nobodyCa());
    }
    const pem = anchors.join('');
    const { label: name } = this.#config;
    const { bundle, problems } = TrustBundle.parse(pem, { name, now: this.#host.clock.now() });
    // The next bundle is verified with it: it has to be good before it counts.
    if (bundle === undefined)
      this.#fail('spiffe_bad_bundle', problems[0]?.message ?? 'the bundle cannot be used', problems[0]?.hint ?? '');
    this.#anchors = pem;
    return pem;
  }

  #read(text: string): ReturnType<typeof readBundleDocument> {
    try {
      return readBundleDocument(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.#fail(
        'spiffe_garbage',
        `what the endpoint serves is no bundle: ${error.message}`,
        'Is it the right URL?',
      );
    }
  }

  async #ask(): Promise<string> {
    const { url, profile } = this.#config;
    const { clock } = this.#host;
    const trust = profile === 'https_web' ? { ca: await this.#textOf(this.#config.ca) } : await this.#spiffeTrust();
    const headers = { accept: 'application/json', 'accept-encoding': 'identity' };
    const outcome = await new Promise<FetchOutcome>((resolve) => {
      fetchBounded(
        { url: new URL(url), method: 'GET', headers, timeoutMs: fetchMs, maxBytes, clock, ...trust },
        resolve,
      );
    });
    if (outcome.ok) return Buffer.from(outcome.bytes).toString('utf8');
    return this.#fail(
      'spiffe_endpoint',
      `${url} cannot be had: ${explain(outcome)}`,
      'Can this host reach it, and who is its certificate from?',
    );
  }

  /** Its certificate is an SVID of the ID that is configured; the names of hosts say nothing. */
  async #spiffeTrust(): Promise<{ ca: string | undefined; verifyPeer: (peer: PeerCertificate) => Error | undefined }> {
    const { endpointId = '', trustDomain, bootstrap } = this.#config;
    const isOwn = endpointId.startsWith(`spiffe://${trustDomain}/`);
    const ca = (isOwn ? this.#anchors : undefined) ?? (await this.#textOf(bootstrap));
    return { ca, verifyPeer: ({ raw }) => findStranger(raw, endpointId) };
  }

  async #textOf(ref: MaterialText | undefined): Promise<string | undefined> {
    if (ref === undefined) return undefined;
    const loaded = await loadPem(ref);
    return loaded.ok ? loaded.pem : this.#fail(loaded.code, loaded.message, loaded.hint);
  }

  #fail(code: string, message: string, hint: string): never {
    throw new SourceFailure({ code, message: `${this.#config.label}: ${message}`, hint });
  }
}

function explain(outcome: Extract<FetchOutcome, { readonly ok: false }>): string {
  switch (outcome.problem) {
    case 'status':
      return `it answers ${outcome.status}`;
    case 'too_large':
      return `it sends more than ${maxBytes} bytes`;
    case 'timeout':
      return `no answer within ${fetchMs / 1000} s`;
    default:
      return escapeForLog(outcome.cause === '' ? 'the connection was cut off' : outcome.cause, maxShown);
  }
}

/** Undefined where it is who it should be. OpenSSL has verified its chain before. */
function findStranger(raw: Buffer, endpointId: string): Error | undefined {
  try {
    const svid = readSvid(readFacts(raw));
    if (!('id' in svid)) return new Error(`the endpoint shows no X509-SVID: ${svid.detail}`);
    return svid.id === endpointId ? undefined : new Error(`the endpoint is ${svid.id}`);
  } catch {
    return new Error('the certificate of the endpoint cannot be read');
  }
}
