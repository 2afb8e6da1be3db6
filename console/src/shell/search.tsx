// Everything that has a name, found by a part of it.
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useReadAll } from '../api/queries.ts';
import { OpenDialog } from '../parts/dialog.tsx';
import { Go } from '../parts/button.tsx';
import { Hostile } from '../parts/hostile.tsx';
import { navigation } from './navigation.ts';
import css from './shell.module.css';

type Hit = { readonly kind: string; readonly name: string; readonly to: string; readonly id?: string };

const most = 30;

export default function Search({ onClose }: { readonly onClose: () => void }) {
  const [text, setText] = useState('');
  const navigate = useNavigate();
  const lists = [
    ['service', '/services/$id', useReadAll('listServices').data],
    ['route', '/routes/$id', useReadAll('listRoutes').data],
    ['certificate', '/certificates/$id', useReadAll('listCertificates').data],
    ['CA bundle', '/ca-bundles/$id', useReadAll('listCaBundles').data],
    ['policy', '/clients/$id', useReadAll('listPolicies').data],
  ] as const;
  const all: Hit[] = [
    ...navigation.map(({ label, path }) => ({ kind: 'screen', name: label, to: path })),
    ...lists.flatMap(([kind, to, data]) => (data?.items ?? []).map(({ id }) => ({ kind, name: id, to, id }))),
  ];
  const wanted = text.trim().toLowerCase();
  const hits = all.filter(({ name }) => name.toLowerCase().includes(wanted)).slice(0, most);
  const [first] = hits;
  const go = (hit: Hit): void => {
    onClose();
    void navigate({ to: hit.to, params: { id: hit.id } as never });
  };
  return (
    <OpenDialog title="Search" onClose={onClose}>
      <input
        className={css['search']}
        type="search"
        aria-label="Name of a service, route, certificate, bundle or policy"
        autoFocus
        value={text}
        onChange={({ target }) => setText(target.value)}
        onKeyDown={({ key }) => key === 'Enter' && first !== undefined && go(first)}
      />
      <p role="status" className="visually-hidden">
        {hits.length} found
      </p>
      <ul className={css['hits']}>
        {hits.map((hit) => (
          <li key={`${hit.kind} ${hit.name}`}>
            <Go to={hit.to as never} params={{ id: hit.id } as never} onClick={onClose}>
              <Hostile text={hit.name} max={80} />
            </Go>
            <small>{hit.kind}</small>
          </li>
        ))}
      </ul>
      {hits.length === 0 && <p>Nothing has “{text}” in its name.</p>}
    </OpenDialog>
  );
}
