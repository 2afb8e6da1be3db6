// The SPIFFE Workload API: a stream of gRPC over a local socket, on which the agent tells our X.509-SVIDs or the bundles of trust
// domains, all of them whenever one changes. Which process asks is what the agent attests, so that it is the primary that asks.
// A stream that ends is opened again when the feed says so; opening one makes the agent tell everything at once.
import grpc from '@grpc/grpc-js';
import { escapeForLog } from '../base/log-text.ts';
import type { SourceConfig, SpiffeSettings } from '../config/source-config.ts';
import { nobodyCa } from './nobody.ts';
import { problemOf, type Source, SourceFailure, type SourceHost, type SourceSink } from './source.ts';
import { findSvidFlaw } from './svid.ts';
import { readBundles, type ReceivedSvid, readSvids } from './workload-messages.ts';

/** Answers come at once, as the standard has it. */
const firstMessageMs = 10_000;
const maxMessageBytes = 8 * 1024 * 1024;
const maxShown = 200;
const variable = 'SPIFFE_ENDPOINT_SOCKET';

type Config = SourceConfig & SpiffeSettings;

export class WorkloadApiSource implements Source {
  readonly #config: Config;
  readonly #host: SourceHost;
  #sink: SourceSink | undefined;
  #client: grpc.Client | undefined;
  #cancel: () => void = () => {};
  /** Of the stream that counts; what others say comes too late. */
  #turn = 0;
  /** The trust domain had a bundle: where it has none any more, that is said, and not a mistake. */
  #hadBundle = false;
  #nobody: Promise<string> | undefined;
  /** Messages so far: what took longer to read must not replace what came later. */
  #messages = 0;

  constructor(config: Config, host: SourceHost) {
    this.#config = config;
    this.#host = host;
  }

  open(sink: SourceSink): void {
    this.#sink = sink;
  }

  renew(): void {
    const turn = this.#hangUp();
    try {
      this.#call(turn);
    } catch (error) {
      this.#end(turn, error);
    }
  }

  close(): void {
    this.#sink = undefined;
    this.#hangUp();
  }

  /** The number of the next stream. */
  #hangUp(): number {
    this.#turn += 1;
    this.#cancel();
    this.#cancel = () => {};
    this.#client?.close();
    this.#client = undefined;
    return this.#turn;
  }

  #call(turn: number): void {
    const { want, label } = this.#config;
    const client = new grpc.Client(this.#target(), grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': maxMessageBytes,
      // When to connect again is for the feed to say: no memory of failures beside its own.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_http_proxy': 0,
      'grpc.service_config_disable_resolution': 1,
    });
    this.#client = client;
    const metadata = new grpc.Metadata();
    metadata.set('workload.spiffe.io', 'true');
    const path = `/SpiffeWorkloadAPI/${want === 'pair' ? 'FetchX509SVID' : 'FetchX509Bundles'}`;
    const same = (bytes: Buffer): Buffer => bytes;
    const call = client.makeServerStreamRequest(path, same, same, Buffer.alloc(0), metadata);
    const cancelTimer = this.#host.clock.after(firstMessageMs, () =>
      this.#end(turn, failure('spiffe_silent', `${label}: the agent says nothing`, 'Is it in order? See its log.')),
    );
    this.#cancel = () => {
      cancelTimer();
      call.cancel();
    };
    call.on('data', (message: Buffer) => {
      cancelTimer();
      void this.#take(turn, message);
    });
    // A stream that is cancelled ends in an error too.
    call.on('error', (error: grpc.ServiceError) => this.#end(turn, this.#explain(error)));
    call.on('end', () => this.#end(turn, failure('spiffe_closed', `${label}: the agent closed the stream`, '')));
  }

  #target(): string {
    const socket = this.#config.socket ?? this.#host.env[variable];
    if (socket === undefined || socket === '') {
      const hint = `Write socket: unix:///PATH, or set ${variable}.`;
      throw failure('spiffe_no_socket', `${this.#config.label}: no socket is given`, hint);
    }
    const path = /^unix:(?:\/\/)?(\/[^?#]*)$/.exec(socket)?.[1];
    if (path !== undefined) return `unix:${path}`;
    const address = /^tcp:\/\/((?:\d{1,3}\.){3}\d{1,3}:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5})$/.exec(socket)?.[1];
    if (address !== undefined) return `${address.startsWith('[') ? 'ipv6' : 'ipv4'}:${address}`;
    const hint = 'Write unix:///PATH or tcp://IP:PORT.';
    throw failure(
      'spiffe_no_socket',
      `${this.#config.label}: the value of ${variable} is no address of a socket`,
      hint,
    );
  }

  async #take(turn: number, message: Buffer): Promise<void> {
    const number = (this.#messages += 1);
    try {
      const delivery =
        this.#config.want === 'pair'
          ? { pair: this.#pairOf(readSvids(message)) }
          : { anchorsPem: await this.#anchorsOf(message) };
      if (turn === this.#turn && number === this.#messages) this.#sink?.deliver(delivery);
    } catch (error) {
      this.#end(turn, this.#explainMessage(error));
    }
  }

  #pairOf(svids: readonly ReceivedSvid[]): { certPem: string; keyPem: string } {
    const { label, id, hint: wanted } = this.#config;
    const fits = (svid: ReceivedSvid): boolean =>
      (id === undefined || svid.id === id) && (wanted === undefined || svid.hint === wanted);
    // Without a choice it is the first one, the default identity of the standard.
    const svid = svids.find(fits);
    if (svid === undefined) {
      const known = svids.map((one) => (one.hint === '' ? one.id : `${one.id} (hint ${one.hint})`)).join(', ');
      const has = escapeForLog(known === '' ? 'none at all' : known, maxShown);
      const asked = [...(id === undefined ? [] : [id]), ...(wanted === undefined ? [] : [`hint ${wanted}`])].join(', ');
      throw failure(
        'spiffe_no_identity',
        `${label}: the agent has no SVID ${asked} for this process; it has ${has}`,
        'Register it for this workload, or correct id or hint.',
      );
    }
    const flaw = findSvidFlaw(svid, this.#host.clock.now());
    if (flaw !== undefined)
      throw failure(
        'spiffe_bad_svid',
        `${label}: the SVID ${escapeForLog(svid.id, maxShown)} ${flaw}`,
        'See the log of the agent.',
      );
    return { certPem: svid.chain.join(''), keyPem: svid.key };
  }

  async #anchorsOf(message: Buffer): Promise<string> {
    const { label, trustDomain = '' } = this.#config;
    const { bundles, hasCrls } = readBundles(message);
    if (hasCrls) {
      const hint = 'Give them in crl of the bundle or of the policy.';
      throw failure('spiffe_crls', `${label}: the agent sends CRLs, which are not looked at from here`, hint);
    }
    const certificates = bundles.get(`spiffe://${trustDomain}`);
    if (certificates !== undefined && certificates.length > 0) {
      this.#hadBundle = true;
      return certificates.join('');
    }
    if (this.#hadBundle && certificates === undefined && bundles.size > 0) {
      // What is not there any more is taken back, as the standard has it: nobody of that domain is let in.
      return (this.#nobody ??= nobodyCa());
    }
    const has = escapeForLog([...bundles.keys()].join(', ') || 'none at all', maxShown);
    throw failure(
      'spiffe_no_bundle',
      `${label}: the agent has no bundle of ${trustDomain} for this process; it has ${has}`,
      'Federate with that trust domain (federatesWith of our entry), or correct trustDomain.',
    );
  }

  #end(turn: number, error: unknown): void {
    if (turn !== this.#turn) return;
    this.#hangUp();
    this.#sink?.fail(problemOf(error));
  }

  #explainMessage(error: unknown): unknown {
    if (!(error instanceof RangeError)) return error;
    const hint = 'Is this the socket of a SPIFFE agent?';
    return failure(
      'spiffe_garbage',
      `${this.#config.label}: what the agent sends cannot be read: ${error.message}`,
      hint,
    );
  }

  #explain({ code, details }: grpc.ServiceError): SourceFailure {
    const { label } = this.#config;
    const said = escapeForLog(details.replace(/\.? ?Resolution note:.*$/s, ''), maxShown);
    if (code === grpc.status.CANCELLED) return failure('spiffe_closed', `${label}: the agent closed the stream`, '');
    if (code === grpc.status.PERMISSION_DENIED)
      return failure(
        'spiffe_no_identity',
        `${label}: the agent has nothing for this process: ${said}`,
        'Register this workload (spire-server entry create) with selectors that this process has, and wait until the agent knows it.',
      );
    if (code === grpc.status.UNAVAILABLE)
      return failure(
        'spiffe_unreachable',
        `${label}: the agent cannot be reached: ${said}`,
        'Is it running, is this its socket, and may this user open it?',
      );
    return failure(
      'spiffe_failed',
      `${label}: the agent answers ${grpc.status[code] ?? code}: ${said}`,
      'See its log.',
    );
  }
}

function failure(code: string, message: string, hint: string): SourceFailure {
  return new SourceFailure({ code, message, hint });
}
