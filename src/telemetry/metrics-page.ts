// docs/metrics.md, written from the catalogue so that the page cannot lag behind it (scripts/pages.ts writes it, a test
// compares the two).
import { Metrics } from './metrics.ts';
import type { Aggregator } from './registry.ts';

const merged: Readonly<Record<Aggregator, string>> = { sum: 'sum', min: 'lowest', max: 'highest', first: 'first' };

const opening = `# Metrics

Prometheus text at the admin listener (\`/metrics\`). Each worker counts for itself; the column *workers* says how their
numbers become one. Durations are in seconds. Reason codes are those of [faults.md](faults.md). A metric holds at most
20,000 label sets: what comes later is counted with \`other\` in every label. Metrics without a value yet are left out.

| name | type | labels | workers | meaning |
|---|---|---|---|---|
`;

export function metricsPage(): string {
  const rows = new Metrics().families().map(({ spec, type }) => {
    const labels = spec.labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${spec.name}\` | ${type} | ${labels} | ${merged[spec.aggregator ?? 'sum']} | ${spec.help} |`;
  });
  return `${opening}${rows.join('\n')}\n`;
}
