// On every screen while something runs that nobody meant: what, since when, and what to do.
import { useRead } from '../api/queries.ts';
import { Hostile } from '../parts/hostile.tsx';
import { Tag } from '../parts/tag.tsx';
import { When } from '../parts/when.tsx';
import css from './drift-banner.module.css';

const words = { behind: 'Behind', unauthorised: 'Unauthorised', behaviour: 'Behaviour' } as const;
/** The list of the gateways has all of them. */
const maxShown = 3;

export function DriftBanner() {
  const { data } = useRead('listDrift', {}, { everyMs: 15_000 });
  const items = data?.body.items ?? [];
  // There from the start, so that what comes into it is announced.
  return (
    <section aria-label="Drift" aria-live="polite">
      {items.length > 0 && (
        <ul className={css['drift']}>
          {items.slice(0, maxShown).map(({ kind, gateway, key, sentence, help, since }) => (
            <li key={`${kind} ${gateway} ${key}`}>
              <p className={css['what']}>
                <Tag tone="bad">{words[kind]}</Tag>{' '}
                <span>
                  Gateway <Hostile text={gateway} max={60} />, since <When at={since} />
                </span>
              </p>
              <p>
                <Hostile text={sentence} max={600} />
              </p>
              <p className={css['help']}>
                <Hostile text={help} max={600} />
              </p>
            </li>
          ))}
          {items.length > maxShown && <li>{items.length - maxShown} more of the kind: see the overview.</li>}
        </ul>
      )}
    </section>
  );
}
