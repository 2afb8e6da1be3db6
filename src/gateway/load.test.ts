// From files to everything that `run` needs: what is there when all is well, and each way in which it is not.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { mintCa, type TestCa } from '../certs/test-ca.ts';
import { compilePolicies } from './compile-policies.ts';
import { loadConfig } from '../config/load-config.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadGateway, type LoadedResult, type LoadOptions } from '../loading/load.ts';

const dayMs = 86_400_000;
const listen = 'entryPoints: {web: {enabled: false}, webSecure: {address: "127.0.0.1:0"}, admin: {enabled: false}}';
const route = 'routes: [{name: r, path: /, hosts: [a.test], target: "http://127.0.0.1:1"}]';

type Stage = {
  readonly ca: TestCa;
  readonly write: (name: string, content: string) => string;
  /** Loads a configuration whose `gateway.tls` is `tls` (flow style) and whose `gateway` has further lines. */
  readonly load: (tls: string, more?: { routes?: string; options?: Partial<LoadOptions> }) => Promise<LoadedResult>;
};

async function open(t: TestContext): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-load-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const ca = await mintCa({ cn: 'Root' });
  const write = (name: string, content: string): string => {
    const file = join(dir, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  };
  const server = await ca.issue({ kind: 'server', sans: ['a.test', '10.0.0.1', 'spiffe://x/gateway'] });
  write('ca.crt', ca.certPem);
  write('a.crt', server.chainPem);
  write('a.key', server.keyPem);
  return {
    ca,
    write,
    load: async (tls, { routes = route, options = {} } = {}) => {
      const file = write('gateway.yml', `version: 2\ngateway:\n  ${listen}\n  tls: ${tls}\n  ${routes}\n`);
      return loadGateway(new FileSource(file), {
        env: {},
        strict: true,
        clock: systemClock,
        read: loadConfig,
        ...options,
      });
    },
  };
}

const codes = ({ problems }: LoadedResult, severity: 'error' | 'warning'): string[] =>
  problems.filter((problem) => problem.severity === severity).map((problem) => problem.code);
const names = (paths: readonly string[]): string[] => paths.map((path) => path.split('/').at(-1) ?? '').toSorted();

const good = '{certificates: [{cert: a.crt, key: a.key}], clientAuth: {clientCA: ca.crt, required: true}}';

describe('a configuration whose files are all good', () => {
  it('is there with its certificates, anchors, expiry dates and everything to watch', async (t) => {
    const { load } = await open(t);
    const result = await load(good);
    assert.deepEqual(codes(result, 'error'), []);
    const [policy] = result.loaded?.policies ?? [];
    assert.deepEqual(policy?.certificates[0]?.names, ['a.test', '10.0.0.1']);
    assert.deepEqual(policy?.certificates[0]?.uris, ['spiffe://x/gateway']);
    assert.equal(policy?.anchors?.length, 1);
    assert.deepEqual(names(result.watch), ['a.crt', 'a.key', 'ca.crt', 'gateway.yml']);
    const roles = result.loaded?.expiries.map(({ role, subject }) => `${role} ${subject}`);
    assert.deepEqual(roles, ['anchor CN=Root', 'server CN=a.test']);
  });

  it('crosses a process boundary as it is', async (t) => {
    const { load } = await open(t);
    const { loaded } = await load(good);
    assert.ok(loaded !== undefined);
    // What it was made from stays in the primary.
    const { inputs: _, ...sent } = loaded;
    assert.deepEqual(structuredClone(sent), sent);
  });

  it('finds pairs in certsDir by their names and leaves the rest', async (t) => {
    const { ca, load, write } = await open(t);
    for (const [name, host] of [
      ['one.crt', 'a.test'],
      ['two.pem', 'b.test'],
    ] as const) {
      const pair = await ca.issue({ kind: 'server', sans: [host] });
      write(`certs/${name}`, pair.chainPem);
      write(`certs/${name.replace(/\..*/, '.key')}`, pair.keyPem);
    }
    write('certs/lonely.crt', 'no key beside it');
    write('certs/notes.txt', 'x');
    const result = await load('{certsDir: certs}');
    assert.deepEqual(codes(result, 'error'), []);
    const found = result.loaded?.policies[0]?.certificates.map((pair) => pair.names[0]);
    assert.deepEqual(found, ['a.test', 'b.test']);
    assert.ok(result.watch.some((path) => path.endsWith('/certs')));
  });

  it('gives each policy its own certificates, or the shared ones', async (t) => {
    const { ca, load, write } = await open(t);
    const own = await ca.issue({ kind: 'server', sans: ['p.test'] });
    write('p.crt', own.chainPem);
    write('p.key', own.keyPem);
    const policies =
      '[{name: p, hosts: [p.test], certificates: [{cert: p.crt, key: p.key}]}, {name: q, hosts: [a.test]}]';
    const { loaded } = await load(`{certificates: [{cert: a.crt, key: a.key}], policies: ${policies}}`);
    const shown = loaded?.policies.map(({ config, certificates, anchors }) => [
      config.name,
      certificates[0]?.names[0],
      anchors,
    ]);
    assert.deepEqual(shown, [
      ['gateway', 'a.test', undefined],
      ['p', 'p.test', undefined],
      ['q', 'a.test', undefined],
    ]);
  });

  it('turns shared ticket keys into a secret, the same for the same file', async (t) => {
    const { load, write } = await open(t);
    write('tickets', 'k'.repeat(48));
    const tls = '{certificates: [{cert: a.crt, key: a.key}], sessionResumption: {keys: tickets}}';
    const [first, second] = [await load(tls), await load(tls)];
    assert.equal(first.loaded?.ticketSecret?.length, 32);
    assert.deepEqual(first.loaded.ticketSecret, second.loaded?.ticketSecret);
    assert.ok(first.watch.some((path) => path.endsWith('/tickets')));
  });
});

describe('what is doubtful', () => {
  it('is said of what has a third of its life left, and not of what has more', async (t) => {
    const { load, write } = await open(t);
    const at = (dayOfLife: number): { notBefore: number; notAfter: number } => {
      const notBefore = Date.now() - dayOfLife * dayMs;
      return { notBefore, notAfter: notBefore + 90 * dayMs };
    };
    for (const [day, expected] of [
      [59, []],
      [61, ['anchor_expires_soon', 'anchor_expires_soon', 'expires_soon', 'expires_soon']],
    ] as const) {
      const ca = await mintCa({ cn: 'Old', ...at(day) });
      const [server, client] = await Promise.all([
        ca.issue({ kind: 'server', sans: ['a.test'], ...at(day) }),
        ca.issue({ kind: 'client', cn: 'gateway', ...at(day) }),
      ]);
      write('old.crt', ca.certPem);
      write('backends.crt', `${ca.certPem}\n`);
      write('b.crt', server.chainPem);
      write('b.key', server.keyPem);
      write('c.crt', client.chainPem);
      write('c.key', client.keyPem);
      const leg2 = 'security: {tls: {rootCAs: backends.crt, clientCert: c.crt, clientKey: c.key}}';
      const result = await load(
        '{certificates: [{cert: b.crt, key: b.key}], clientAuth: {clientCA: old.crt, required: true}}',
        { routes: `routes: [{name: r, path: /, hosts: [a.test], target: "https://127.0.0.1:1", ${leg2}}]` },
      );
      assert.deepEqual(codes(result, 'warning').toSorted(), expected);
      assert.ok(result.problems.every(({ message }) => /expires in (?:28|29) days, on /.test(message)));
    }
  });

  it('is a warning: no certificate at all (one is made for this run), a host that none covers', async (t) => {
    const { load } = await open(t);
    const none = await load('{minVersion: TLSv1.3}');
    assert.ok(codes(none, 'warning').includes('self_signed'));
    assert.ok(none.loaded?.policies[0]?.certificates[0]?.names.includes('a.test'));
    const routes = route.replace('a.test', 'a.test, other.test, "*.a.test"');
    const uncovered = await load(good, { routes });
    const told = uncovered.problems.filter(({ code }) => code === 'host_not_covered').map(({ message }) => message);
    assert.equal(told.length, 2, told.join('\n'));
    assert.ok(uncovered.loaded !== undefined);
  });

  it('is an expired certificate of ours: an error at the start, a warning once we run', async (t) => {
    const { ca, load, write } = await open(t);
    const old = await ca.issue({
      kind: 'server',
      sans: ['a.test'],
      notBefore: Date.now() - 2 * dayMs,
      notAfter: Date.now() - dayMs,
    });
    write('a.crt', old.chainPem);
    write('a.key', old.keyPem);
    const atStart = await load(good);
    assert.deepEqual([codes(atStart, 'error'), atStart.loaded], [['expired'], undefined]);
    const atReload = await load(good, { options: { tolerateExpired: true } });
    assert.deepEqual(codes(atReload, 'error'), []);
    assert.ok(codes(atReload, 'warning').includes('expired'));
    assert.ok(atReload.loaded !== undefined);
  });
});

describe('what is wrong', () => {
  const rows: readonly { name: string; tls?: string; routes?: string; spoil?: (stage: Stage) => void; at: string }[] = [
    { name: 'a certificate that is not there', tls: '{certificates: [{cert: b.crt, key: a.key}]}', at: 'b.crt' },
    { name: 'a key that is not there', tls: '{certificates: [{cert: a.crt, key: b.key}]}', at: 'b.key' },
    { name: 'a CA file without a CA', spoil: ({ write }) => void write('ca.crt', 'nothing'), at: 'ca.crt' },
    { name: 'a folder that is not there', tls: '{certsDir: nowhere}', at: 'nowhere' },
    {
      name: 'ticket keys that are too short',
      tls: '{sessionResumption: {keys: tickets}}',
      spoil: ({ write }) => void write('tickets', 'short'),
      at: 'ticket keys',
    },
    { name: 'ticket keys that are not there', tls: '{sessionResumption: {keys: tickets}}', at: 'tickets' },
    {
      name: 'a CA for a backend that is not there',
      routes: route.replace('target', 'security: {tls: {rootCAs: nowhere.crt}}, target'),
      at: 'nowhere.crt',
    },
    {
      name: 'a client certificate for a backend that is not there',
      routes: route.replace('target', 'security: {tls: {clientCert: c.crt, clientKey: c.key}}, target'),
      at: 'c.crt',
    },
  ];
  for (const { name, tls = good, routes = route, spoil, at } of rows) {
    it(`is an error with its place: ${name}`, async (t) => {
      const stage = await open(t);
      spoil?.(stage);
      const result = await stage.load(tls, { routes });
      assert.equal(result.loaded, undefined);
      const error = result.problems.find((problem) => problem.severity === 'error' && problem.message.includes(at));
      assert.ok(error !== undefined, JSON.stringify(result.problems));
      assert.ok(error.place.file.endsWith('/gateway.yml') && error.place.line > 3);
      // What is repaired later must be seen: the file is watched although it is not there.
      if (at.includes('.'))
        assert.ok(
          result.watch.some((path) => path.endsWith(`/${at}`)),
          result.watch.join(' '),
        );
    });
  }

  it('comes all at once', async (t) => {
    const { load } = await open(t);
    const routes = route.replace(
      'target',
      'security: {tls: {rootCAs: n.crt, clientCert: c.crt, clientKey: c.key}}, target',
    );
    const result = await load('{certificates: [{cert: b.crt, key: b.key}], clientAuth: {clientCA: d.crt}}', { routes });
    const text = result.problems.map(({ message }) => message).join('\n');
    for (const file of ['b.crt', 'b.key', 'd.crt', 'n.crt', 'c.crt', 'c.key'])
      assert.ok(text.includes(file), `${file}\n${text}`);
  });

  it('is told without a throw where the file itself is not there', async () => {
    const result = await loadGateway(new FileSource('/nonexistent/gateway.yml'), {
      env: {},
      strict: false,
      clock: systemClock,
      read: loadConfig,
    });
    assert.deepEqual(
      [result.loaded, codes(result, 'error').length, result.watch],
      [undefined, 1, ['/nonexistent/gateway.yml']],
    );
  });
});

describe('whom a policy trusts', () => {
  const tls = (clientAuth: string): string =>
    `{certificates: [{cert: a.crt, key: a.key}], clientAuth: {required: true, ${clientAuth}}}`;
  const told = (result: LoadedResult): string[] =>
    result.problems
      .filter(({ code }) => code === 'partial_chain')
      .map(({ severity, message }) => `${severity} ${message}`);

  async function openBelow(t: TestContext): Promise<Stage> {
    const stage = await open(t);
    const issuing = await stage.ca.issueCa({ cn: 'Issuing' });
    const other = await mintCa({ cn: 'Other' });
    stage.write('issuing.crt', issuing.certPem);
    stage.write('both.crt', issuing.certPem + stage.ca.certPem);
    stage.write('other.crt', other.certPem);
    return stage;
  }

  it('is an intermediate without a root: a warning until it is said, an error where it is denied', async (t) => {
    const { load } = await openBelow(t);
    const unsaid = await load(tls('clientCA: issuing.crt'));
    assert.match(
      told(unsaid)[0] ?? '',
      /^warning policy gateway: clientCA holds no root CA: its intermediates are taken/,
    );
    assert.ok(unsaid.loaded !== undefined);
    const said = await load(tls('clientCA: issuing.crt, partialChain: true'));
    assert.deepEqual(told(said), []);
    assert.ok(said.loaded !== undefined);
    const denied = await load(tls('clientCA: issuing.crt, partialChain: false'));
    assert.match(told(denied)[0] ?? '', /^error .*nobody could be trusted/);
    assert.equal(denied.loaded, undefined);
    for (const partialChain of ['', ', partialChain: true', ', partialChain: false']) {
      const both = await load(tls(`clientCA: both.crt${partialChain}`));
      assert.deepEqual([told(both), both.loaded !== undefined], [[], true]);
    }
  });

  it('goes for backends as for clients', async (t) => {
    const { load } = await openBelow(t);
    const asks = async (more: string): Promise<LoadedResult> =>
      load(good, { routes: route.replace('target: "http', `security: {tls: {${more}}}, target: "https`) });
    const unsaid = await asks('rootCAs: issuing.crt');
    assert.match(told(unsaid)[0] ?? '', /^warning route r: rootCAs holds no root CA: its intermediates are taken/);
    assert.ok(unsaid.loaded !== undefined);
    const said = await asks('rootCAs: issuing.crt, partialChain: true');
    assert.deepEqual([told(said), said.loaded !== undefined], [[], true]);
    const denied = await asks('rootCAs: issuing.crt, partialChain: false');
    assert.match(told(denied)[0] ?? '', /^error route r: .*nobody could be trusted/);
    assert.equal(denied.loaded, undefined);
    for (const more of ['partialChain: true', 'rootCAs: ca.crt, insecureSkipVerify: true, partialChain: true'])
      assert.ok(codes(await asks(more), 'warning').includes('ignored_key'), more);
    assert.deepEqual(codes(await asks('rootCAs: ca.crt, partialChain: '), 'error'), ['empty_value']);
  });

  it('are the bundles of its trust domains, with or without clientCA, each on its own', async (t) => {
    const { load } = await openBelow(t);
    const spiffe = 'spiffe: {trustDomains: [a.org, b.org], bundles: {a.org: ca.crt, b.org: other.crt}}';
    const { loaded, problems, watch } = await load(tls(spiffe));
    assert.ok(loaded !== undefined, JSON.stringify(problems));
    const [policy] = loaded.policies;
    assert.deepEqual(policy?.anchors, []);
    assert.deepEqual(
      policy.trustDomains.map(({ trustDomain, caPem }) => [trustDomain, caPem.length]),
      [
        ['a.org', 1],
        ['b.org', 1],
      ],
    );
    assert.deepEqual(
      loaded.expiries.filter(({ role }) => role === 'anchor').map(({ subject }) => subject),
      ['CN=Root', 'CN=Other'],
    );
    assert.ok(['ca.crt', 'other.crt'].every((file) => names(watch).includes(file)));
    compilePolicies(loaded, Buffer.alloc(48, 1), { find: () => [] });
    const own = await load(tls(`clientCA: other.crt, ${spiffe.replace(', b.org: other.crt', '')}`));
    assert.deepEqual(
      own.loaded?.policies[0]?.trustDomains.map(({ trustDomain }) => trustDomain),
      ['a.org'],
    );
    const mixed = await load(tls(spiffe.replace('other.crt', 'issuing.crt')));
    assert.match(told(mixed)[0] ?? '', /^error policy gateway: the bundle of b\.org holds no root CA/);
    const gone = await load(tls(spiffe.replace('other.crt', 'gone.crt')));
    assert.deepEqual([gone.loaded, codes(gone, 'error')], [undefined, ['file_missing']]);
  });

  it('is more than TLS can tell a client where the names of the CAs do not fit into the handshake', async (t) => {
    const { write, load, ca } = await open(t);
    const many = async (count: number): Promise<string> => {
      const subject = (i: number): string => `/O=${'x'.repeat(60)}/CN=${String(i).padStart(60, '0')}`;
      const made = Array.from({ length: count }, async (_, i) => mintCa({ subject: subject(i), keyPem: ca.keyPem }));
      return (await Promise.all(made)).map(({ certPem }) => certPem).join('');
    };
    write('many.crt', await many(400));
    assert.deepEqual(codes(await load(tls('clientCA: many.crt')), 'error'), []);
    write('many.crt', await many(450));
    assert.deepEqual(codes(await load(tls('clientCA: many.crt')), 'error'), ['ca_names_too_large']);
  });
});

describe('the CRLs of a policy', () => {
  const withCrl = (crl: string): string =>
    `{certificates: [{cert: a.crt, key: a.key}], clientAuth: {clientCA: all.crt, required: true, crl: ${crl}}}`;
  const rows: readonly {
    name: string;
    crl: string;
    files: readonly ('root' | 'issuing')[];
    missing: readonly RegExp[];
  }[] = [
    { name: 'of each CA', crl: '{sources: crls}', files: ['root', 'issuing'], missing: [] },
    { name: 'of the issuing CA alone', crl: '{sources: crls}', files: ['issuing'], missing: [/"CN=Root"/] },
    {
      name: 'of the issuing CA, where that is enough',
      crl: '{sources: crls, scope: leaf}',
      files: ['issuing'],
      missing: [],
    },
    { name: 'of the root alone', crl: '{sources: crls, scope: leaf}', files: ['root'], missing: [/"CN=Issuing"/] },
    {
      name: 'where a missing one lets clients in',
      crl: '{sources: crls, onMissing: allow}',
      files: ['root'],
      missing: [],
    },
  ];
  for (const { name, crl, files, missing } of rows) {
    it(`${name} leave ${missing.length === 0 ? 'no CA' : 'a CA'} of which nothing is known`, async (t) => {
      const { ca, write, load } = await open(t);
      const issuing = await ca.issueCa({ cn: 'Issuing' });
      write('all.crt', ca.certPem + issuing.certPem);
      for (const file of files) {
        write(`crls/${file}.crl`, encodePem('X509 CRL', (file === 'root' ? ca : issuing).issueCrl()));
      }
      const result = await load(withCrl(crl));
      assert.notEqual(result.loaded, undefined, JSON.stringify(result.problems));
      const found = result.problems.filter((problem) => problem.code === 'crl_missing');
      assert.equal(found.length, missing.length, JSON.stringify(found));
      for (const [i, wanted] of missing.entries()) assert.match(found[i]?.message ?? '', wanted);
    });
  }
});

describe('material under an id', () => {
  const named = (more: string): string => `certificates: [{id: edge, cert: a.crt, key: a.key}${more}]
  caBundles: [{id: clients, ca: ca.crt}]
  ${route}`;
  const byId = '{certificateIds: [edge], clientAuth: {caBundles: [clients], required: true}}';

  it('is what policies get that name it, and is watched', async (t) => {
    const { load } = await open(t);
    const result = await load(byId, { routes: named('') });
    assert.deepEqual(codes(result, 'error'), []);
    const [policy] = result.loaded?.policies ?? [];
    assert.deepEqual(policy?.certificates[0]?.names, ['a.test', '10.0.0.1']);
    assert.equal(policy?.anchors?.length, 1);
    assert.deepEqual(names(result.watch), ['a.crt', 'a.key', 'ca.crt', 'gateway.yml']);
  });

  it('is checked where nobody names it yet: the next change may', async (t) => {
    const { load, write } = await open(t);
    write('b.crt', 'no certificate');
    write('b.key', 'no key');
    const result = await load(byId, { routes: named(', {id: next, cert: b.crt, key: b.key}') });
    assert.equal(result.loaded, undefined);
    assert.deepEqual([...new Set(result.problems.map(({ place }) => place.line))], [5]);
  });

  it('may be for either side as long as nobody says for which', async (t) => {
    const { load, write, ca } = await open(t);
    const client = await ca.issue({ kind: 'client', cn: 'us', sans: [] });
    write('b.crt', client.chainPem);
    write('b.key', client.keyPem);
    const result = await load(byId, { routes: named(', {id: client, cert: b.crt, key: b.key}') });
    assert.deepEqual(codes(result, 'error'), []);
  });
});
