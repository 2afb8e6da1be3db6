// A list whose rows say a state, what it is about, and what can be done.
import type { ReactNode } from 'react';
import { Tag, type Tone } from './tag.tsx';
import css from './rows.module.css';

export function Rows({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <ul className={css['rows']} aria-label={label}>
      {children}
    </ul>
  );
}

export type RowProps = {
  readonly tone?: Tone;
  /** The word of the tag. */
  readonly state?: string;
  readonly title: ReactNode;
  readonly detail?: ReactNode;
  readonly action?: ReactNode;
};

export function Row({ tone, state, title, detail, action }: RowProps) {
  return (
    <li className={state === undefined ? `${css['row']} ${css['bare']}` : css['row']}>
      {state !== undefined && <Tag tone={tone ?? 'plain'}>{state}</Tag>}
      <div className={css['about']}>
        <div>{title}</div>
        {detail !== undefined && <small>{detail}</small>}
      </div>
      {action !== undefined && <div className={css['action']}>{action}</div>}
    </li>
  );
}
