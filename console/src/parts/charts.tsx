// Three small shapes, each with its table behind a button: what a picture says, the table says in words and numbers.
import { type ReactNode, useId, useState } from 'react';
import { Action } from './button.tsx';
import type { Tone } from './tag.tsx';
import css from './charts.module.css';

type Cell = string | number;

function WithTable({
  label,
  head,
  rows,
  children,
}: {
  readonly label: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  readonly children: ReactNode;
}) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  return (
    <figure className={css['chart']} aria-label={label}>
      {children}
      <div className={css['more']}>
        <Action kind="quiet" aria-expanded={isOpen} aria-controls={id} onPress={() => setOpen(!isOpen)}>
          {isOpen ? 'Hide the table' : 'As a table'}
        </Action>
      </div>
      <div id={id} hidden={!isOpen} className={css['scroll']}>
        <table className={css['table']}>
          <caption className="visually-hidden">{label}</caption>
          <thead>
            <tr>
              {head.map((one) => (
                <th key={one} scope="col">
                  {one}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([first = '', ...rest], at) => (
              <tr key={at}>
                <th scope="row">{first}</th>
                {rest.map((cell, column) => (
                  <td key={head[column + 1]}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}

export type Point = { readonly label: string; readonly value: number };

/** How one number went, without axes; its last value stands beside it. */
export function Sparkline({
  label,
  unit,
  points,
}: {
  readonly label: string;
  readonly unit: string;
  readonly points: readonly Point[];
}) {
  const top = Math.max(1, ...points.map(({ value }) => value));
  const step = points.length > 1 ? 200 / (points.length - 1) : 0;
  const path = points
    .map(({ value }, at) => `${at === 0 ? 'M' : 'L'}${(at * step).toFixed(1)} ${(37 - (value / top) * 34).toFixed(1)}`)
    .join('');
  const last = points.at(-1)?.value ?? 0;
  return (
    <WithTable label={label} head={['Time', unit]} rows={points.map((point) => [point.label, point.value])}>
      <div className={css['spark']}>
        <svg
          viewBox="0 0 200 40"
          preserveAspectRatio="none"
          role="img"
          aria-label={`${label}: ${last} ${unit} now, at most ${top}`}
        >
          <path d={path} vectorEffect="non-scaling-stroke" />
        </svg>
        <div>
          <strong>{last}</strong> <small>{unit}</small>
        </div>
      </div>
    </WithTable>
  );
}

export type Share = { readonly name: string; readonly tone: Tone };
export type Bar = { readonly label: string; readonly values: readonly number[] };

const patterns: Readonly<Record<Tone, string>> = { ok: 'ok', due: 'due', bad: 'bad', plain: 'plain' };

/** One bar for each moment, its parts in the order of `shares`. `slots`: how many there is room for; they begin at the right. */
export function StackedBars({
  label,
  shares,
  bars,
  slots = 0,
}: {
  readonly label: string;
  readonly shares: readonly Share[];
  readonly bars: readonly Bar[];
  readonly slots?: number;
}) {
  const top = Math.max(1, ...bars.map(({ values }) => values.reduce((sum, value) => sum + value, 0)));
  const room = Math.max(1, slots, bars.length);
  const width = 600 / room;
  const left = (room - bars.length) * width;
  const rows = bars.map(({ label: at, values }): Cell[] => [at, ...values]);
  return (
    <WithTable label={label} head={['Time', ...shares.map(({ name }) => name)]} rows={rows}>
      <svg viewBox="0 0 600 90" preserveAspectRatio="none" className={css['bars']} role="img" aria-label={label}>
        {bars.map(({ label: at, values }, index) => {
          let bottom = 90;
          return (
            <g key={at}>
              {values.map((value, part) => {
                const height = (value / top) * 88;
                bottom -= height;
                const { name, tone } = shares[part] ?? { name: '', tone: 'plain' as const };
                return value === 0 ? null : (
                  <rect
                    key={name}
                    className={css[patterns[tone]]}
                    x={left + index * width + 0.5}
                    y={bottom}
                    width={Math.max(1, width - 1)}
                    height={height}
                  />
                );
              })}
            </g>
          );
        })}
      </svg>
      <ul className={css['legend']}>
        {shares.map(({ name, tone }, part) => (
          <li key={name}>
            <svg width="10" height="10" aria-hidden="true">
              <rect width="10" height="10" className={css[patterns[tone]]} />
            </svg>
            {name} <b>{bars.reduce((sum, { values }) => sum + (values[part] ?? 0), 0)}</b>
          </li>
        ))}
      </ul>
    </WithTable>
  );
}

export type Expiry = {
  readonly name: string;
  /** RFC 3339. */
  readonly notAfter: string;
  readonly tone: Tone;
  readonly state: string;
};

const day = 86_400_000;

/** What ends when, over the next `days`: one mark for each, the worst first in its table. */
export function ExpiryStrip({
  label,
  items,
  now,
  days = 90,
}: {
  readonly label: string;
  readonly items: readonly Expiry[];
  readonly now: number;
  readonly days?: number;
}) {
  const sorted = items.toSorted((a, b) => Date.parse(a.notAfter) - Date.parse(b.notAfter));
  const at = ({ notAfter }: Expiry): number => Math.min(1, Math.max(0, (Date.parse(notAfter) - now) / (days * day)));
  const later = sorted.filter(({ notAfter }) => Date.parse(notAfter) - now > days * day).length;
  const rows = sorted.map(({ name, notAfter, state }): Cell[] => [
    name,
    `${notAfter.slice(0, 16).replace('T', ' ')} UTC`,
    state,
  ]);
  return (
    <WithTable label={label} head={['Certificate', 'Ends', 'State']} rows={rows}>
      <svg
        viewBox="0 0 600 46"
        preserveAspectRatio="none"
        className={css['strip']}
        role="img"
        aria-label={`${label}: ${sorted.length - later} of ${sorted.length} end within ${days} days`}
      >
        <line x1="0" x2="600" y1="40" y2="40" className={css['axis']} />
        {sorted.map((one) =>
          at(one) >= 1 ? null : (
            <rect
              key={`${one.name} ${one.notAfter}`}
              className={css[patterns[one.tone]]}
              x={at(one) * 594}
              y={one.tone === 'bad' ? 4 : one.tone === 'due' ? 12 : 22}
              width="6"
              height={one.tone === 'bad' ? 36 : one.tone === 'due' ? 28 : 18}
            />
          ),
        )}
      </svg>
      <div className={css['scale']}>
        <span>now</span>
        <span>{Math.round(days / 3)} days</span>
        <span>{Math.round((days * 2) / 3)} days</span>
        <span>{later === 0 ? `${days} days` : `${later} later`}</span>
      </div>
    </WithTable>
  );
}
