// A service as the API shows it: what was declared, and how each of its addresses is at this moment.
import { z } from 'zod';
import type { BackendStatus, GatewayStatus } from './gateway-status.ts';
import { timeOf } from './times.ts';
import type { ServiceView } from './view.ts';

const nested = z.record(z.string(), z.union([z.string(), z.boolean()]));
const rule = z.record(z.string(), z.union([z.string(), z.boolean(), nested]));

/** What a certificate must be besides well issued; null: nothing is asked for. */
export const identityRules = {
  allowedSANs: z.array(rule).nullable().describe('Rules in the words of the configuration; any of them suffices.'),
  allowedFingerprints: z.array(z.string()).nullable(),
  allowedSPKI: z.array(z.string()).nullable(),
};

const address = z.strictObject({
  address: z.string(),
  weight: z.int(),
  backup: z.boolean(),
  state: z
    .enum(['up', 'partly', 'down', 'unknown'])
    .describe('partly: not every worker reaches it. unknown: no route uses the service, so nobody connects.'),
  since: z.iso.datetime().nullable(),
  down: z.strictObject({ code: z.string(), detail: z.string(), help: z.string() }).nullable(),
});

/** Without `id`, `origin` and `usedBy`. */
export const serviceFields = {
  source: z.enum(['dns', 'static']),
  protocol: z.enum(['auto', 'http1', 'http2']),
  addresses: z.array(address),
  tls: z.strictObject({
    mode: z.enum(['off', 'tls', 'mtls']),
    certificateId: z.string().nullable(),
    caBundle: z.string().nullable(),
    serverName: z.string().nullable().describe('Null: the host of the address.'),
    verified: z.boolean(),
    notVerifiedBecause: z.string().nullable(),
    nameCheck: z.enum(['san', 'commonName']),
    minVersion: z.string(),
    maxVersion: z.string(),
    ...identityRules,
    crl: z.boolean().describe('Revocation lists are looked at.'),
  }),
  healthCheck: z
    .strictObject({
      path: z.string(),
      intervalMs: z.int(),
      timeoutMs: z.int(),
      healthyThreshold: z.int(),
      unhealthyThreshold: z.int(),
    })
    .nullable()
    .describe('Null: an address is down after failed connections only.'),
};

/** Backends by route and address. */
export type BackendIndex = ReadonlyMap<string, BackendStatus>;

const known = new WeakMap<GatewayStatus, BackendIndex>();

export function indexBackends(status: GatewayStatus): BackendIndex {
  const index = known.get(status) ?? new Map(status.backends.map((one) => [`${one.route}\n${one.label}`, one]));
  known.set(status, index);
  return index;
}

export function showService({ addresses, usedBy, ...rest }: ServiceView, status: GatewayStatus): object {
  const index = indexBackends(status);
  // All of its routes reach it in the same way.
  const route = usedBy.find(({ kind }) => kind === 'routes')?.id;
  const shown = addresses.map((one): z.output<typeof address> => {
    const found = route === undefined ? undefined : index.get(`${route}\n${one.address}`);
    return {
      ...one,
      state: found?.state ?? 'unknown',
      since: found === undefined ? null : timeOf(found.since),
      down: found?.down ?? null,
    };
  });
  return { ...rest, addresses: shown, usedBy };
}
