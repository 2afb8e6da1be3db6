// The chart as helm renders it, judged by the schemas of Kubernetes' own API and, as to the configuration in it, by our own check; and what the
// kubelet does to files that are mounted, under a gateway that runs.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { runCheck } from '../support/cli.ts';
import { startGateway } from '../support/gateway.ts';
import { type Finished, runToEnd } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { startPostgres } from '../support/postgres.ts';
import { openPki } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';

const folder = fileURLToPath(new URL('../../packaging/', import.meta.url));
const chart = `${folder}helm/countersign`;
const examples = `${folder}helm/examples`;

type Manifest = {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: Record<string, never>;
};

function helm(...args: readonly string[]): Promise<Finished> {
  // It keeps plugins and caches in the home folder.
  return runToEnd(requireCommand('helm'), args, { env: { HELM_CACHE_HOME: '/nonexistent' } });
}

async function template(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await helm('template', 'gateway', chart, '--namespace', 'edge', ...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

function manifests(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

function find(text: string, kind: string): Manifest {
  const found = manifests(text).find((manifest) => manifest.kind === kind);
  assert.ok(found !== undefined, kind);
  return found;
}

function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string | number, unknown> | undefined)?.[key], value);
}

/** Everything on, beside the defaults and the examples. */
const more = 'store.enabled=true,store.secretName=store,autoscaling.enabled=true,autoscaling.handshakesPerSecond=200';
const monitoring = 'serviceMonitor.enabled=true,prometheusRule.enabled=true,grafanaDashboard.enabled=true';
const placing = 'antiAffinity=required,nodeSelector.a=b,priorityClassName=high,podLabels.team=edge,drainSeconds=60';
const everything = [
  '--values',
  `${examples}/cert-manager/values.yml`,
  '--set',
  `${more},${monitoring},${placing},rolloutOnChange=true`,
  '--set-json',
  'networkPolicy={"adminFrom":[{"namespaceSelector":{}}],"egress":[{}]}',
  '--set-json',
  'tolerations=[{"operator":"Exists"}]',
  '--set-json',
  'imagePullSecrets=[{"name":"registry"}]',
];
const sets: Readonly<Record<string, readonly string[]>> = {
  defaults: [],
  'cert-manager': ['--values', `${examples}/cert-manager/values.yml`],
  'SPIRE CSI': ['--values', `${examples}/spire-csi/values.yml`],
  everything,
  'a store in a file': [
    '--set',
    'replicaCount=1,persistence.existingClaim=state,topologySpread=false,antiAffinity=off,store.enabled=true,store.secretName=store,admin.tls.secretName=gateway-admin',
  ],
};

describe('the chart', () => {
  it('passes helm lint', async () => {
    const { code, stdout } = await helm('lint', '--strict', chart);
    assert.equal(code, 0, stdout);
  });

  it('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync(`${folder}../package.json`, 'utf8')) as { readonly version: string };
    const { appVersion } = parse(readFileSync(`${chart}/Chart.yaml`, 'utf8')) as { readonly appVersion: string };
    assert.equal(appVersion, version);
    assert.match(readFileSync(`${folder}container/Dockerfile`, 'utf8'), new RegExp(`^ARG VERSION=${version}$`, 'm'));
  });

  it('brings the dashboard and the rules as they are', () => {
    for (const file of ['grafana/countersign.json', 'prometheus/countersign.rules.yml'])
      assert.equal(
        readFileSync(`${chart}/files/${file.split('/')[1]}`, 'utf8'),
        readFileSync(folder + file, 'utf8'),
        `cp packaging/${file} packaging/helm/countersign/files/`,
      );
  });

  it('renders what Kubernetes takes, and nothing that counts beyond its namespace', async () => {
    using dir = openTempDir('chart');
    const files: string[] = [];
    for (const args of Object.values(sets)) {
      const text = await template(...args);
      for (const { kind } of manifests(text)) assert.doesNotMatch(kind, /^Cluster|^Role|Binding$/);
      files.push(dir.write(`${files.length}.yml`, text));
    }
    const validate = requireCommand('kubernetes-validate');
    const { code, stdout, stderr } = await runToEnd('python3', [validate, '--strict', '-k', '1.36', ...files], {
      env: { PYTHONPATH: dirname(dirname(validate)) },
    });
    assert.equal(code, 0, stdout + stderr);
    // Kinds of others have no schema there; nothing else may be unknown to it.
    const unknown = [...(stdout + stderr).matchAll(/find schema for kind (\w+)/g)].map(([, kind]) => kind);
    assert.deepEqual(unknown, ['PrometheusRule', 'ServiceMonitor']);
  });

  for (const [name, args] of Object.entries(sets)) {
    it(`renders a configuration that our check takes: ${name}`, async () => {
      using pki = await openPki();
      await using stack = new AsyncDisposableStack();
      // A check asks the database whether there is anything in it yet.
      const database = name === 'everything' ? stack.use(await startPostgres()) : undefined;
      const text = find(await template(...args), 'ConfigMap').data?.['gateway.yml'] ?? '';
      const put = (path: string, content: string): void => void pki.dir.write(path, content);
      for (const secret of ['edge', 'gateway-admin']) {
        put(`secrets/${secret}/tls.crt`, pki.downstream.chainPem);
        put(`secrets/${secret}/tls.key`, pki.downstream.keyPem);
      }
      put('secrets/gateway-client/tls.crt', pki.gateway.chainPem);
      put('secrets/gateway-client/tls.key', pki.gateway.keyPem);
      put('secrets/gateway-client/ca.crt', pki.internal.certPem);
      put('config-maps/clients/ca.crt', pki.clients.certPem);
      const file = pki.dir.write('gateway.yml', text.replaceAll('/etc/countersign', pki.dir.path));
      const { code, stdout, stderr } = await runCheck(['--config', file], {
        SPIFFE_ENDPOINT_SOCKET: 'unix:///run/spiffe/spire-agent.sock',
        COUNTERSIGN_STORE_URL: database?.url ?? `sqlite:${pki.dir.file('store.db')}`,
        COUNTERSIGN_SEAL_KEY: generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
      });
      assert.equal(code, 0, stdout + stderr);
    });
  }

  it('fits the restricted profile, and ends later than the gateway does', async () => {
    for (const args of Object.values(sets)) {
      const deployment = find(await template(...args), 'Deployment');
      const pod = at(deployment, 'spec', 'template', 'spec');
      const container = at(pod, 'containers', 0);
      assert.deepEqual(at(container, 'securityContext'), {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        capabilities: { drop: ['ALL'] },
      });
      assert.equal(at(pod, 'securityContext', 'runAsNonRoot'), true);
      assert.equal(at(pod, 'securityContext', 'seccompProfile', 'type'), 'RuntimeDefault');
      assert.equal(at(pod, 'automountServiceAccountToken'), false);
      const mounts = at(container, 'volumeMounts') as readonly { readonly subPath?: string }[];
      assert.ok(
        mounts.every(({ subPath }) => subPath === undefined),
        'a subPath is never updated',
      );
      const drain = args === everything ? 60 : 10;
      assert.equal(at(container, 'lifecycle', 'preStop', 'sleep', 'seconds'), 5);
      assert.equal(at(pod, 'terminationGracePeriodSeconds'), 5 + drain + 5);
      const config = find(await template(...args), 'ConfigMap').data?.['gateway.yml'] ?? '';
      assert.equal(at(parse(config), 'gateway', 'timeouts', 'drain'), `${drain}s`);
      const isTls = at(parse(config), 'gateway', 'entryPoints', 'admin', 'certificateId') !== undefined;
      for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
        assert.equal(at(container, probe, 'httpGet', 'scheme'), isTls ? 'HTTPS' : 'HTTP');
    }
  });

  it('takes the URL of the store and its key from a Secret, never into the configuration', async () => {
    const text = await template(...everything);
    const config = find(text, 'ConfigMap').data?.['gateway.yml'] ?? '';
    // oxlint-disable-next-line no-template-curly-in-string -- as it stands in the file
    const store = { url: '${COUNTERSIGN_STORE_URL}', sealKey: '${COUNTERSIGN_SEAL_KEY}' };
    assert.deepEqual(at(parse(config), 'gateway', 'store'), { ...store, folder: '/var/lib/countersign/store' });
    const env = at(find(text, 'Deployment'), 'spec', 'template', 'spec', 'containers', 0, 'env');
    assert.deepEqual(at(env, 1, 'valueFrom', 'secretKeyRef'), { name: 'store', key: 'url' });
  });

  for (const [what, args, reason] of [
    ['a value that it does not know', ['--set', 'replicas=3'], /replicas/],
    ['a value of another type', ['--set-string', 'drainSeconds=10s'], /drainSeconds/],
    [
      'a store without TLS for who logs in',
      ['--set', 'store.enabled=true,store.secretName=s'],
      /admin\.tls\.secretName/,
    ],
    ['a store without its Secret', ['--set', 'store.enabled=true,admin.tls.secretName=s'], /store\.secretName/],
    ['a volume for two', ['--set', 'persistence.existingClaim=c'], /replicaCount: 1/],
    ['scaling by nothing', ['--set', 'autoscaling.enabled=true,autoscaling.cpu=0'], /autoscaling\.cpu/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const { code, stderr } = await helm('template', 'gateway', chart, ...args);
      assert.notEqual(code, 0);
      assert.match(stderr, reason);
    });
  }
});

/** As the kubelet writes a volume: a folder for each version, and one link that is swapped. */
function mountVersion(dir: string, version: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(`${dir}/..${version}`, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(`${dir}/..${version}/${name}`, content);
  symlinkSync(`..${version}`, `${dir}/..data_tmp`);
  renameSync(`${dir}/..data_tmp`, `${dir}/..data`);
  for (const name of Object.keys(files))
    if (!existsSync(`${dir}/${name}`)) symlinkSync(`..data/${name}`, `${dir}/${name}`);
}

it('a ConfigMap that the kubelet swaps is taken, its file a link within a link; the store that the environment names is used', async () => {
  using dir = openTempDir('config-map');
  const files = (path: string): Readonly<Record<string, string>> => ({
    'gateway.yml': `version: 2
gateway:
  workers: 1
  entryPoints: {web: {address: "127.0.0.1:0"}, webSecure: {address: "127.0.0.1:0"}, admin: {address: "127.0.0.1:0"}}
  store: {url: "\${COUNTERSIGN_STORE_URL}", sealKey: "\${COUNTERSIGN_SEAL_KEY}"}
  routes: [{name: a, path: ${path}, response: {statusCode: 204}}]
`,
  });
  mkdirSync(dir.file('mount'));
  mkdirSync(dir.file('state'), { mode: 0o777 });
  mountVersion(dir.file('mount'), '1', files('/one'));
  const { privateKey } = generateKeyPairSync('x25519');
  await using gateway = await startGateway({
    configFile: dir.file('mount/gateway.yml'),
    env: {
      // As a volume is: open to everybody, so that a folder in it is made.
      COUNTERSIGN_STORE_URL: `sqlite:${dir.file('state/store/store.db')}`,
      COUNTERSIGN_SEAL_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    },
  });
  assert.match((await gateway.admin('/metrics')).body, /^countersign_config_store_up 1$/m);
  mountVersion(dir.file('mount'), '2', files('/two'));
  rmSync(dir.file('mount/..1'), { recursive: true });
  await gateway.waitForLog(({ msg }) => msg === 'configuration reloaded');
  const answer = await fetch(`http://127.0.0.1:${gateway.ports.web}/two`);
  assert.equal(answer.status, 204);
});
