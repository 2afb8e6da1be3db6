// Screens that belong together, one line below the heading.
import { Link } from '@tanstack/react-router';
import css from './sub-navigation.module.css';

const groups = {
  changes: [
    { to: '/changes', label: 'Changes' },
    { to: '/gateways', label: 'Gateways' },
    { to: '/trust-audit', label: 'Trust audit' },
    { to: '/users', label: 'Users' },
    { to: '/tokens', label: 'Tokens' },
  ],
} as const;

export function SubNavigation({ of }: { readonly of: keyof typeof groups }) {
  return (
    <nav aria-label="Below changes" className={css['bar']}>
      {groups[of].map(({ to, label }) => (
        <Link key={to} to={to} activeOptions={{ exact: true, includeSearch: false }} className={css['link'] ?? ''}>
          {label}
        </Link>
      ))}
    </nav>
  );
}
