// Which requests ask for the gateway's own health where traffic comes in, and what they are told (config/traffic-health.ts). The
// answer tells of no route and no client, and these very two targets are all there is: any other spelling is a path like any.
import { AddressSet } from '../base/address-set.ts';
import type { TrafficHealthConfig } from '../config/gateway-config.ts';
import { Answer } from '../filters/filter.ts';
import { FieldBlock } from '../http/field.ts';

const fields = new FieldBlock([
  ['Content-Type', 'application/json'],
  ['Cache-Control', 'no-store'],
]);
const bodyOf = (status: string, error: string): string => JSON.stringify({ name: 'Service Gateway', status, error });

/** `address`: of the connection, or its PROXY header. */
export type HealthQuestion = {
  readonly target: string;
  readonly method: string;
  readonly entryPoint: string;
  readonly address: string;
  readonly isDraining: boolean;
};

/** Of one generation. */
export class TrafficHealth {
  readonly #config: TrafficHealthConfig;
  readonly #sources: AddressSet | undefined;
  readonly #running = new Answer(200, fields, bodyOf('running', ''));
  readonly #draining = new Answer(503, fields, bodyOf('draining', 'the gateway is being stopped'));

  constructor(config: TrafficHealthConfig) {
    this.#config = config;
    this.#sources = config.sourceRanges && new AddressSet(config.sourceRanges);
  }

  /** undefined: a request like any other. */
  find({ target, method, entryPoint, address, isDraining }: HealthQuestion): Answer | undefined {
    const { liveness, readiness, entryPoints } = this.#config;
    const isReadiness = target === '/readyz' && readiness;
    if (!isReadiness && !(target === '/healthz' && liveness)) return undefined;
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (!entryPoints.includes(entryPoint)) return undefined;
    if (this.#sources !== undefined && !this.#sources.has(address)) return undefined;
    return isReadiness && isDraining ? this.#draining : this.#running;
  }
}
