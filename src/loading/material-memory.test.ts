import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, it, type TestContext } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { MaterialMemory } from '../certs/material-memory.ts';
import { type Issued, mintCa, type TestCa } from '../certs/test-ca.ts';
import { loadConfig } from '../config/load-config.ts';
import { FileSource } from './file-source.ts';
import { loadGateway } from './load.ts';

const text = `gateway:
  tls:
    certificates: [{cert: s.crt, key: s.key}]
    clientAuth: {clientCA: ca.crt, required: true}
  routes: [{name: r, path: /, target: "http://127.0.0.1:1"}]
`;

/** A configuration with one pair and one CA, loaded again and again with one memory. */
class Stage {
  readonly memory = new MaterialMemory();
  readonly #dir = mkdtempSync(join(tmpdir(), 'countersign-memory-'));

  constructor(t: TestContext) {
    t.after(() => rmSync(this.#dir, { recursive: true }));
    this.write('g.yml', text);
  }

  path(name: string): string {
    return join(this.#dir, name);
  }

  write(name: string, content: string): void {
    writeFileSync(this.path(name), content);
  }

  writePair({ chainPem, keyPem }: Pick<Issued, 'chainPem' | 'keyPem'>): void {
    this.write('s.crt', chainPem);
    this.write('s.key', keyPem);
  }

  async load(now = Date.now()): Promise<{ cert?: string; key?: string; ca?: string; errors: string[] }> {
    const clock = { ...systemClock, now: () => now };
    const options = { env: {}, strict: true, clock, memory: this.memory, read: loadConfig };
    const { loaded, problems } = await loadGateway(new FileSource(this.path('g.yml')), options);
    const errors = problems.filter(({ severity }) => severity === 'error').map(({ code }) => code);
    const policy = loaded?.policies[0];
    if (policy === undefined) return { errors };
    const [pair] = policy.certificates;
    return { errors, cert: pair?.chainPem ?? '', key: pair?.keyPem ?? '', ca: policy.anchors?.join('') ?? '' };
  }
}

describe('what loads remember of certificates and keys', () => {
  let ca: TestCa;
  let one: Issued;
  let two: Issued;
  beforeEach(async () => {
    ca = await mintCa({ cn: 'Root' });
    [one, two] = await Promise.all([
      ca.issue({ kind: 'server', sans: ['a.test'] }),
      ca.issue({ kind: 'server', sans: ['a.test'] }),
    ]);
  });

  it('never hides what a file holds now: a change, and the change back', async (t) => {
    const stage = new Stage(t);
    stage.write('ca.crt', ca.certPem);
    const other = await mintCa({ cn: 'Root' });
    for (const [pair, anchor] of [
      [one, ca],
      [one, ca],
      [two, other],
      [one, ca],
    ] as const) {
      stage.writePair(pair);
      stage.write('ca.crt', anchor.certPem);
      const { cert, key, ca: anchors, errors } = await stage.load();
      assert.deepEqual(errors, []);
      assert.equal(cert?.trim(), pair.certPem.trim());
      assert.equal(key?.trim(), pair.keyPem.trim());
      assert.equal(anchors?.trim(), anchor.certPem.trim());
    }
  });

  it('sees a change that neither the time nor the size of a file tells', async (t) => {
    const stage = new Stage(t);
    stage.write('ca.crt', ca.certPem);
    stage.writePair(one);
    const at = statSync(stage.path('s.key')).mtime;
    assert.deepEqual((await stage.load()).errors, []);
    assert.equal(two.keyPem.length, one.keyPem.length);
    stage.write('s.key', two.keyPem);
    utimesSync(stage.path('s.key'), at, at);
    assert.deepEqual((await stage.load()).errors, ['key_mismatch']);
    stage.write('s.crt', two.chainPem);
    assert.equal((await stage.load()).key?.trim(), two.keyPem.trim());
  });

  it('does not let a key pass that fitted another certificate of the same name', async (t) => {
    const stage = new Stage(t);
    stage.write('ca.crt', ca.certPem);
    stage.writePair(one);
    assert.deepEqual((await stage.load()).errors, []);
    stage.writePair({ ...one, chainPem: two.chainPem });
    for (let time = 0; time < 2; time++) assert.deepEqual((await stage.load()).errors, ['key_mismatch']);
    stage.writePair(one);
    assert.deepEqual((await stage.load()).errors, []);
  });

  it('is not asked for dates: what was good expires', async (t) => {
    const stage = new Stage(t);
    stage.write('ca.crt', ca.certPem);
    stage.writePair(one);
    assert.deepEqual((await stage.load()).errors, []);
    assert.deepEqual((await stage.load(Date.now() + 100 * 365 * 86_400_000)).errors, ['expired']);
    assert.deepEqual((await stage.load()).errors, []);
  });

  it('keeps nothing that there was something to say of, under whatever name it comes', async (t) => {
    const stage = new Stage(t);
    stage.write('ca.crt', ca.certPem);
    stage.writePair({ chainPem: 'no certificate', keyPem: one.keyPem });
    for (let time = 0; time < 2; time++) assert.deepEqual((await stage.load()).errors, ['not_pem']);
    stage.write('ca.crt', one.certPem);
    stage.writePair(one);
    for (let time = 0; time < 2; time++) assert.deepEqual((await stage.load()).errors, ['no_ca_in_bundle']);
  });

  it('is what the last whole load had, and no more', () => {
    const memory = new MaterialMemory();
    const first = memory.begin();
    const { certificates } = first.certificates(one.certPem, 'a');
    memory.keep(first);
    const second = memory.begin();
    assert.equal(second.certificates(one.certPem, 'b').certificates[0], certificates[0]);
    // It was not finished: the one before counts still.
    const third = memory.begin();
    assert.equal(third.certificates(one.certPem, 'c').certificates[0], certificates[0]);
    const fourth = memory.begin();
    memory.keep(fourth);
    assert.notEqual(memory.begin().certificates(one.certPem, 'd').certificates[0], certificates[0]);
  });
});
