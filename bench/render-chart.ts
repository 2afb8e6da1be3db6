// docs/performance.svg: for each row where we stand beside each other gateway, on a scale on which half and double are as far
// from 1. Text stays text, colours follow the reader's theme, nothing runs.
import { type FigureRow, figuresOf, opponents } from './report-figures.ts';
import type { ReportRun } from './report-run.ts';
import { names } from './render-report.ts';

const WIDTH = 960;
const LEFT = 250;
const RIGHT = 900;
const TOP = 84;
const LINE = 11;
const GAP = 12;

/** By gateway: colour on light and on dark, each told apart by its shape too. */
const looks = {
  nginx: { light: '#00712a', dark: '#5fd38a', shape: 'circle' },
  haproxy: { light: '#0b5cad', dark: '#79b8ff', shape: 'square' },
  caddy: { light: '#8a3ffc', dark: '#c9a4ff', shape: 'diamond' },
  envoy: { light: '#b3261e', dark: '#ff9a8f', shape: 'triangle' },
} as const;

type Shape = (typeof looks)['nginx' | 'haproxy' | 'caddy' | 'envoy']['shape'];

const round = (value: number): string => value.toFixed(1);
const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

export function renderChart(runs: readonly ReportRun[]): string {
  const figures = figuresOf(runs);
  const far = Math.max(2, ...figures.flatMap(spreads));
  const steps = Math.ceil(Math.log2(far));
  const x = (ratio: number): number => {
    const share = (Math.log2(ratio) + steps) / (2 * steps);
    return LEFT + Math.min(1, Math.max(0, share)) * (RIGHT - LEFT);
  };
  const rowHeight = opponents.length * LINE + GAP;
  const height = TOP + figures.length * rowHeight + 20;
  const ticks = Array.from({ length: 2 * steps + 1 }, (_, at) => 2 ** (at - steps));
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title desc">`,
    '<title id="title">Ours ÷ theirs, row by row</title>',
    `<desc id="desc">${escape(describe(figures))}</desc>`,
    `<style>${style()}</style>`,
    `<rect class="paper" width="${WIDTH}" height="${height}"/>`,
    `<text class="head" x="16" y="26">Countersign ÷ other gateways: CPU, memory or p99, row by row</text>`,
    ...opponents.map((peer, at) => legend(peer, 16 + at * 110)),
    `<text class="small" x="${RIGHT}" y="48" text-anchor="end">dot: median of ${runs.length} run${runs.length === 1 ? '' : 's'}; line: lowest to highest</text>`,
    ...ticks.map((tick) => grid(tick, x(tick), height - 20)),
    `<text class="small" x="${round(x(1) - 8)}" y="${TOP - 22}" text-anchor="end">◀ we cost less</text>`,
    `<text class="small" x="${round(x(1) + 8)}" y="${TOP - 22}">we cost more ▶</text>`,
    ...figures.map((figure, at) => row(figure, TOP + at * rowHeight, x)),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

/** How far the ratios of a row lie from 1, in either direction. */
function spreads({ standings }: FigureRow): number[] {
  return [...standings.values()].flatMap((standing) =>
    standing.kind === 'ratio' ? [standing.ratio.highest, 1 / standing.ratio.lowest] : [],
  );
}

function describe(figures: readonly FigureRow[]): string {
  return figures
    .map(({ row, standings }) => {
      const parts = [...standings].flatMap(([peer, standing]) =>
        standing.kind === 'ratio' ? [`${names[peer]} ${standing.ratio.median.toFixed(2)}`] : [],
      );
      return `${row.name} by ${row.generator}: ${parts.join(', ')}`;
    })
    .join('; ');
}

function style(): string {
  const colours = (theme: 'light' | 'dark'): string =>
    opponents.map((peer) => `.${peer}{fill:${looks[peer][theme]};stroke:${looks[peer][theme]}}`).join('');
  return [
    'text{font:12px system-ui,sans-serif;fill:#1f2328}.head{font-size:15px;font-weight:600}.small{font-size:11px;fill:#59636e}',
    '.paper{fill:#ffffff}.grid{stroke:#d1d9e0}.one{stroke:#1f2328;stroke-width:1.5}.band{fill:#f6f8fa}.range{stroke-width:2}',
    colours('light'),
    `@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}.paper{fill:#0d1117}.grid{stroke:#3d444d}.one{stroke:#f0f6fc}.band{fill:#151b23}${colours('dark')}}`,
  ].join('');
}

function legend(peer: (typeof opponents)[number], at: number): string {
  return `${mark(looks[peer].shape, peer, at + 6, 44)}<text class="small" x="${at + 18}" y="48">÷ ${names[peer]}</text>`;
}

function grid(tick: number, at: number, bottom: number): string {
  const text = tick < 1 ? `1/${1 / tick}` : String(tick);
  return `<line class="${tick === 1 ? 'one' : 'grid'}" x1="${round(at)}" x2="${round(at)}" y1="${TOP - 4}" y2="${bottom}"/><text class="small" x="${round(at)}" y="${TOP - 8}" text-anchor="middle">${text}</text>`;
}

function row({ row, standings }: FigureRow, top: number, x: (ratio: number) => number): string {
  const middle = top + (opponents.length * LINE) / 2 + GAP / 2;
  const what = row.judged === 'p99' ? 'p99' : row.unit;
  const parts = [
    `<text x="16" y="${round(middle)}">${escape(row.name)}</text>`,
    `<text class="small" x="16" y="${round(middle + 13)}">${escape(`${row.generator}, ${what}`)}</text>`,
    `<line class="grid" x1="16" x2="${RIGHT}" y1="${round(top)}" y2="${round(top)}"/>`,
  ];
  opponents.forEach((peer, at) => {
    const standing = standings.get(peer);
    const y = top + GAP / 2 + (at + 0.5) * LINE;
    if (standing?.kind === 'failed')
      parts.push(
        `<text class="small" x="${LEFT - 8}" y="${round(y + 4)}" text-anchor="end">${names[peer]} failed</text>`,
      );
    if (standing?.kind !== 'ratio') return;
    const { median, lowest, highest } = standing.ratio;
    parts.push(
      `<line class="range ${peer}" x1="${round(x(lowest))}" x2="${round(x(highest))}" y1="${round(y)}" y2="${round(y)}"/>`,
      mark(looks[peer].shape, peer, x(median), y),
      `<text class="small" x="${RIGHT + 8}" y="${round(y + 4)}">${median.toFixed(2)}</text>`,
    );
  });
  return `<g>${parts.join('')}</g>`;
}

function mark(shape: Shape, peer: string, x: number, y: number): string {
  const at = (dx: number, dy: number): string => `${round(x + dx)},${round(y + dy)}`;
  if (shape === 'circle') return `<circle class="${peer}" cx="${round(x)}" cy="${round(y)}" r="4"/>`;
  if (shape === 'square')
    return `<rect class="${peer}" x="${round(x - 3.5)}" y="${round(y - 3.5)}" width="7" height="7"/>`;
  const points =
    shape === 'diamond' ? [at(0, -5), at(5, 0), at(0, 5), at(-5, 0)] : [at(0, -4.5), at(4.5, 3.5), at(-4.5, 3.5)];
  return `<polygon class="${peer}" points="${points.join(' ')}"/>`;
}
