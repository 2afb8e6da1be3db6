// The generated part of docs/performance.md: the tables of several complete runs, in Markdown.
import type { PeerName } from './peer.ts';
import { everybody, type FigureRow, figuresOf, opponents, type Standing } from './report-figures.ts';
import { type Figure, keyOf, type ReportRun } from './report-run.ts';
import type { Ratio } from './table.ts';

export const BEGIN = '<!-- made by npm run bench -- --render: begin -->';
export const END = '<!-- made by npm run bench -- --render: end -->';

export const NO_RUN = 'No complete run has been committed yet.';

export const names: Readonly<Record<PeerName, string>> = {
  countersign: 'Countersign',
  against: 'another commit',
  nginx: 'nginx',
  haproxy: 'HAProxy',
  caddy: 'Caddy',
  envoy: 'Envoy',
};

/** The page with its generated part replaced; throws where it has no place for it. */
export function putIntoPage(page: string, part: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`The page has no "${BEGIN}" … "${END}".`);
  return `${page.slice(0, begin + BEGIN.length)}\n${part}\n${page.slice(end)}`;
}

/** The generated part of a page; undefined where there is none. */
export function partOf(page: string): string | undefined {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  return begin < 0 || end < begin ? undefined : page.slice(begin + BEGIN.length + 1, end - 1);
}

/** `complete`: keys of the rows that a complete run has. */
export function renderReport(runs: readonly ReportRun[], complete: readonly string[]): string {
  const figures = figuresOf(runs);
  const parts = [
    renderOrigin(runs, complete),
    '![Ours ÷ theirs, row by row](performance.svg)',
    '### Ours ÷ theirs',
    'Below 1 we cost less, above 1 (**bold**) we cost more. In brackets the lowest and the highest of the runs.',
    renderRatios(figures),
    '### What it costs',
    'The work of one gateway for one piece of work, medians; of the rows at a fixed rate the latency.',
    renderCosts(figures),
    renderLogs(figures),
    renderRemarks(runs, figures),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function renderOrigin(runs: readonly ReportRun[], complete: readonly string[]): string {
  const [first] = runs;
  if (first === undefined) return '';
  const told = ([name, version]: readonly [string, string | null | undefined]): string =>
    `${names[name as PeerName] ?? name} ${version ?? 'is not installed'}`.trim();
  const lines = [
    `- Machine: ${first.machine}`,
    `- Gateways: ${Object.entries(first.peers).map(told).join(', ')}; commit ${first.commit}`,
    `- Generators: ${Object.entries(first.generators).map(told).join(', ')}`,
    `- Method: ${first.method}`,
    '- Runs, with all their figures: [performance-runs.jsonl](performance-runs.jsonl)',
    ...runs.map(
      (run, at) => `- Run ${at + 1}: ${run.date.slice(0, 16).replace('T', ' ')} UTC${renderState(run, complete)}`,
    ),
  ];
  return lines.join('\n');
}

function renderState(run: ReportRun, complete: readonly string[]): string {
  const missing = complete.filter((key) => !run.rows.some((row) => keyOf(row) === key));
  const parts = [
    ...(run.interruptions > 0 ? [`in ${run.interruptions + 1} sittings`] : []),
    ...(missing.length > 0 ? [`INCOMPLETE, without ${missing.join(', ')}`] : []),
  ];
  return parts.length === 0 ? '' : `, ${parts.join(', ')}`;
}

function renderRatios(figures: readonly FigureRow[]): string {
  const head = ['row', 'generator', 'of', ...opponents.map((peer) => `÷ ${names[peer]}`)];
  const lines = figures.map(({ row, rates, standings }) => [
    `\`${row.name}\` ${row.title}${renderRates(rates)}`,
    row.generator,
    row.judged === 'p99' ? 'p99' : row.unit,
    ...opponents.map((peer) => renderStanding(standings.get(peer))),
  ]);
  return renderMarkdownTable(head, lines);
}

function renderRates(rates: FigureRow['rates']): string {
  if (rates === undefined) return '';
  const [lowest, highest] = rates;
  return lowest === highest ? `: ${lowest} a second` : `: ${lowest} to ${highest} a second, by run`;
}

function renderStanding(standing: Standing | undefined): string {
  if (standing === undefined || standing.kind === 'absent') return '–';
  return standing.kind === 'failed' ? 'FAILED' : renderRatio(standing.ratio);
}

function renderRatio({ median, lowest, highest }: Ratio): string {
  const text = median.toFixed(2);
  return `${Number(text) > 1 ? `**${text}**` : text} (${lowest.toFixed(2)}–${highest.toFixed(2)})`;
}

function renderCosts(figures: readonly FigureRow[]): string {
  const head = ['row', 'generator', 'of', ...everybody.map((peer) => names[peer]), 'our event loop'];
  const lines = figures.map(({ row, cells }) => {
    const delay = cells.get('countersign')?.delayMs ?? null;
    return [
      `\`${row.name}\``,
      row.generator,
      row.judged === 'p99' ? 'p50 / p99 ms' : row.unit,
      ...everybody.map((peer) => {
        const cell = cells.get(peer);
        if (cell === undefined) return '–';
        if (Object.keys(cell.failures).length > 0) return 'FAILED';
        return row.judged === 'p99' ? `${digits(cell.p50)} / ${digits(cell.p99)}` : digits(cell.cost);
      }),
      delay === null ? '–' : `≤ ${delay} ms`,
    ];
  });
  return renderMarkdownTable(head, lines);
}

/** Three digits that count. */
function digits(value: Figure): string {
  if (value === null) return '–';
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function renderLogs(figures: readonly FigureRow[]): string {
  const row = figures.find(({ logRatios }) => logRatios.size > 0);
  if (row === undefined) return '';
  const cells = everybody.map((peer) => {
    const ratio = row.logRatios.get(peer);
    return ratio === undefined ? '–' : renderRatio(ratio);
  });
  const head = ['', ...everybody.map((peer) => names[peer])];
  return `### The access log\n\n${renderMarkdownTable(head, [['with the log ÷ without, each gateway by itself', ...cells]])}`;
}

function renderRemarks(runs: readonly ReportRun[], figures: readonly FigureRow[]): string {
  const remarks = new Set<string>();
  for (const { row, runs: count, standings, cells } of figures) {
    if (count < runs.length) remarks.add(`\`${row.name}\` (${row.generator}) is in ${count} of ${runs.length} runs.`);
    for (const [peer, standing] of standings)
      if (standing.kind === 'failed')
        remarks.add(`\`${row.name}\` (${row.generator}), ${names[peer]}: ${standing.what}.`);
    for (const { peer, resumed } of cells.values())
      if (resumed !== null && resumed < 0.995)
        remarks.add(`\`${row.name}\`: ${names[peer]} let ${(resumed * 100).toFixed(0)} % of the connections resume.`);
  }
  for (const note of runs.flatMap((run) => run.notes)) remarks.add(`${note.split('\n')[0]}.`);
  return remarks.size === 0 ? '' : `### Remarks\n\n${[...remarks].map((remark) => `- ${remark}`).join('\n')}`;
}

function renderMarkdownTable(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const format = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [format(head), `|${'---|'.repeat(head.length)}`, ...lines.map(format)].join('\n');
}
