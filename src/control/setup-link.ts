// The first start: a link that makes the first administrator. Each control process that finds no user offers one; what the store
// keeps of it is a digest, in the audit log. It ends after an hour, and with the first user, whoever used which link.
import type { Clock } from '../base/clock.ts';
import type { Store } from '../store/store.ts';
import { digestOfSecret, makeSecret } from './random-secret.ts';

const lifetimeMs = 60 * 60_000;
/** Links that are looked at: each start of the control process makes one. */
const maxOffers = 20;
const subject = 'setup';
const actor = 'system';

export type SetupStore = Pick<Store, 'users' | 'audit'>;

export async function needsSetup({ users }: SetupStore): Promise<boolean> {
  return (await users.list({ limit: 1 })).items.length === 0;
}

/** The link and when it ends; undefined where there are users. `url`: of the admin entry point. */
export async function offerSetup(
  store: SetupStore,
  url: string,
  clock: Pick<Clock, 'now'>,
): Promise<{ readonly link: string; readonly expiresAt: number } | undefined> {
  if (!(await needsSetup(store))) return undefined;
  const { secret, digest } = makeSecret('setup_');
  const expiresAt = clock.now() + lifetimeMs;
  await store.audit.note({ actor, action: 'setup.offer', subject, detail: { digest, expiresAt } });
  // Behind the #, so that no server and no log on the way gets it from a browser.
  return { link: `${url}/setup#${secret}`, expiresAt };
}

/** Whether the secret is that of a link that was offered and has not ended. Whether there are users is asked apart. */
export async function isOffered({ audit }: SetupStore, secret: string, clock: Pick<Clock, 'now'>): Promise<boolean> {
  const digest = digestOfSecret(secret);
  const { items } = await audit.list({ subject, limit: maxOffers });
  return items.some(({ action, detail }) => {
    if (action !== 'setup.offer' || detail === null) return false;
    return detail['digest'] === digest && Number(detail['expiresAt']) > clock.now();
  });
}
