import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeExposition } from './exposition.ts';
import { Metrics } from './metrics.ts';
import { counters, gauges, histograms, type MetricSample } from './registry.ts';

test('A handle is one number: the same labels give the same handle', () => {
  const family = counters({ name: 'c_total', help: 'h', labels: ['a', 'b'] });
  const handle = family.labels({ a: '1', b: '2' });
  handle.inc();
  family.labels({ b: '2', a: '1' }).inc(2);
  assert.equal(handle.value, 3);
  family.labels({ a: '1\u0000', b: '2' }).inc();
  assert.equal(family.size, 2);
});

test('Label sets beyond the limit are counted together as other', () => {
  const family = counters({ name: 'c_total', help: 'h', labels: ['a'], maxSeries: 2 });
  for (const a of ['1', '2', '3', '4']) family.labels({ a }).inc();
  family.labels({ a: '1' }).inc();
  assert.deepEqual(
    family.snapshot().values.map(({ labels, value }) => [labels['a'], value]),
    [
      ['1', 2],
      ['2', 1],
      ['other', 2],
    ],
  );
});

test('A removed label set is gone from the next snapshot', () => {
  const family = gauges({ name: 'g', help: 'h', labels: ['a'] });
  family.labels({ a: '1' }).set(5);
  family.labels({ a: '2' }).set(6);
  family.remove({ a: '1' });
  assert.deepEqual(family.snapshot().values, [{ labels: { a: '2' }, value: 6 }]);
  family.clear();
  assert.deepEqual(family.snapshot().values, []);
});

test('Histogram buckets are cumulative and include their upper bound', () => {
  const family = histograms({ name: 's', help: 'h', labels: [] }, [1, 2]);
  for (const value of [0.5, 1, 1.5, 7]) family.labels({}).observe(value);
  assert.deepEqual(family.snapshot().values, [
    { labels: { le: 1 }, value: 2, metricName: 's_bucket' },
    { labels: { le: 2 }, value: 3, metricName: 's_bucket' },
    { labels: { le: '+Inf' }, value: 4, metricName: 's_bucket' },
    { labels: {}, value: 10, metricName: 's_sum' },
    { labels: {}, value: 4, metricName: 's_count' },
  ]);
});

test('Snapshots of several processes become one text: sums, minima and maxima by their meaning', async () => {
  const [a, b] = [new Metrics(), new Metrics()];
  for (const [metrics, n] of [
    [a, 1],
    [b, 2],
  ] as const) {
    metrics.of.requests.labels({ route: 'r', status: '2xx', backend: 'h:1' }).inc(n);
    metrics.of.requestSeconds.labels({ route: 'r' }).observe(n);
    metrics.of.configGeneration.labels({}).set(n);
    metrics.of.backendHealthy.labels({ route: 'r', backend: 'h:1' }).set(n - 1);
    metrics.of.requestsActive.labels({}).inc();
  }
  const plain = [a, b].map((metrics) => structuredClone(metrics.snapshot()));
  const { text } = await writeExposition(plain);
  for (const line of [
    'countersign_requests_total{route="r",status="2xx",backend="h:1"} 3',
    'countersign_request_seconds_count{route="r"} 2',
    'countersign_request_seconds_sum{route="r"} 3',
    'countersign_request_seconds_bucket{route="r",le="1"} 1',
    'countersign_request_seconds_bucket{route="r",le="+Inf"} 2',
    'countersign_config_generation 2',
    'countersign_backend_healthy{route="r",backend="h:1"} 0',
    'countersign_requests_active 2',
  ])
    assert.ok(text.includes(`${line}\n`), line);
});

test('The text says what each metric is before its samples, and leaves out those without a value', async () => {
  const metric = (name: string, values: MetricSample['values'], aggregator: MetricSample['aggregator'] = 'first') =>
    ({ name, help: 'a\\b\nc', type: 'gauge', aggregator, values }) as const;
  const { text } = await writeExposition([
    [metric('a', [{ labels: {}, value: Infinity }]), metric('b', [])],
    [metric('a', [{ labels: {}, value: 2 }]), metric('b', [{ labels: { l: 1 }, value: -0.5 }])],
  ]);
  assert.equal(
    text,
    '# HELP a a\\\\b\\nc\n# TYPE a gauge\na +Inf\n# HELP b a\\\\b\\nc\n# TYPE b gauge\nb{l="1"} -0.5\n',
  );
});

test('A large text is written in slices: other work has its turn in between', async () => {
  const metrics = new Metrics();
  for (let n = 0; n < 500; n++) metrics.of.requestSeconds.labels({ route: `r${n}` }).observe(1);
  let turns = 0;
  let done = false;
  const turn = (): void => {
    turns++;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  const { text, costMs } = await writeExposition([metrics.snapshot(), metrics.snapshot()]);
  done = true;
  assert.ok(text.includes('countersign_request_seconds_sum{route="r499"} 2\n'));
  // 500 routes with 19 samples, read twice and written once.
  assert.ok(turns >= 10, `${turns} turns`);
  assert.ok(costMs > 0);
});

test('Hostile label values stay within their quotes', async () => {
  const metrics = new Metrics();
  metrics.of.certificateExpiry.labels({ role: 'client', subject: 'CN="a\\\n} 1\nx 2' }).set(1);
  const { text } = await writeExposition([metrics.snapshot()]);
  assert.ok(text.includes('{role="client",subject="CN=\\"a\\\\\\n} 1\\nx 2"} 1\n'));
});

test('Every metric follows the naming rules and says what it means', () => {
  for (const { spec, type } of new Metrics().families()) {
    assert.match(spec.name, /^countersign_[a-z][a-z0-9_]*$/);
    assert.equal(type === 'counter', spec.name.endsWith('_total'), spec.name);
    if (type === 'histogram') assert.match(spec.name, /_seconds$/);
    assert.ok(spec.help.length > 10, spec.name);
  }
});
