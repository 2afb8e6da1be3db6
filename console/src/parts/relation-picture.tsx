// One relation as two locks: client, gateway, service, and on each of the two ways who shows what and how it is checked. An arrow points
// from who shows to who checks; a cross is a refusal, a question mark what we cannot know.
import type { ReactNode } from 'react';
import { Tag, type Tone } from './tag.tsx';
import css from './relation-picture.module.css';

export type Showing = {
  readonly state: 'ok' | 'refused' | 'unknown' | 'none';
  /** `shows CN=partner-7, 41 days left`. */
  readonly what: ReactNode;
  /** `checked by bundle “partners” · SAN rule 2 matched`. */
  readonly how: ReactNode;
};

export type Party = {
  readonly role: string;
  readonly name: ReactNode;
  readonly detail?: ReactNode;
  readonly tag?: { readonly tone: Tone; readonly text: string };
};

export type Leg = {
  readonly label: string;
  /** From left to right. */
  readonly forth: Showing;
  readonly back: Showing;
};

export type RelationPictureProps = {
  readonly label: string;
  readonly parties: readonly [Party, Party, Party];
  readonly legs: readonly [Leg, Leg];
};

export function RelationPicture({ label, parties, legs }: RelationPictureProps) {
  return (
    <div className={css['relation']} role="group" aria-label={label}>
      <Who {...parties[0]} />
      <Way {...legs[0]} />
      <Who {...parties[1]} />
      <Way {...legs[1]} />
      <Who {...parties[2]} />
    </div>
  );
}

function Who({ role, name, detail, tag }: Party) {
  return (
    <div className={css['who']}>
      <small>{role}</small>
      <strong>{name}</strong>
      {detail !== undefined && <small>{detail}</small>}
      {tag !== undefined && <Tag tone={tag.tone}>{tag.text}</Tag>}
    </div>
  );
}

function Way({ label, forth, back }: Leg) {
  return (
    <ul className={css['way']} aria-label={label}>
      <Shown {...forth} direction="forth" />
      <Shown {...back} direction="back" />
    </ul>
  );
}

const paths = {
  forth: 'M2 8h11M9 4l4 4-4 4',
  back: 'M14 8H3M7 4 3 8l4 4',
} as const;
const said = { ok: 'accepted', refused: 'refused', unknown: 'not known', none: 'nothing shown' } as const;

function Shown({ state, what, how, direction }: Showing & { readonly direction: 'forth' | 'back' }) {
  return (
    <li className={`${css['shown']} ${css[state]}`}>
      <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" className={css[direction]}>
        {state === 'refused' ? (
          <path d="M3 3l10 10M13 3 3 13" />
        ) : state === 'unknown' ? (
          <path d="M5.5 6a2.5 2.5 0 1 1 3.6 2.2C8.3 8.7 8 9.200 8 10.200M8 12.600v.8" />
        ) : (
          <path d={paths[direction]} strokeDasharray={state === 'none' ? '2 3' : undefined} />
        )}
      </svg>
      <div>
        <span className="visually-hidden">{said[state]}: </span>
        {what}
        <span className={css['how']}>{how}</span>
      </div>
    </li>
  );
}
