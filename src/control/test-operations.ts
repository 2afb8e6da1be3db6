// A request that is tried: to this gateway's own entry points, with both handshakes step by step beside the answer.
import { z } from 'zod';
import { auditActor } from './caller.ts';
import { ladderStep, showStep } from './failed-handshake.ts';
import { type Operation, operation } from './operation.ts';
import { helpOfCode, isFaultCode, titleOfCode } from './seen-failure.ts';

const maxHeaders = 50;
const maxBodyLength = 64 * 1024;

/** Of one connection, or said by what is sent. */
const ownHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const header = z
  .tuple([
    z
      .string()
      .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, 'expected the name of a field')
      .refine((name) => !ownHeaders.has(name.toLowerCase()), 'this field belongs to the connection'),
    z.string().regex(/^[\x20-\x7e\t]{0,8192}$/, 'expected visible ASCII'),
  ])
  .describe('Name and value.');

const report = z.strictObject({
  entryPoint: z.string(),
  address: z.string().describe('That was connected to: an entry point of this gateway.'),
  durationMs: z.int(),
  client: z.array(ladderStep).describe('The handshake with the gateway, and its answer.'),
  match: z.looseObject({ reachesBackend: z.boolean() }).describe('Policy, route, rules: as routes:match tells it.'),
  backends: z
    .array(z.strictObject({ backend: z.string(), steps: z.array(ladderStep) }))
    .describe('A handshake with each backend of the route, beside the request, as the route makes it.'),
  answer: z
    .strictObject({
      status: z.int(),
      headers: z.array(z.tuple([z.string(), z.string()])),
      text: z.string().nullable().describe('Null where it is no plain text: then base64 has it.'),
      base64: z.string().nullable(),
      bytes: z.int(),
      truncated: z.boolean().describe('There was more than the first 16 KiB.'),
    })
    .nullable()
    .describe('Null: there was none.'),
  code: z.string().nullable().describe('Of the fault table, where the gateway refused it.'),
  title: z.string().nullable(),
  help: z.string().nullable(),
  curl: z.string().describe('The same request by hand; FILE stands for what is not told.'),
  openssl: z.string().nullable(),
});

const sendTestRequest = operation({
  id: 'sendTestRequest',
  method: 'POST',
  path: '/test-requests',
  act: 'requests.test',
  summary: "Sends one request to this gateway's own entry point, and shows both handshakes, the route and the answer.",
  body: z.strictObject({
    url: z
      .url({ protocol: /^https?$/ })
      .max(8192)
      .refine((url) => !/^\w+:[/]{2}[^/?#]*@/.test(url), 'expected no credentials in it')
      .describe('Host and path: wherever the name leads, it goes to this gateway.'),
    method: z
      .string()
      .regex(/^(?!CONNECT$|TRACE$)[A-Z][A-Z-]{0,31}$/, 'expected a method of HTTP, other than CONNECT and TRACE')
      .default('GET'),
    headers: z.array(header).max(maxHeaders).default([]),
    body: z.string().max(maxBodyLength).nullable().default(null),
    clientCertificateId: z.string().max(200).nullable().default(null).describe('Null: no certificate is shown.'),
    entryPoint: z.string().max(100).optional(),
  }),
  answer: { status: 200, body: report },
  examples: [
    {
      name: 'with a certificate',
      body: { url: 'https://shop.test/orders', clientCertificateId: 'spare' },
      status: 200,
    },
    { name: 'no URL', body: { url: 'shop.test' }, status: 422 },
    {
      name: 'another host in a field',
      body: { url: 'https://shop.test/', headers: [['Host', 'x.test']] },
      status: 422,
    },
    { name: 'a tunnel', body: { url: 'https://shop.test/', method: 'CONNECT' }, status: 422 },
  ],
  run: async ({ context: { ask, store }, caller, body }) => {
    const { url, method, headers, body: sent, clientCertificateId, entryPoint } = body;
    const { host, pathname } = new URL(url);
    await store.audit.note({
      ...auditActor(caller),
      action: 'request.test',
      subject: 'requests/test',
      // A query and fields may hold secrets.
      detail: { method, host, path: pathname.slice(0, 500), certificate: clientCertificateId },
    });
    const told = await ask('test', {
      method,
      url,
      headers,
      body: sent,
      certificateId: clientCertificateId,
      entryPoint,
    });
    const { steps, backends, code, answer, ...rest } = told;
    const shown: z.output<typeof report> = {
      ...rest,
      match: { ...rest.match },
      client: steps.map(showStep),
      backends: backends.map((one) => ({ backend: one.backend, steps: one.steps.map(showStep) })),
      answer: answer && { ...answer, headers: answer.headers.map(([name, value]) => [name, value]) },
      code,
      title: code === null ? null : titleOfCode(code, sourceOf(answer?.status)),
      help: code === null || !isFaultCode(code) ? null : helpOfCode(code, sourceOf(answer?.status)),
    };
    return { status: 200, body: shown };
  },
});

/** A gateway answers with 502 and above for what its backend did. */
function sourceOf(status: number | undefined): 'client' | 'backend' {
  return status !== undefined && status >= 502 ? 'backend' : 'client';
}

export const testOperations: readonly Operation[] = [sendTestRequest];
