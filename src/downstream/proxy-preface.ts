// A connection of a balancer until its PROXY header is read: bounded in bytes by the header, in time by the deadline of the
// handshake, in number like handshakes. Nothing behind the header is consumed.
import type { Socket } from 'node:net';
import type { Late } from '../base/deadline.ts';
import { noSlot } from '../base/slot-set.ts';
import { readProxyHeader } from '../proxy-protocol/reader.ts';
import type { Address } from './peer.ts';
import type { PendingHandshake } from './pending-handshakes.ts';

/** Exactly one of these, once. Must not throw. */
export interface PrefaceOwner {
  /** `raw` is paused, and begins with what stands behind the header. */
  onHeader(preface: ProxyPreface, address: Address): void;
  onRefused(preface: ProxyPreface, code: PrefaceFault, detail: string): void;
  /** Closed without a word, as balancers do that look whether the port is open. */
  onSilence(preface: ProxyPreface): void;
}

export type PrefaceFault = 'bad_proxy_header' | 'timeout' | 'handshake_limit' | 'refused_by_peer';

export class ProxyPreface implements Late, PendingHandshake {
  deadline: number;
  slot = noSlot;
  readonly raw: Socket;
  /** Of the balancer. */
  readonly balancer: Address;
  readonly #owner: PrefaceOwner;
  #received: Buffer | undefined;
  #settled = false;

  constructor(raw: Socket, balancer: Address, deadline: number, owner: PrefaceOwner) {
    this.raw = raw;
    this.balancer = balancer;
    this.deadline = deadline;
    this.#owner = owner;
  }

  get remoteAddress(): string {
    return this.balancer.remoteAddress;
  }

  begin(): void {
    this.raw.on('close', this.#onClose);
    this.raw.on('data', this.#onData);
  }

  giveWay(): void {
    this.#refuse('handshake_limit', `its place was needed, ${this.#progress}`);
  }

  onLate(): void {
    this.#refuse('timeout', `the PROXY header was not finished in time, ${this.#progress}`);
  }

  readonly #onData = (chunk: Buffer): void => {
    const bytes = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk]);
    const found = readProxyHeader(bytes);
    if (found.kind === 'more') this.#received = bytes;
    else if (found.kind === 'header') this.#pass(bytes.subarray(found.length), found.addresses?.source);
    else {
      const detail = found.kind === 'absent' ? 'no PROXY header, and this address has to send one' : found.detail;
      this.#refuse('bad_proxy_header', detail);
    }
  };

  #pass(rest: Buffer, client: { readonly address: string; readonly port: number } | undefined): void {
    this.#settle();
    this.raw.pause();
    if (rest.length > 0) this.raw.unshift(rest);
    const { balancer } = this;
    if (client === undefined) this.#owner.onHeader(this, balancer);
    else {
      const { address: remoteAddress, port: remotePort } = client;
      this.#owner.onHeader(this, { ...balancer, remoteAddress, remotePort, balancer: balancer.remoteAddress });
    }
  }

  readonly #onClose = (): void => {
    if (this.#settled) return;
    if (this.#received !== undefined) return this.#refuse('refused_by_peer', 'closed within the PROXY header');
    this.#settle();
    this.#owner.onSilence(this);
  };

  #refuse(code: PrefaceFault, detail: string): void {
    if (this.#settled) return;
    this.#settle();
    this.#owner.onRefused(this, code, detail);
    this.raw.destroy();
  }

  #settle(): void {
    this.#settled = true;
    this.#received = undefined;
    this.raw.off('data', this.#onData);
    this.raw.off('close', this.#onClose);
  }

  get #progress(): string {
    return this.#received === undefined ? 'before it sent anything' : `after ${this.#received.length} bytes of it`;
  }
}
