// One key of a good configuration is moved to another block, or renamed: the text is refused, or the running gateway refuses
// the reload, or nobody without a certificate may do more than before.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { GatewayConfig, PolicyConfig } from '../../src/config/gateway-config.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { makePolicyTable } from '../../src/gateway/compile-policies.ts';
import { compareTrust } from '../../src/access/reload-guard.ts';

type Block = { [key: string]: unknown };

/** Every host of it, one that a wildcard takes, one that nobody knows, and a client that names none. */
const hosts = ['a.test', 'b.test', 'c.test', 'deep.w.test', 'd.test', 'unknown.test', undefined];

function goodConfiguration(): Block {
  const clientAuth = () => ({ clientCA: 'ca.pem', required: true, maxDepth: 3, crl: { sources: 'a.crl' } });
  const target = 'http://backend.test:8080';
  return {
    version: 2,
    gateway: {
      workers: 2,
      timeouts: { read: 30, drain: '5s' },
      entryPoints: { web: { address: ':8080', enabled: true }, webSecure: { address: ':8443' } },
      log: { level: 'info' },
      redis: { addr: 'redis:6379', tls: { clientCa: 'ca.pem' } },
      providers: { file: { enabled: false } },
      tls: {
        minVersion: 'TLSv1.2',
        defaultPolicy: 'strict',
        certificates: [{ cert: 'a.crt', key: 'a.key' }],
        clientAuth: { ...clientAuth(), partialChain: true, allowedSANs: [{ type: 'DNS', exact: 'x.test' }] },
        sessionResumption: { enabled: true, lifetime: '1h' },
        policies: [
          { name: 'strict', hosts: ['b.test', '*.w.test'], clientAuth: clientAuth(), minVersion: 'TLSv1.3' },
          { name: 'optional', hosts: ['c.test'], clientAuth: { clientCA: 'ca.pem', required: false } },
          { name: 'open', hosts: ['d.test'] },
        ],
      },
      monitoring: { enableMetrics: true, host: '' },
      routes: [
        { name: 'a', path: '/a', hosts: ['a.test', 'b.test'], target, methods: ['GET'], maxBodyBytes: 10 },
        {
          name: 'c',
          path: '/c',
          hosts: ['c.test'],
          backends: [{ endpoint: target, weight: 1 }],
          security: {
            clientCert: { required: true, allow: [{ type: 'DNS', exact: 'x.test' }] },
            tls: { minVersion: 'TLSv1.3' },
          },
        },
        { name: 'd', path: '/', hosts: ['d.test'], target, timeouts: { idle: '10s' }, healthCheck: { path: '/up' } },
      ],
    },
    middlewares: [{ name: 'unused', type: 'basicAuth', rule: { realm: 'r' } }],
  };
}

function parse(text: string, strict: boolean) {
  return parseConfig({ file: '/etc/gateway.yml', text, extra: [], env: {}, strict });
}

const before = parse(JSON.stringify(goodConfiguration()), true).config as GatewayConfig;

/** `host route` of each route that a client without a certificate is let through to. */
function standing(config: GatewayConfig): ReadonlySet<string> {
  const policies = new Map([config.tls.gateway, ...config.tls.policies].map((policy) => [policy.name, policy]));
  const table = makePolicyTable(config, [], (name) => policies.get(name) as PolicyConfig);
  const open = new Set<string>();
  for (const host of hosts) {
    const policy = table.find(host);
    if (policy === undefined || policy.clientAuth?.required === true) continue;
    for (const route of config.routes) {
      const served = route.hosts.length === 0 || (host !== undefined && route.hosts.includes(host));
      if (served && route.clientCert?.required !== true) open.add(`${host} ${route.name}`);
    }
  }
  return open;
}

function isBetter(config: GatewayConfig): boolean {
  const was = standing(before);
  return [...standing(config)].some((one) => !was.has(one));
}

function guards(config: GatewayConfig): boolean {
  const view = (one: GatewayConfig) => ({ config: one, certificateNames: [], selfSigned: new Set<string>() });
  return compareTrust(view(before), view(config)).refused.length > 0;
}

type Spot = { readonly block: Block; readonly key: string; readonly path: string };

/** Every key of the tree, with the block it stands in. */
function spotsOf(node: unknown, path = ''): Spot[] {
  if (Array.isArray(node)) return node.flatMap((item, i) => spotsOf(item, `${path}[${i}]`));
  if (typeof node !== 'object' || node === null) return [];
  const block = node as Block;
  return Object.keys(block).flatMap((key) => [{ block, key, path }, ...spotsOf(block[key], `${path}.${key}`)]);
}

function blocksOf(node: unknown): Block[] {
  if (Array.isArray(node)) return node.flatMap(blocksOf);
  if (typeof node !== 'object' || node === null) return [];
  return [node as Block, ...Object.values(node).flatMap(blocksOf)];
}

const names = [...new Set(spotsOf(goodConfiguration()).map(({ key }) => key))];

/** What of a route goes to another route is a change of routes, which the file may make in any way. */
function isBetweenRoutes(root: Block, from: Spot, to: Block): boolean {
  const route = (block: Block) => {
    const { routes } = root['gateway'] as { readonly routes: readonly Block[] };
    return routes.findIndex((one) => blocksOf(one).includes(block));
  };
  return route(from.block) >= 0 && route(to) >= 0 && route(from.block) !== route(to);
}

function verify(text: string, lenient = parse(text, false)): void {
  const strict = parse(text, true);
  if (strict.config !== undefined && isBetter(strict.config))
    assert.ok(guards(strict.config), `opened, at the reload too: ${text}`);
  // What is known everywhere is read alike.
  if (strict.config !== undefined) return;
  const passedOver = lenient.problems.some(({ code }) => code === 'unknown_key');
  if (lenient.config !== undefined && passedOver)
    assert.ok(!isBetter(lenient.config), `opened with --lenient at the start: ${text}`);
}

/** The same for texts by the thousand: what is refused with --lenient is refused without, as the random ones try. */
function verifyQuickly(text: string): void {
  const lenient = parse(text, false);
  if (lenient.config !== undefined) verify(text, lenient);
}

/** Takes the key at `from` out of a good configuration and puts its value where `put` says, and verifies what comes of it. */
function slip(from: number, put: (root: Block, spot: Spot, value: unknown) => boolean): void {
  const root = goodConfiguration();
  const spot = spotsOf(root)[from] as Spot;
  const value = spot.block[spot.key];
  Reflect.deleteProperty(spot.block, spot.key);
  if (put(root, spot, value)) verifyQuickly(JSON.stringify(root));
}

test('each key that decides who may enter, moved to every other block or called by every other name, opens nothing', () => {
  const root = goodConfiguration();
  const spots = spotsOf(root);
  const decisive = [
    'tls',
    'clientAuth',
    'required',
    'clientCA',
    'policies',
    'defaultPolicy',
    'hosts',
    'security',
    'clientCert',
  ];
  for (const [from, { key, path }] of spots.entries()) {
    if (!decisive.includes(key)) continue;
    for (let to = 0; to < blocksOf(root).length; to++)
      slip(from, (changed, spot, value) => {
        const target = blocksOf(changed)[to];
        if (target === undefined || Object.hasOwn(target, key) || isBetweenRoutes(changed, spot, target)) return false;
        target[key] = value;
        return true;
      });
    // What routes ask is theirs to say: their hosts under another name that is known there are another route.
    for (const name of path.includes('routes') ? [] : names)
      slip(from, (_, { block }, value) => {
        if (Object.hasOwn(block, name)) return false;
        block[name] = value;
        return true;
      });
  }
});

test('a key that is moved to another block opens nothing', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (from, to) => {
      const root = goodConfiguration();
      const spots = spotsOf(root);
      const spot = spots[from % spots.length] as Spot;
      const value = spot.block[spot.key];
      const targets = blocksOf(root).filter(
        (block) => !Object.hasOwn(block, spot.key) && !blocksOf(value).includes(block),
      );
      const target = targets[to % targets.length] as Block;
      fc.pre(!isBetweenRoutes(root, spot, target));
      Reflect.deleteProperty(spot.block, spot.key);
      target[spot.key] = value;
      verify(JSON.stringify(root));
    }),
    { numRuns: 150 },
  );
});

test('a key that is renamed opens nothing', () => {
  const typo = fc.tuple(fc.constantFrom('drop', 'double', 'swap', 'case', 'snake', 'x-', 'plural'), fc.nat(30));
  const other = fc.constantFrom(...names, 'note', 'ssl', 'tlsOptions', 'mtls', 'foo');
  fc.assert(
    fc.property(fc.nat(), fc.oneof(typo, other), (at, change) => {
      const root = goodConfiguration();
      const spots = spotsOf(root);
      const { block, key, path } = spots[at % spots.length] as Spot;
      const renamed = typeof change === 'string' ? change : misspell(key, change[0], change[1]);
      // What was meant by a word that resembles nothing cannot be told, and by one that is known there it is another route.
      fc.pre(key !== 'hosts' || !path.includes('routes') || typeof change !== 'string');
      fc.pre(!Object.hasOwn(block, renamed));
      const value = block[key];
      Reflect.deleteProperty(block, key);
      block[renamed] = value;
      verify(JSON.stringify(root));
    }),
    { numRuns: 150 },
  );
});

function misspell(key: string, how: string, at: number): string {
  const i = at % key.length;
  switch (how) {
    case 'drop':
      return key.slice(0, i) + key.slice(i + 1);
    case 'double':
      return key.slice(0, i) + key.charAt(i) + key.slice(i);
    case 'swap':
      return key.slice(0, i) + key.charAt(i + 1) + key.charAt(i) + key.slice(i + 2);
    case 'case':
      return key.toLowerCase();
    case 'snake':
      return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    case 'x-':
      return `x-${key}`;
    default:
      return key.endsWith('s') ? key.slice(0, -1) : `${key}s`;
  }
}
