import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from '../config/parse-config.ts';
import { compareTrust, type TrustView } from './reload-guard.ts';

const CA = 'clientCA: ca.pem';
const required = `clientAuth: {${CA}, required: true}`;
const ROUTE = 'routes: [{name: a, path: /, hosts: [a.test, b.test], target: "http://a:1"}]';

function view(
  tls: string,
  options: { readonly selfSigned?: readonly string[]; readonly routes?: string } = {},
): TrustView {
  const text = `gateway:\n  tls: {${tls}}\n  ${options.routes ?? ROUTE}\n`;
  const { config, problems } = parseConfig({ file: '/etc/gateway.yml', text, extra: [], env: {}, strict: true });
  assert.ok(config, JSON.stringify(problems));
  return { config, certificateNames: [], selfSigned: new Set(options.selfSigned) };
}

function policies(...list: readonly string[]): string {
  return `policies: [${list.map((one) => `{${one}}`).join(', ')}]`;
}

const inA = 'name: pa, hosts: [a.test]';
const inB = 'name: pb, hosts: [b.test]';

function refuses(before: string, after: string, message: RegExp): void {
  const { refused } = compareTrust(view(before), view(after));
  assert.equal(refused.length, 1, JSON.stringify(refused));
  assert.match(`${refused[0]?.code}: ${refused[0]?.message}. ${refused[0]?.hint}`, message);
}

function takes(before: string, after: string, dropped: readonly RegExp[]): void {
  const change = compareTrust(view(before), view(after));
  assert.deepEqual(change.refused, []);
  assert.equal(change.dropped.length, dropped.length, JSON.stringify(change.dropped));
  for (const [i, one] of dropped.entries()) assert.match(change.dropped[i] ?? '', one);
}

describe('what a reload drops of client authentication', () => {
  it('is nothing where the rules stay, change or grow', () => {
    takes(required, required, []);
    takes(required, `clientAuth: {clientCA: other.pem, required: true}`, []);
    takes('', required, []);
    takes('', '', []);
    takes(`clientAuth: {${CA}, required: false}`, required, []);
    takes(required, `${required}, ${policies(`${inA}, ${required}`)}`, []);
    takes(`${required}, ${policies(`${inA}, ${required}`)}`, required, []);
  });

  it('is refused where clientAuth is gone from the gateway, and taken where the file says off', () => {
    refuses(
      required,
      '',
      /client_auth_dropped: .*required are not asked for any more by policy gateway, for .*a\.test.*off/,
    );
    refuses(required, 'clientAuth: {}', /client_auth_dropped/);
    refuses(required, 'clientAuth: {required: false}', /client_auth_dropped/);
    for (const off of ['off', 'false', 'no', '"off"', 'Off'])
      takes(required, `clientAuth: ${off}`, [
        /policy gateway, for clients without a known server name, a\.test, b\.test \(clientAuth: off\)$/,
      ]);
  });

  it('is refused where required is gone, and taken where the file says required: false', () => {
    refuses(
      required,
      `clientAuth: {${CA}}`,
      /are optional by policy gateway.*required: true; or required: false if it is meant/,
    );
    takes(required, `clientAuth: {${CA}, required: false}`, [/optional by policy gateway.*\(required: false\)$/]);
    refuses(`clientAuth: {${CA}, required: false}`, '', /asked for are not asked for any more/);
  });

  it('is refused where a policy is gone and its host falls to an open one', () => {
    const both = policies(`${inA}, ${required}`, inB);
    refuses(both, policies(inB), /policy gateway instead of pa, for a\.test/);
    refuses(
      both,
      `clientAuth: off, ${policies(inB)}`,
      /policy gateway instead of pa, for a\.test.*in a policy with clientAuth: off/,
    );
    refuses(
      policies(`${inA}, ${required}`),
      policies('name: all, hosts: ["*.test"]'),
      /policy all instead of pa, for a\.test/,
    );
  });

  it('is taken where a policy that names the host, word for word, has no clientAuth', () => {
    takes(required, `${required}, ${policies(inA)}`, [
      /policy pa instead of gateway, for a\.test \(policy pa has no clientAuth\)$/,
    ]);
    takes(policies(`${inA}, ${required}`), policies(inA), [/policy pa, for a\.test \(policy pa has no clientAuth\)$/]);
    takes(policies(`${inA}, ${required}`), policies(`${inA}, clientAuth: off`), [/\(clientAuth: off\)$/]);
    takes(
      policies(`name: all, hosts: ["*.test"], ${required}`),
      policies(`name: all, hosts: ["*.test"], ${required}`, inA),
      [/policy pa instead of all, for a\.test/],
    );
  });

  it('is refused where the block slid from one policy to another', () => {
    const pa = policies(`${inA}, ${required}`, inB);
    refuses(pa, policies(inA, `${inB}, ${required}`), /policy pa, for a\.test/);
    refuses(pa, `${required}, ${policies(inA, inB)}`, /policy pa, for a\.test/);
    takes(pa, policies(`${inA}, clientAuth: off`, `${inB}, ${required}`), [
      /policy pa, for a\.test \(clientAuth: off\)/,
    ]);
  });

  it('counts for clients without a known server name as well', () => {
    const two = policies(`${inA}, ${required}`, inB);
    takes(`${two}, defaultPolicy: pa`, `${two}, defaultPolicy: pa`, []);
    takes(`${two}, defaultPolicy: pa`, two, []);
    takes(`${two}, defaultPolicy: pa`, `${two}, defaultPolicy: pb`, [
      /policy pb instead of pa, for clients without a known/,
    ]);
    takes(two, `${two}, defaultPolicy: pb`, []);
    const open = view('clientAuth: off', { routes: ROUTE.replace('[a.test, b.test]', '[c.test]') });
    const { refused } = compareTrust(view(`${policies(`${inA}, ${required}`)}, defaultPolicy: pa`), open);
    assert.match(refused[0]?.message ?? '', /for a\.test, c\.test/);
  });

  it('does not count hosts that were refused before or are refused now', () => {
    const pa = policies(`${inA}, ${required}`);
    takes(pa, `${pa.replace('a.test', 'c.test')}, clientAuth: off`.replace('clientAuth: off', required), []);
    takes(pa, policies(`${inA}, ${required}`, 'name: new, hosts: [new.test]'), []);
  });
});

describe('routes that are closed by default', () => {
  const optional = `clientAuth: {${CA}, required: false}`;
  const closed = 'defaults: {security: {clientCert: {required: true}}}';
  const open = closed.replace('true', 'false');
  const withDefaults = (defaults: string, tls = optional) => view(tls, { routes: `${defaults}\n  ${ROUTE}` });

  it('are not opened by a block that is gone, only by words', () => {
    const { refused } = compareTrust(withDefaults(closed), withDefaults(''));
    assert.deepEqual(
      refused.map(({ code }) => code),
      ['client_auth_dropped'],
    );
    assert.match(refused[0]?.hint ?? '', /required: false/);
    assert.deepEqual(compareTrust(withDefaults(closed), withDefaults(open)).refused, []);
    assert.deepEqual(compareTrust(withDefaults(closed), withDefaults(closed)).refused, []);
    assert.deepEqual(compareTrust(withDefaults(''), withDefaults('')).refused, []);
  });

  it('may lose it where every client needs a certificate anyway', () => {
    assert.deepEqual(compareTrust(withDefaults(closed), withDefaults('', required)).refused, []);
  });
});

describe('a self-signed certificate', () => {
  const pa = policies(`${inA}, certificates: [{cert: a.crt, key: a.key}]`);

  it('never takes the place of a configured one', () => {
    const { refused } = compareTrust(view(''), view('', { selfSigned: ['gateway'] }));
    assert.deepEqual(
      refused.map(({ code }) => code),
      ['certificate_dropped'],
    );
    assert.match(refused[0]?.message ?? '', /self-signed one: policy gateway, for .*a\.test/);
    const gone = compareTrust(view(pa, { selfSigned: ['gateway'] }), view('', { selfSigned: ['gateway'] }));
    assert.match(gone.refused[0]?.message ?? '', /policy gateway, for a\.test$/);
  });

  it('stays where there was none before, and may serve a host that is new', () => {
    const both = { selfSigned: ['gateway'] };
    assert.deepEqual(compareTrust(view('', both), view('', both)).refused, []);
    assert.deepEqual(compareTrust(view('', both), view('')).refused, []);
    assert.deepEqual(compareTrust(view(pa), view(pa)).refused, []);
    const more = policies(`${inA}, certificates: [{cert: a.crt, key: a.key}]`, 'name: new, hosts: [new.test]');
    assert.deepEqual(compareTrust(view(pa), view(more, { selfSigned: ['new'] })).refused, []);
  });
});

describe('a folder of extra files', () => {
  const folder = (path: string, found: boolean): TrustView => {
    const plain = view('');
    const place = { file: '/etc/gateway.yml', line: 7, col: 3 };
    const extraFolders = [{ path, found, place, key: 'gateway.extraConfig.directory' }];
    return { ...plain, config: { ...plain.config, extraFolders } };
  };

  it('that is gone keeps the reload out, and one that was never there, or is named no more, does not', () => {
    const { refused } = compareTrust(folder('/extra', true), folder('/extra', false));
    assert.deepEqual(
      refused.map(({ code, place }) => [code, place.line]),
      [['folder_gone', 7]],
    );
    assert.match(
      refused[0]?.message ?? '',
      /^the folder \/extra is gone, and its routes and middlewares would go with it$/,
    );
    assert.deepEqual(compareTrust(folder('/extra', false), folder('/extra', false)).refused, []);
    assert.deepEqual(compareTrust(folder('/extra', true), folder('/other', false)).refused, []);
    assert.deepEqual(compareTrust(folder('/extra', true), view('')).refused, []);
  });
});
