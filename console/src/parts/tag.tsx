// A state in one word. Its sign and its word say it; the colour only helps.
import type { ReactNode } from 'react';
import css from './tag.module.css';

export type Tone = 'ok' | 'due' | 'bad' | 'plain';

const signs: Readonly<Record<Tone, string>> = { ok: '✓', due: '▲', bad: '✕', plain: '·' };

export function Tag({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) {
  return (
    <span className={`${css['tag']} ${css[tone]}`}>
      <span aria-hidden="true" className={css['sign']}>
        {signs[tone]}
      </span>
      {children}
    </span>
  );
}
