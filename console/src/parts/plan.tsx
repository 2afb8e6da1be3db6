// What a change would do to those who were seen lately: who would be refused, by name and count, who would be let in that is not, and
// what else is to be known of it. The words of `check --against`.
import type { Answer } from '../api/client.ts';
import { Hostile } from './hostile.tsx';
import css from './plan.module.css';
import { Tag } from './tag.tsx';
import { plural } from './time.ts';
import { When } from './when.tsx';

export type Plan = Answer<'planConfig'>;
export type PlannedClients = NonNullable<Plan['clients']>;
type Rows = PlannedClients['cutOff'];
type Client = Rows['items'][number];

/** How many of those seen lately would be refused. */
export function countCutOff({ clients }: Pick<Plan, 'clients'>): number {
  return clients === null ? 0 : clients.cutOff.count + clients.anonymousCutOff.count;
}

/** Null: no record of clients is kept, so nobody can say. */
export function ClientConsequences({ clients }: { readonly clients: PlannedClients | null }) {
  if (clients === null)
    return (
      <p className={css['note']}>
        No record of clients is kept (trustRecord is off), so nobody can say who is concerned.
      </p>
    );
  const { since, days, identities, cutOff, admitted, undecided, anonymousCutOff, anonymousAdmitted } = clients;
  const parts = [
    { title: 'would be refused', tone: 'bad', rows: cutOff },
    { title: 'without a certificate would be refused', tone: 'bad', rows: anonymousCutOff },
    { title: 'would be let in that is refused now', tone: 'due', rows: admitted },
    { title: 'without a certificate would be let in', tone: 'due', rows: anonymousAdmitted },
    { title: 'cannot be decided from here', tone: 'due', rows: undecided },
  ] as const;
  const told = parts.filter(({ rows }) => rows.count > 0);
  return (
    <div className={css['plan']}>
      <p className={css['note']}>
        Compared with {plural(identities, 'client certificate')} seen in the last {days} days; the record began{' '}
        <When at={since} />.
      </p>
      {cutOff.count + anonymousCutOff.count === 0 && (
        <p>
          <Tag tone="ok">nobody</Tag> of them would be refused that is let in now.
        </p>
      )}
      {told.map(({ title, tone, rows }) => (
        <section key={title} aria-label={`${rows.count} ${title}`}>
          <p>
            <Tag tone={tone}>{rows.count}</Tag> <b>{title}</b>
          </p>
          <ul className={css['clients']}>
            {rows.items.map((client) => (
              <ClientLine
                key={`${client.sha256} ${client.policyBefore} ${client.serverNames.join()}`}
                client={client}
              />
            ))}
          </ul>
          {rows.count > rows.items.length && <small>and {rows.count - rows.items.length} more</small>}
        </section>
      ))}
    </div>
  );
}

function ClientLine({ client }: { readonly client: Client }) {
  const { subject, names, serverNames, policy, lastSeen, handshakes, code, detail } = client;
  return (
    <li>
      <b>{subject === '' ? 'without a certificate' : <Hostile text={subject} max={120} />}</b>
      {names.length > 0 && (
        <small>
          {' '}
          <Hostile text={names.slice(0, 3).join(', ')} max={160} mono />
        </small>
      )}
      <small className={css['line']}>
        {serverNames.map((one) => one ?? 'no server name').join(', ')}
        {policy !== '' && `, policy ${policy}`}; last seen <When at={lastSeen} />, {plural(handshakes, 'handshake')}
      </small>
      {detail !== '' && (
        <small className={css['line']}>
          <span className="mono">{code}</span>: <Hostile text={detail} max={400} />
        </small>
      )}
    </li>
  );
}

/** Who may enter that could not before, and the other way round. */
export function AccessConsequences({ access }: { readonly access: Plan['access'] }) {
  if (access === null) return null;
  const parts = [
    { title: 'Opens', rows: access.opened },
    { title: 'Closes', rows: access.closed },
    { title: 'Rules', rows: access.rules },
  ].filter(({ rows }) => rows.count > 0);
  if (parts.length === 0) return null;
  return (
    <dl className={css['access']}>
      {parts.map(({ title, rows }) => (
        <div key={title}>
          <dt>{title}</dt>
          <dd>
            <ul>
              {rows.items.map((line) => (
                <li key={line}>
                  <Hostile text={line} max={300} />
                </li>
              ))}
              {rows.count > rows.items.length && <li>and {rows.count - rows.items.length} more</li>}
            </ul>
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function Warnings({ warnings }: { readonly warnings: Plan['warnings'] }) {
  if (warnings.length === 0) return null;
  return (
    <ul className={css['warnings']} aria-label="Warnings">
      {warnings.map(({ code, message, hint, object }) => (
        <li key={`${code} ${message} ${object?.id}`}>
          <Tag tone="due">warning</Tag>
          <span>
            <Hostile text={message} max={400} />
            {hint !== '' && (
              <small>
                <Hostile text={hint} max={400} />
              </small>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
