// Around every screen: who may be here at all, the navigation, the keys, what is announced. Without a session it is the log-in, or the
// setup where there is no user yet.
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { type Me, useSession } from '../api/session.tsx';
import { Announcer } from '../parts/toast.tsx';
import { FailedToLoad } from '../parts/states.tsx';
import { useCounts } from './counts.ts';
import { DriftBanner } from './drift-banner.tsx';
import { useKeys } from './keys.ts';
import { isAt, navigation } from './navigation.ts';
import css from './shell.module.css';

const LogIn = lazy(async () => import('../screens/log-in/log-in.tsx'));
const LogInAgain = lazy(async () => import('../screens/log-in/log-in-again.tsx'));
const Again = lazy(async () => import('../screens/log-in/again.tsx'));
const Callback = lazy(async () => import('../screens/log-in/callback.tsx'));
const SetUp = lazy(async () => import('../screens/set-up/set-up.tsx'));
const Help = lazy(async () => import('./help.tsx'));
const Search = lazy(async () => import('./search.tsx'));

export function Shell(): ReactNode {
  const { state } = useSession();
  const { pathname } = useLocation();
  // Whoever is logged in, and whether anybody is.
  if (pathname === '/log-in/callback' || pathname === '/log-in/again')
    return (
      <Alone>
        <Suspense>{pathname === '/log-in/again' ? <Again /> : <Callback />}</Suspense>
      </Alone>
    );
  if (state.kind === 'loading') return null;
  if (state.kind === 'failed')
    return (
      <Alone>
        <FailedToLoad problem={state.problem} onRetry={state.retry} />
      </Alone>
    );
  if (state.kind === 'none')
    return (
      <Alone>
        <Suspense>{pathname === '/setup' ? <SetUp /> : <LogIn />}</Suspense>
      </Alone>
    );
  return (
    <>
      <Frame me={state.me} pathname={pathname} />
      {state.ended && (
        <Suspense>
          <LogInAgain />
        </Suspense>
      )}
    </>
  );
}

function Alone({ children }: { readonly children: ReactNode }) {
  return (
    <main className={css['alone']}>
      <p className={css['brand']}>Countersign</p>
      {children}
      <Announcer />
    </main>
  );
}

function Frame({ me, pathname }: { readonly me: Me; readonly pathname: string }) {
  const navigate = useNavigate();
  const [open, setOpen] = useState<'help' | 'search' | undefined>();
  const counts = useCounts();
  useKeys({
    '/': () => setOpen('search'),
    '?': () => setOpen('help'),
    ...Object.fromEntries(navigation.map(({ path, letter }) => [`g${letter}`, () => void navigate({ to: path })])),
  });
  return (
    <div className={css['frame']}>
      <a href="#content" className={css['skip']}>
        Skip to the content
      </a>
      <header className={css['side']}>
        <p className={css['brand']}>Countersign</p>
        <nav aria-label="Main">
          <ul>
            {navigation.map((item) => {
              const count = item.count === undefined ? 0 : counts[item.count];
              return (
                <li key={item.path}>
                  <Link
                    to={item.path}
                    className={css['item'] ?? ''}
                    activeProps={{}}
                    aria-current={isAt(item, pathname) ? 'page' : undefined}
                  >
                    {item.label}
                    {count > 0 && (
                      <span className={css['count']}>
                        {count}
                        <span className="visually-hidden"> need you</span>
                      </span>
                    )}
                  </Link>
                </li>
              );
            })}
          </ul>
        </nav>
        <div className={css['own']}>
          <button type="button" className={css['item']} onClick={() => setOpen('search')}>
            Search <kbd aria-hidden="true">/</kbd>
          </button>
          <button type="button" className={css['item']} onClick={() => setOpen('help')}>
            Keys <kbd aria-hidden="true">?</kbd>
          </button>
          <Link
            to="/account"
            className={css['item'] ?? ''}
            activeProps={{}}
            aria-current={pathname === '/account' ? 'page' : undefined}
          >
            <span>
              {me.user.name} <small>{me.user.role}</small>
            </span>
          </Link>
        </div>
      </header>
      <main id="content" tabIndex={-1} className={css['content']}>
        <DriftBanner />
        <Outlet />
      </main>
      <Announcer />
      <Suspense>
        {open === 'help' && <Help onClose={() => setOpen(undefined)} />}
        {open === 'search' && <Search onClose={() => setOpen(undefined)} />}
      </Suspense>
    </div>
  );
}
