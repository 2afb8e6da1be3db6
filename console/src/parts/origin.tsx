// Where an object stands, who uses it, and what a reader may do about it.
import type { ReactNode } from 'react';
import type { Item } from '../api/client.ts';
import { Go } from './button.tsx';
import { plural } from './time.ts';
import css from './origin.module.css';

export type Origin = Item<'listServices'>['origin'];
export type Usage = { readonly kind: 'services' | 'policies' | 'routes' | 'alerts'; readonly id: string };

/** `gateway.yml:12`, or the store. */
export function whereIs(origin: Origin): string {
  return origin.kind === 'file' ? `${origin.place.file}:${origin.place.line}` : 'the store';
}

export function ReadOnlyNote({ origin }: { readonly origin: Origin }) {
  return origin.kind === 'file' ? (
    <>
      It stands in <span className="mono">{whereIs(origin)}</span> and is changed there.
    </>
  ) : null;
}

const paths = {
  services: '/services/$id',
  policies: '/clients/$id',
  routes: '/routes/$id',
  alerts: '/alerts',
} as const;
const nouns = { services: 'service', policies: 'policy', routes: 'route', alerts: 'receiver' } as const;

export function UsedBy({ users, none = 'nothing' }: { readonly users: readonly Usage[]; readonly none?: ReactNode }) {
  if (users.length === 0) return <span className={css['none']}>{none}</span>;
  return (
    <ul className={css['users']}>
      {users.slice(0, 20).map(({ kind, id }) => (
        <li key={`${kind} ${id}`}>
          <small>{nouns[kind]}</small>{' '}
          <Go to={paths[kind]} params={{ id } as never}>
            {id}
          </Go>
        </li>
      ))}
      {users.length > 20 && <li>and {plural(users.length - 20, 'more', 'more')}</li>}
    </ul>
  );
}

/** `2 services and 1 policy` */
export function countUsers(users: readonly Usage[]): string {
  const counted = (['services', 'routes', 'policies', 'alerts'] as const).flatMap((kind) => {
    const count = users.filter((one) => one.kind === kind).length;
    return count === 0 ? [] : [plural(count, nouns[kind], kind === 'alerts' ? 'receivers' : kind)];
  });
  return counted.length === 0 ? 'nothing' : counted.join(' and ');
}
