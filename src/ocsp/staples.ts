// The OCSP responses for our own certificates, as one worker has them: brought by the primary, served as they are (RFC 6066
// section 8). One that has run out is not served, whether or not a newer one came.
import type { Clock } from '../base/clock.ts';

export type Staple = {
  /** DER of the OCSPResponse. */
  readonly der: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly validUntil: number;
};

export class Staples {
  readonly #clock: Clock;
  readonly #staples = new Map<string, { readonly der: Buffer; readonly validUntil: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `sha256`: of the certificate, hexadecimal; undefined: there is none to serve any more. */
  set(sha256: string, staple: Staple | undefined): void {
    if (staple === undefined) this.#staples.delete(sha256);
    else this.#staples.set(sha256, { der: Buffer.from(staple.der), validUntil: staple.validUntil });
  }

  find(sha256: string): Buffer | undefined {
    const found = this.#staples.get(sha256);
    return found !== undefined && this.#clock.now() <= found.validUntil ? found.der : undefined;
  }
}
