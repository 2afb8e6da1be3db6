// Traces: whose word counts for the trace, what a collector gets over OTLP/HTTP, what a backend is told; and that a collector which
// is away costs no request.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Backend, headerValues, type Received, startBackend } from '../support/backend.ts';
import { curl, type CurlResult } from '../support/curl.ts';
import { findFreePort } from '../support/free-port.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { eventually } from '../support/wait-for.ts';

type Attribute = { readonly key: string; readonly value: Readonly<Record<string, unknown>> };
type OtlpSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly kind: number;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status?: { readonly code: number };
};

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let backend: Backend;
let collector: Backend;
let gateway: Gateway;

const configOf = (tracing: string): string => `version: 2
gateway:
  accessLog: {enabled: false}
  tracing: ${tracing}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: false}
  routes:
    - {name: open, path: /open, hosts: [localhost], target: "http://127.0.0.1:${backend.port}", security: {clientCert: {required: false}}}
    - {name: guarded, path: /guarded, hosts: [localhost], target: "http://127.0.0.1:${backend.port}", security: {clientCert: {required: true}}}
    - {name: dead, path: /dead, hosts: [localhost], target: "http://127.0.0.1:1"}
`;

before(async () => {
  pki = stack.use(await openPki());
  backend = stack.use(await startBackend());
  const { chainPem: cert, keyPem: key } = await pki.servers.issueFiles('collector', {
    kind: 'server',
    sans: ['localhost'],
  });
  collector = stack.use(await startBackend({ tls: { cert, key } }));
  const endpoint = `https://localhost:${collector.port}/v1/traces`;
  gateway = stack.use(
    await startGateway({
      yaml: configOf(
        `{endpoint: "${endpoint}", sample: 0, ca: servers-ca.crt, headers: [{name: Api-Key, value: "s3cret-key"}]}`,
      ),
      dir: pki.dir,
    }),
  );
});

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';
const parent = (flags = '01', id = traceId): string => `00-${id}-${parentId}-${flags}`;

type Asked = { readonly headers?: Readonly<Record<string, string>>; readonly anonymous?: true };

const ask = async (path: string, { headers = {}, anonymous }: Asked = {}): Promise<CurlResult> =>
  curl(`https://localhost:${gateway.ports.webSecure}${path}`, {
    ca: pki.servers.file,
    headers,
    ...(anonymous === undefined && { cert: pki.alice.cert, key: pki.alice.key }),
  });

/** What the backend got of the request with this path. */
const received = async (path: string): Promise<Received> => backend.requests.waitFor(({ url }) => url === path);
const told = async (path: string): Promise<string[]> => headerValues(await received(path), 'traceparent');

const bodies = (): {
  readonly resourceSpans: readonly [
    { resource: { attributes: Attribute[] }; scopeSpans: readonly [{ spans: OtlpSpan[] }] },
  ];
}[] => collector.requests.items.map(({ body }) => JSON.parse(body.toString()));
const spans = (): OtlpSpan[] =>
  bodies().flatMap(
    ({
      resourceSpans: [
        {
          scopeSpans: [{ spans: all }],
        },
      ],
    }) => all,
  );
const attribute = ({ attributes }: Pick<OtlpSpan, 'attributes'>, name: string): unknown => {
  const value = attributes.find(({ key }) => key === name)?.value ?? {};
  return Object.values(value)[0];
};

/** Both spans of a request, the server's first. */
const spansOf = async (path: string, count: number): Promise<OtlpSpan[]> =>
  eventually(
    () => {
      const arrived = spans();
      const server = arrived.find((span) => attribute(span, 'url.path') === path);
      const all = arrived.filter((span) => span === server || span.parentSpanId === server?.spanId);
      return server !== undefined && all.length === count && [server, ...all.filter((span) => span !== server)];
    },
    { what: `the spans of ${path}` },
  );

describe('a trace', () => {
  it('that a verified client brings is followed: spans with both identities, and the backend below them', async () => {
    const headers = { traceparent: parent(), tracestate: 'rojo=00f067' };
    assert.equal((await ask('/open/followed?token=x', { headers })).status, 200);
    const [server, client] = await spansOf('/open/followed', 2);
    assert.ok(server !== undefined && client !== undefined);
    assert.deepEqual(
      [server.traceId, server.parentSpanId, server.kind, server.name, server.traceState],
      [traceId, parentId, 2, 'GET open', 'rojo=00f067'],
    );
    assert.deepEqual([client.traceId, client.kind, server.status], [traceId, 3, undefined]);
    for (const [name, value] of [
      ['http.response.status_code', '200'],
      ['url.scheme', 'https'],
      ['tls.client.subject', 'CN=alice'],
      ['countersign.route', 'open'],
      ['countersign.policy', 'gateway'],
    ] as const) {
      assert.equal(attribute(server, name), value, name);
    }
    assert.deepEqual(attribute(server, 'countersign.uris'), {
      values: [{ stringValue: 'spiffe://example.org/alice' }],
    });
    assert.equal(attribute(client, 'server.port'), String(backend.port));
    assert.deepEqual(await told('/open/followed?token=x'), [`00-${traceId}-${client.spanId}-01`]);
    assert.deepEqual(headerValues(await received('/open/followed?token=x'), 'tracestate'), ['rojo=00f067']);
    const [began, ended] = [BigInt(server.startTimeUnixNano), BigInt(server.endTimeUnixNano)];
    assert.ok(began <= ended && BigInt(client.startTimeUnixNano) >= began - 1_000_000n);
    const sent = collector.requests.items[0];
    assert.ok(sent !== undefined);
    assert.deepEqual([sent.method, sent.url], ['POST', '/v1/traces']);
    assert.deepEqual(headerValues(sent, 'api-key'), ['s3cret-key']);
    assert.ok(!collector.requests.items.some(({ body }) => body.includes('token=x')), 'a query is where secrets are');
    const [{ resource }] = bodies()[0]?.resourceSpans ?? [{ resource: { attributes: [] } }];
    assert.equal(attribute(resource, 'service.name'), 'countersign');
  });

  it('that nobody verified brings is not: a new one begins, and its sender cannot have it recorded', async () => {
    await ask('/open/anonymous', { headers: { traceparent: parent(), tracestate: 'rojo=1' }, anonymous: true });
    const [header = '', ...more] = await told('/open/anonymous');
    assert.deepEqual(more, []);
    assert.match(header, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assert.ok(!header.includes(traceId));
    assert.deepEqual(headerValues(await received('/open/anonymous'), 'tracestate'), []);
  });

  it('that is not to be recorded goes on as it came', async () => {
    await ask('/open/quiet', { headers: { traceparent: parent('00') } });
    assert.deepEqual(await told('/open/quiet'), [parent('00')]);
  });

  it('that is not well formed, or comes twice, is none', async () => {
    for (const [path, traceparent] of [
      ['/open/zeros', parent('01', '0'.repeat(32))],
      ['/open/more', `${parent()}-x`],
    ] as const) {
      await ask(path, { headers: { traceparent } });
      assert.match((await told(path)).join(), /^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    }
    await curl(`https://localhost:${gateway.ports.webSecure}/open/twice`, {
      ca: pki.servers.file,
      cert: pki.alice.cert,
      key: pki.alice.key,
      args: ['-H', `traceparent: ${parent()}`, '-H', `traceparent: ${parent()}`],
    });
    const [header = '', ...more] = await told('/open/twice');
    assert.deepEqual(more, []);
    assert.ok(!header.includes(traceId));
  });

  it('says why a request was refused, and by whom', async () => {
    const refused = { traceparent: parent('01', 'a'.repeat(32)) };
    assert.equal((await ask('/dead/end', { headers: refused })).status, 502);
    const [server, client] = await spansOf('/dead/end', 2);
    assert.ok(server !== undefined && client !== undefined);
    assert.equal(attribute(server, 'error.type'), attribute(client, 'error.type'));
    assert.equal(attribute(server, 'error.type'), 'refused');
    assert.deepEqual([server.status, client.status], [{ code: 2 }, { code: 2 }]);
    assert.equal((await ask('/nowhere', { headers: refused })).status, 404);
    const [lost] = await spansOf('/nowhere', 1);
    assert.ok(lost !== undefined);
    assert.equal(lost.status, undefined, 'what the client did is no error of the server');
    assert.equal(attribute(lost, 'error.type'), 'no_route');
  });
});

describe('a collector', () => {
  it('that is away costs no request; what was kept arrives when it is back, and the key is in no log', async () => {
    const port = await findFreePort();
    await using other = await startGateway({
      yaml: configOf(`{endpoint: "http://127.0.0.1:${port}/v1/traces", sample: 1, followFrom: everybody}`),
      dir: pki.dir,
    });
    const askOther = async (path: string): Promise<number> =>
      (await curl(`https://localhost:${other.ports.webSecure}${path}`, { ca: pki.servers.file })).status;
    assert.equal(await askOther('/open/kept'), 200);
    await other.waitForLog(({ msg }) => msg.startsWith('the collector did not take spans'));
    assert.equal(await askOther('/open/kept-too'), 200);
    await using late = await startBackend({ port });
    const arrived = (path: string): boolean => late.requests.items.some(({ body }) => body.includes(`"${path}"`));
    await eventually(() => arrived('/open/kept') && arrived('/open/kept-too'), {
      what: 'the spans that were kept',
    });
    const metrics = (await other.admin('/metrics')).body;
    assert.match(metrics, /^countersign_spans_total\{result="exported"\} [1-9]/m);
    assert.ok(!JSON.stringify(gateway.log.items).includes('s3cret-key'));
  });

  it('that has another certificate than is expected gets nothing', async () => {
    const { length } = collector.requests;
    await using other = await startGateway({
      yaml: configOf(`{endpoint: "https://localhost:${collector.port}/v1/traces", sample: 1, ca: clients-ca.crt}`),
      dir: pki.dir,
    });
    await curl(`https://localhost:${other.ports.webSecure}/open/untrusted`, { ca: pki.servers.file });
    const line = await other.waitForLog(({ msg }) => msg.startsWith('the collector did not take spans'));
    assert.match(String(line['problem']), /CERT|SIGNATURE|certificate/i);
    assert.equal(collector.requests.length, length);
  });
});
