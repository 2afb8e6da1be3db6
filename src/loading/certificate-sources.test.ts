import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { openTempDir } from '../../test/support/temp.ts';
import { systemClock } from '../base/clock.ts';
import { mintCa } from '../certs/test-ca.ts';
import { loadConfig } from '../config/load-config.ts';
import type { StoredDocument } from '../config/stored-objects.ts';
import { SourcePublisher } from '../sources/publisher.ts';
import { FileSource } from './file-source.ts';
import { loadDeliveries, loadGateway, type LoadOptions } from './load.ts';
import { ProposedSource } from './proposed-source.ts';

const route = `  routes: [{name: r, path: /, hosts: [a.test], target: "http://127.0.0.1:9"}]\n`;

async function open(t: TestContext) {
  const dir = openTempDir('sources');
  const ca = await mintCa({ cn: 'Issuer' });
  const env: Record<string, string> = {};
  const publisher = new SourcePublisher({ clock: systemClock, env: {} });
  t.after(() => {
    publisher.close();
    dir.remove();
  });
  const issue = async (name: string): Promise<{ certPem: string; keyPem: string }> => {
    const issued = await ca.issue({ kind: 'server', cn: name, sans: ['a.test'] });
    dir.write(`${name}.crt`, issued.certPem);
    dir.write(`${name}.key`, issued.keyPem);
    return issued;
  };
  const load = async (yaml: string, more: Partial<LoadOptions> = {}) => {
    const file = dir.write('gateway.yml', `gateway:\n${yaml}${route}`);
    return loadGateway(new FileSource(file), { env, strict: true, clock: systemClock, read: loadConfig, ...more });
  };
  const loadStored = async (...objects: StoredDocument[]) => {
    const file = dir.write('gateway.yml', `gateway:\n${route}`);
    const proposal = { file, name: 'revision 2', objects, sealed: new Map(), opener: undefined };
    return loadGateway(new ProposedSource(proposal), { env, strict: true, clock: systemClock, read: loadConfig });
  };
  return { dir, ca, env, publisher, issue, load, loadStored };
}

type Loaded = Awaited<ReturnType<typeof loadGateway>>;
const errors = ({ problems }: Loaded): string[] =>
  problems.flatMap(({ severity, code, place }) => (severity === 'error' ? [`${code} ${place.line}:${place.col}`] : []));
const served = ({ loaded }: Pick<Loaded, 'loaded'>): string | undefined =>
  loaded?.policies[0]?.certificates[0]?.subject;

describe('a certificate in a PKCS #12 file', () => {
  async function withFile(t: TestContext) {
    const setup = await open(t);
    const { dir } = setup;
    await setup.issue('edge');
    const files = ['-inkey', dir.file('edge.key'), '-in', dir.file('edge.crt'), '-out', dir.file('edge.p12')];
    assert.equal(spawnSync('openssl', ['pkcs12', '-export', ...files, '-passout', 'pass:geheim-12']).status, 0);
    return setup;
  }

  it('is served as one of two files is, under an id and inline, and its file is watched', async (t) => {
    const { load, env, dir } = await withFile(t);
    env['PASSWORD'] = 'geheim-12';
    for (const yaml of [
      `  tls: {certificates: [{p12: edge.p12, password: "\${PASSWORD}"}]}\n`,
      `  certificates: [{id: e, p12: edge.p12, password: geheim-12}]\n  tls: {certificateIds: [e]}\n`,
      `  tls: {default: {p12: ${readFileSync(dir.file('edge.p12')).toString('base64')}, password: geheim-12}}\n`,
    ]) {
      const result = await load(yaml);
      assert.deepEqual(errors(result), []);
      assert.equal(served(result), 'CN=edge');
      assert.equal(result.watch.includes(dir.file('edge.p12')), yaml.includes('edge.p12'));
    }
  });

  it('is an error at its place where the password is wrong or missing, and the password is not told', async (t) => {
    const { load } = await withFile(t);
    const wrong = await load(`  tls: {certificates: [{p12: edge.p12, password: hunter2-hunter2}]}\n`);
    assert.deepEqual(errors(wrong), ['pkcs12_password 2:30']);
    assert.ok(!JSON.stringify(wrong.problems).includes('hunter2'));
    assert.deepEqual(errors(await load(`  tls: {certificates: [{p12: edge.p12}]}\n`)), ['pkcs12_password 2:30']);
    assert.deepEqual(errors(await load(`  tls: {certificates: [{p12: gone.p12}]}\n`)), ['file_missing 2:30']);
    assert.deepEqual(errors(await load(`  tls: {certificates: [{p12: edge.crt}]}\n`)), ['pkcs12_broken 2:30']);
  });

  it('stands alone: no cert beside it, and no password without it', async (t) => {
    const { load } = await withFile(t);
    const both = await load(`  tls: {certificates: [{p12: edge.p12, cert: edge.crt, key: edge.key}]}\n`);
    assert.deepEqual(errors(both), ['contradiction 2:40']);
    const alone = await load(`  tls: {certificates: [{cert: edge.crt, key: edge.key, password: x}]}\n`);
    assert.deepEqual(errors(alone), ['contradiction 2:56']);
    assert.deepEqual(errors(await load(`  tls: {certificates: [{p12: }]}\n`)), ['empty_value 2:25']);
  });

  it('stands in no object of a store', async (t) => {
    const { loadStored } = await withFile(t);
    const body = { p12: 'edge.p12', password: 'geheim-12' };
    const result = await loadStored({ kind: 'certificates', id: 'e', body });
    assert.deepEqual(
      result.problems
        .filter(({ severity }) => severity === 'error')
        .map(({ code, place }) => [code, place.stored?.pointer]),
      [['bad_material', '/p12']],
    );
  });
});

describe('a certificate of a source', () => {
  const exec = (file: string): string => `exec: {command: [/bin/cat, ${file}.crt, ${file}.key]}`;

  it('is served as soon as it is delivered, and has a key of its own in every part', async (t) => {
    const { load, issue, dir, publisher: sources } = await open(t);
    await issue('edge');
    const yaml = `  certificates: [{id: e, ${exec(dir.file('edge'))}}]\n  tls: {certificateIds: [e]}\n`;
    const result = await load(yaml, { sources });
    assert.deepEqual(errors(result), []);
    assert.equal(served(result), 'CN=edge');
    assert.equal(result.loaded?.named.certificates[0]?.id, 'e');
    assert.ok(result.loaded?.expiries.some(({ role, subject }) => role === 'server' && subject === 'CN=edge'));
  });

  it('keeps a start from going on where nothing is delivered: the reason of the source at its place', async (t) => {
    const { load, publisher: sources } = await open(t);
    const yaml = `  tls: {certificates: [{exec: {command: [/bin/false]}}]}\n`;
    const result = await load(yaml, { sources, once: true });
    assert.deepEqual(errors(result), ['source_empty 2:31']);
    assert.equal(result.loaded, undefined);
    assert.match(JSON.stringify(result.problems), /exit code 1/);
  });

  it("is not asked for by a check: something stands in that is nobody's, and its names are not judged", async (t) => {
    const { load } = await open(t);
    const result = await load(`  tls: {certificates: [{exec: {command: [/bin/false]}}]}\n`);
    assert.deepEqual(result.problems, []);
    assert.equal(served(result), 'CN=Countersign stand-in');
  });

  it('is renewed for the configuration in force, whatever the files are by now', async (t) => {
    const { load, issue, dir, ca, publisher: sources } = await open(t);
    await issue('first');
    await issue('second');
    await issue('other');
    dir.write('ca.crt', ca.certPem);
    dir.write('now.crt', readFileSync(dir.file('first.crt')));
    dir.write('now.key', readFileSync(dir.file('first.key')));
    const yaml = `  tls:
    certificates: [{exec: {command: [/bin/cat, ${dir.file('now.crt')}, ${dir.file('now.key')}], refresh: 1s}}, {cert: other.crt, key: other.key}]
    clientAuth: {clientCA: ca.crt, required: true}
`;
    const first = await load(yaml, { sources });
    assert.deepEqual(errors(first), []);
    assert.ok(first.loaded !== undefined);
    const renewed = Promise.withResolvers<string>();
    const log = { info() {}, warn() {}, error() {}, debug() {}, trace() {}, child: () => log };
    sources.reportTo({ log, onChange: (what) => renewed.resolve(what) });
    sources.settle(first.loaded.inputs.delivered);
    for (const name of ['gateway.yml', 'ca.crt', 'other.key']) dir.write(name, 'broken');
    dir.write('now.key', readFileSync(dir.file('second.key')));
    dir.write('now.crt', readFileSync(dir.file('second.crt')));
    assert.equal(await renewed.promise, 'refresh');
    const source = new FileSource(dir.file('gateway.yml'));
    const next = await loadDeliveries(source, first.loaded, { clock: systemClock, sources });
    assert.equal(served(next), 'CN=second');
    assert.deepEqual(next.loaded?.policies[0]?.anchors, first.loaded.policies[0]?.anchors);
  });

  it('runs no command for an object of a store', async (t) => {
    const { loadStored } = await open(t);
    const body = { exec: { command: ['/bin/cat', '/etc/passwd'] } };
    for (const kind of ['certificates', 'caBundles']) {
      const { problems, loaded } = await loadStored({ kind, id: 'e', body });
      assert.equal(loaded, undefined);
      assert.ok(
        problems.some(({ code }) => code === 'exec_in_store'),
        kind,
      );
    }
  });

  it('has a program that is no matter of PATH', async (t) => {
    const { load } = await open(t);
    const result = await load(`  tls: {certificates: [{exec: {command: [cat, x]}}]}\n`);
    assert.deepEqual(errors(result), ['bad_command 2:41']);
  });
});

describe('a CA bundle of a source', () => {
  it('decides who is let in, as files do', async (t) => {
    const { load, issue, dir, ca, publisher: sources } = await open(t);
    await issue('edge');
    dir.write('ca.crt', ca.certPem);
    const yaml = `  caBundles: [{id: c, exec: {command: [/bin/cat, ${dir.file('ca.crt')}]}}]
  tls: {certificates: [{cert: edge.crt, key: edge.key}], clientAuth: {caBundles: [c], required: true}}
`;
    const result = await load(yaml, { sources });
    assert.deepEqual(errors(result), []);
    assert.deepEqual(result.loaded?.policies[0]?.anchors, [ca.certPem]);
    const both = await load(`  caBundles: [{id: c, ca: ca.crt, exec: {command: [/bin/true]}}]\n`, { sources });
    assert.deepEqual(errors(both), ['contradiction 2:23']);
  });
});
