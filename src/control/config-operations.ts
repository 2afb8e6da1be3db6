// What runs: certificates, CA bundles, services, routes and policies of the active configuration, read-only where the file has
// them, with their place; and what can be asked about them without changing anything.
import { z } from 'zod';
import type { StoredObject } from '../store/object.ts';
import { ApiProblem } from './api-problem.ts';
import { certificateOperations } from './certificate-operations.ts';
import { certificateFacts, factsOf, showFacts } from './certificate-facts.ts';
import { inspectUpload } from './inspect.ts';
import { type Answer, type Operation, operation } from './operation.ts';
import { cutPage, pageOf, pageQuery, type PageQuery, showPage } from './pages.ts';
import { shownPair, showPair } from './shown-pair.ts';
import { probeOperations } from './probe-operations.ts';
import { bundleOperations } from './bundle-operations.ts';
import { identityRules, serviceFields, showService } from './service-shape.ts';
import { itemSchema, oneSchema, origin, etagOfObject, showRunning, showStopped, valueOf } from './stored-parts.ts';
import { maxFileLength, toUploads, uploadFiles, uploadPassword } from './uploads.ts';
import { versionOperations } from './version-operations.ts';
import type { CaBundleView, CertificateView, ConfigView } from './view.ts';
import { type WrittenKind, writeOperations } from './write-resources.ts';
import type { ControlContext } from './control-context.ts';
import type { GatewayStatus } from './gateway-status.ts';

/** Who delivers it while the gateway runs: `edge (spiffe)`; null: it is as it is written. */
const source = z.string().nullable();
const usedBy = z.array(z.strictObject({ kind: z.enum(['services', 'policies', 'routes', 'alerts']), id: z.string() }));
const certificate = z.strictObject({
  id: z.string(),
  origin,
  chain: z.array(certificateFacts).describe('As it is sent, leaf first.'),
  source,
  usedBy,
});
const caBundle = z.strictObject({ id: z.string(), origin, source, certificates: z.array(certificateFacts), usedBy });
const service = z.strictObject({ id: z.string(), origin, ...serviceFields, usedBy });
const route = z.strictObject({
  id: z.string(),
  origin,
  hosts: z.array(z.string()),
  path: z.string(),
  methods: z.array(z.string()),
  priority: z.int(),
  service: z.string().nullable(),
  backends: z.array(z.string()),
  middlewares: z.array(z.strictObject({ name: z.string(), type: z.string() })),
  requiresClientCertificate: z.boolean().nullable().describe('Null: as the policy says.'),
});
const policy = z.strictObject({
  id: z.string(),
  origin,
  hosts: z.array(z.string()),
  clientCertificate: z.enum(['required', 'optional', 'off']),
  caBundles: z.array(z.string()),
  certificates: z.array(z.string()),
  shows: z.array(shownPair).describe('Certificates that clients are shown, by the name that they ask for.'),
  minVersion: z.string(),
  maxVersion: z.string(),
  ...identityRules,
  trustDomains: z.array(z.string()).describe('SPIFFE trust domains that are let in.'),
  crl: z.boolean().describe('Revocation lists are looked at.'),
  ocsp: z.enum(['soft', 'hard']).nullable(),
});

const middleware = z.strictObject({ id: z.string(), origin, type: z.string(), usedBy });

function showCertificate(view: CertificateView, now: number): object {
  const { chainPem, ...rest } = view;
  return { ...rest, chain: factsOf(view, chainPem, now) };
}

function showBundle(view: CaBundleView, now: number): object {
  const { caPem, ...rest } = view;
  return { ...rest, certificates: factsOf(view, caPem.join('\n'), now) };
}

type Kind<T extends { readonly id: string }> = {
  /** For operation ids: `Certificate`. */
  readonly noun: string;
  readonly plural: string;
  readonly path: string;
  /** As the store calls it. */
  readonly kind: WrittenKind['kind'];
  readonly schema: z.ZodObject;
  readonly of: (view: ConfigView) => readonly T[];
  readonly show: (one: T, now: number) => object;
  /** Instead, for what is shown with its state at this moment. */
  readonly showLive?: (one: T, status: GatewayStatus) => object;
};

/** The list and the single object, which read alike for all kinds. */
function readOperations<T extends { readonly id: string }>({
  noun,
  plural,
  path,
  kind,
  schema,
  of,
  show,
  showLive,
}: Kind<T>): Operation[] {
  const act = 'config.read' as const;
  const shower = async ({ clock, status }: ControlContext): Promise<(one: T) => object> => {
    if (showLive === undefined) return (one) => show(one, clock.now());
    const live = await status();
    return (one) => showLive(one, live);
  };
  const listed = async (context: ControlContext, query: PageQuery): Promise<Answer> => {
    const [view, stored, shown] = await Promise.all([context.view(), context.stored.read(), shower(context)]);
    const running = of(view);
    const known = new Set(running.map(({ id }) => id));
    const stopped = stored.list(kind).filter(({ id }) => !known.has(id));
    const all: readonly (T | StoredObject)[] = [...running, ...stopped];
    const show = (one: T | StoredObject): object =>
      'body' in one ? showStopped(one, stored) : showRunning(shown(one), stored.find({ kind, id: one.id }));
    return { status: 200, body: showPage(path, cutPage(path, all, query), show) };
  };
  return [
    operation({
      id: `list${plural}`,
      method: 'GET',
      path: `/${path}`,
      act,
      summary: `What runs, and what is stored and does not: ${path}.`,
      query: pageQuery,
      answer: { status: 200, body: pageOf(itemSchema(schema)) },
      examples: [
        { name: 'all', status: 200 },
        { name: 'one by one', query: { limit: '1' }, status: 200 },
      ],
      run: async ({ context, query }) => listed(context, query),
    }),
    operation({
      id: `get${noun}`,
      method: 'GET',
      path: `/${path}/{id}`,
      act,
      summary: `One of the ${path}.`,
      answer: { status: 200, body: oneSchema(schema) },
      examples: [{ name: 'none', params: { id: 'there-is-none' }, status: 404 }],
      run: async ({ context, params: { id = '' } }) => {
        const state = await context.stored.read();
        const stored = state.find({ kind, id });
        const found = of(await context.view()).find((one) => one.id === id);
        if (found === undefined && stored === undefined)
          throw new ApiProblem('not_found', `Nothing of this id is among the ${path}.`);
        const shown = found === undefined ? undefined : showRunning((await shower(context))(found), stored);
        const body = { ...(shown ?? (stored && showStopped(stored, state))), value: valueOf(stored) };
        return { status: 200, body, etag: etagOfObject(stored, body) };
      },
    }),
  ];
}

const problem = z.strictObject({
  severity: z.enum(['error', 'warning']),
  code: z.string(),
  message: z.string(),
  hint: z.string(),
});

const inspectCertificates = operation({
  id: 'inspectCertificates',
  method: 'POST',
  path: '/certificates:inspect',
  act: 'certificates.inspect',
  summary: 'Reads and lints what somebody is about to upload. Stores nothing.',
  body: z.strictObject({
    use: z.enum(['server', 'client', 'any', 'ca']).describe('Shown to clients, to backends, to either, or trusted.'),
    files: uploadFiles,
    password: uploadPassword.optional(),
  }),
  answer: {
    status: 200,
    body: z.strictObject({
      usable: z.boolean(),
      certificates: z.array(certificateFacts),
      key: z.enum(['fits', 'none', 'other']).nullable(),
      problems: z.array(problem),
    }),
  },
  examples: [
    { name: 'no PEM', body: { use: 'server', files: [{ name: 'a.pem', text: 'hello' }] }, status: 200 },
    { name: 'bytes', body: { use: 'ca', files: [{ name: 'a.der', base64: 'AAAA' }] }, status: 200 },
    { name: 'nothing', body: { use: 'server', files: [] }, status: 422 },
    { name: 'both at once', body: { use: 'ca', files: [{ name: 'a', text: 'a', base64: 'AAAA' }] }, status: 422 },
  ],
  run: async ({ context: { clock }, body: { use, files, password } }) => {
    const now = clock.now();
    const { usable, certificates, key, problems } = await inspectUpload(toUploads(files), { use, password, now });
    const shown = problems.map(({ severity, code, message, hint }) => ({ severity, code, message, hint }));
    return {
      status: 200,
      body: { usable, certificates: certificates.map((facts) => showFacts(facts, now)), key, problems: shown },
    };
  },
});

const matchRoutes = operation({
  id: 'matchRoutes',
  method: 'POST',
  path: '/routes:match',
  act: 'routes.match',
  summary: 'Which policy, route and backend a request would meet, and why every other route loses.',
  body: z.strictObject({
    method: z.string().regex(/^[A-Za-z-]{1,32}$/, 'expected a method of HTTP'),
    url: z.url({ protocol: /^https?$/ }).max(8192),
    headers: z.array(z.string().max(8192)).max(100).default([]).describe('Fields of the request: `name: value`.'),
    entryPoint: z.string().max(100).optional(),
    certificate: z.string().max(maxFileLength).optional().describe('Of the client: PEM, with its intermediates.'),
  }),
  answer: { status: 200, body: z.looseObject({ reachesBackend: z.boolean() }) },
  examples: [
    { name: 'a host that nobody has', body: { method: 'GET', url: 'https://nobody.invalid/' }, status: 200 },
    { name: 'no URL', body: { method: 'GET', url: 'orders' }, status: 422 },
  ],
  run: async ({ context: { ask }, body }) => ({ status: 200, body: await ask('match', body) }),
});

const writtenKinds: readonly WrittenKind[] = [
  {
    noun: 'Service',
    path: 'services',
    kind: 'services',
    example: { id: 'example', value: { address: 'a.test:8443', tls: { mode: 'tls', caBundle: 'system' } } },
  },
  {
    noun: 'Route',
    path: 'routes',
    kind: 'routes',
    example: { id: 'example', value: { path: '/example', hosts: ['example.test'], service: 'orders' } },
  },
  {
    noun: 'Policy',
    path: 'policies',
    kind: 'policies',
    example: {
      id: 'example',
      value: { hosts: ['example.test'], clientAuth: { caBundles: ['internal'], required: true } },
    },
  },
  {
    noun: 'Middleware',
    path: 'middlewares',
    kind: 'middlewares',
    example: { id: 'example', value: { type: 'rateLimit', rule: { unit: 'minute', requestsPerUnit: 60 } } },
  },
];

export const configOperations: readonly Operation[] = [
  ...readOperations({
    noun: 'Certificate',
    plural: 'Certificates',
    path: 'certificates',
    kind: 'certificates',
    schema: certificate,
    of: ({ certificates }) => certificates,
    show: showCertificate,
  }),
  ...certificateOperations,
  ...versionOperations({
    noun: 'Certificate',
    path: 'certificates',
    kind: 'certificates',
    act: 'certificates.write',
  }),
  inspectCertificates,
  ...readOperations({
    noun: 'CaBundle',
    plural: 'CaBundles',
    path: 'ca-bundles',
    kind: 'caBundles',
    schema: caBundle,
    of: ({ caBundles }) => caBundles,
    show: showBundle,
  }),
  ...bundleOperations,
  ...versionOperations({ noun: 'CaBundle', path: 'ca-bundles', kind: 'caBundles', act: 'config.write' }),
  ...readOperations({
    noun: 'Service',
    plural: 'Services',
    path: 'services',
    kind: 'services',
    schema: service,
    of: ({ services }) => services,
    show: (one) => one,
    showLive: showService,
  }),
  ...probeOperations,
  ...readOperations({
    noun: 'Route',
    plural: 'Routes',
    path: 'routes',
    kind: 'routes',
    schema: route,
    of: ({ routes }) => routes,
    show: (one) => one,
  }),
  matchRoutes,
  ...readOperations({
    noun: 'Policy',
    plural: 'Policies',
    path: 'policies',
    kind: 'policies',
    schema: policy,
    of: ({ policies }) => policies,
    show: (one, now) => ({ ...one, shows: one.shows.map((pair) => showPair(pair, now)) }),
  }),
  ...readOperations({
    noun: 'Middleware',
    plural: 'Middlewares',
    path: 'middlewares',
    kind: 'middlewares',
    schema: middleware,
    of: ({ middlewares }) => middlewares,
    show: (one) => one,
  }),
  ...writtenKinds.flatMap(writeOperations),
];
