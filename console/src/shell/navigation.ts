// The screens in the navigation, each with the letter that follows `g`.
export type NavItem = {
  readonly path: string;
  readonly label: string;
  readonly letter: string;
  /** Other beginnings of paths that belong to it. */
  readonly also?: readonly string[];
  /** Which number of the overview stands beside it: how many of it need somebody. */
  readonly count?: 'overview' | 'certificates' | 'handshakes';
};

export const navigation: readonly NavItem[] = [
  { path: '/', label: 'Overview', letter: 'o', count: 'overview', also: ['/relations', '/start'] },
  { path: '/alerts', label: 'Alerts', letter: 'a' },
  { path: '/services', label: 'Services', letter: 's' },
  { path: '/clients', label: 'Clients and listeners', letter: 'l' },
  { path: '/routes', label: 'Routes', letter: 'r' },
  { path: '/certificates', label: 'Certificates', letter: 'c', count: 'certificates', also: ['/ca-bundles'] },
  { path: '/handshakes', label: 'Handshakes', letter: 'h', count: 'handshakes' },
  { path: '/test', label: 'Test request', letter: 't' },
  { path: '/changes', label: 'Changes', letter: 'v', also: ['/gateways', '/trust-audit', '/users', '/tokens'] },
];

export function isAt({ path, also = [] }: NavItem, pathname: string): boolean {
  if (path === '/' && pathname === '/') return true;
  return [...(path === '/' ? [] : [path]), ...also].some((one) => pathname === one || pathname.startsWith(`${one}/`));
}
