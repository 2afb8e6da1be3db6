// Who is logged in, what he may do, and the dialog that comes when the session ends in the middle of something.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { type Answer, onSessionEnd, send } from './client.ts';
import type { Act } from './operations.ts';
import { asProblem, Problem } from './problem.ts';
import { useTrouble } from './queries.ts';

export type Me = Answer<'getSession'>;

export type SessionState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly problem: Problem; readonly retry: () => void }
  | { readonly kind: 'none' }
  /** `ended`: he has to log in again before anything can be done. */
  | { readonly kind: 'open'; readonly me: Me; readonly ended: boolean };

export type Session = {
  readonly state: SessionState;
  /** After a log-in or the setup. Rejects what waited where it is another user: that was not his intent. */
  readonly entered: (me: Me) => void;
  /** Nobody wants to log in again: what waited is refused. */
  readonly gaveUp: () => void;
  /** After a log-out: everything that was read is forgotten. */
  readonly left: () => void;
};

const context = createContext<Session | undefined>(undefined);
const key = ['session'] as const;

type Waiting = { readonly resolve: () => void; readonly reject: (error: Error) => void };

export function SessionProvider({ children }: { readonly children: ReactNode }) {
  const client = useQueryClient();
  const waiting = useRef<Waiting[]>([]);
  const [ended, setEnded] = useState(false);
  const query = useQuery({
    queryKey: key,
    queryFn: async ({ signal }) => {
      try {
        return (await send<Me>('getSession', { signal })).body;
      } catch (error) {
        if (error instanceof Problem && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
  const { data, refetch } = query;
  const trouble = useTrouble(query);
  const isOpen = data !== null && data !== undefined;

  useEffect(() => {
    if (!isOpen) return undefined;
    onSessionEnd(async () => {
      setEnded(true);
      return new Promise<void>((resolve, reject) => waiting.current.push({ resolve, reject }));
    });
    return () => onSessionEnd(undefined);
  }, [isOpen]);

  const settle = useCallback((act: (one: Waiting) => void) => {
    const all = waiting.current;
    waiting.current = [];
    setEnded(false);
    for (const one of all) act(one);
  }, []);

  const entered = useCallback(
    (me: Me) => {
      const before = client.getQueryData<Me | null>(key);
      const isSame = before === null || before === undefined || before.user.id === me.user.id;
      client.setQueryData(key, me);
      if (isSame) settle(({ resolve }) => resolve());
      else {
        settle(({ reject }) => reject(anotherUser()));
        client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== key[0] });
      }
    },
    [client, settle],
  );
  useEffect(() => {
    if (!ended) return undefined;
    const channel = new BroadcastChannel(channelName);
    channel.addEventListener('message', () => {
      send<Me>('getSession', {}).then(
        ({ body }) => entered(body),
        // Nobody has come in after all: the dialog stays.
        () => {},
      );
    });
    return () => channel.close();
  }, [ended, entered]);
  const gaveUp = useCallback(() => settle(({ reject }) => reject(notLoggedIn())), [settle]);
  const left = useCallback(() => {
    settle(({ reject }) => reject(notLoggedIn()));
    client.setQueryData(key, null);
    client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== key[0] });
  }, [client, settle]);

  const value = useMemo<Session>(() => {
    const state: SessionState = isOpen
      ? { kind: 'open', me: data, ended }
      : data === null
        ? { kind: 'none' }
        : trouble !== null
          ? { kind: 'failed', problem: asProblem(trouble), retry: () => void refetch() }
          : { kind: 'loading' };
    return { state, entered, gaveUp, left };
  }, [isOpen, data, ended, trouble, refetch, entered, gaveUp, left]);
  return <context.Provider value={value}>{children}</context.Provider>;
}

/** Between the tabs of one browser. */
const channelName = 'countersign.session';

/** Another tab may have waited for it. */
export function tellEntered(): void {
  const channel = new BroadcastChannel(channelName);
  channel.postMessage('entered');
  channel.close();
}

function notLoggedIn(): Problem {
  return new Problem({ title: 'not logged in', status: 401, code: 'not_logged_in', detail: 'Log in to go on.' });
}

function anotherUser(): Problem {
  const detail = 'Somebody else has logged in. Nothing was sent: send it again if you mean it.';
  return new Problem({ title: 'another user', status: 401, code: 'another_user', detail });
}

export function useSession(): Session {
  const session = use(context);
  if (session === undefined) throw new Error('no SessionProvider');
  return session;
}

/** Inside the shell there is always somebody. */
export function useMe(): Me {
  const { state } = useSession();
  if (state.kind !== 'open') throw new Error('nobody is logged in here');
  return state.me;
}

/** Whether he who is logged in may do it; the server decides in any case. */
export function useMay(act: Act): boolean {
  return useMe().acts.includes(act);
}
