// What needs somebody, as a row: what is wrong, since when, what follows, what to do and where. For the overview and the alerts.
import type { ReactNode } from 'react';
import type { Item } from '../api/client.ts';
import css from './alert-row.module.css';
import { Go } from './button.tsx';
import { Hostile } from './hostile.tsx';
import { Row } from './rows.tsx';
import type { Tone } from './tag.tsx';
import { When } from './when.tsx';

export type Alert = Item<'listAlerts'>;

const tones: Readonly<Record<Alert['severity'], Tone>> = { failing: 'bad', degraded: 'due', due: 'due' };

export function AlertRow({ alert, action }: { readonly alert: Alert; readonly action?: ReactNode }) {
  const { severity, code, gateways, sentence, consequence, help, since, endedAt, silence } = alert;
  return (
    <Row
      tone={endedAt === null ? tones[severity] : 'plain'}
      state={endedAt === null ? severity : 'over'}
      title={<Hostile text={sentence} max={400} />}
      detail={
        <>
          since <When at={since} />
          {endedAt !== null && (
            <>
              , until <When at={endedAt} />
            </>
          )}
          {gateways.length > 1 && (
            <>
              {' '}
              · {gateways.length} gateways: <Hostile text={gateways.join(', ')} max={200} />
            </>
          )}{' '}
          · <Hostile text={consequence} max={400} />
          <span className={css['help']}>
            {help} <code>{code}</code>
          </span>
          {silence !== null && (
            <span className={css['help']}>
              Silent until <When at={silence.until} />: <Hostile text={silence.actor} />,{' '}
              <Hostile text={silence.reason} max={300} />
            </span>
          )}
        </>
      }
      action={
        <span className={css['acts']}>
          <WhereTo alert={alert} />
          {action}
        </span>
      }
    />
  );
}

function WhereTo({ alert: { kind, object } }: { readonly alert: Alert }) {
  if (object === null) return null;
  const params = { id: object.id };
  const label = `${kind === 'expiry' ? 'Replace' : 'Show'} ${object.id}`;
  const text = kind === 'expiry' ? 'Replace' : 'Show';
  const go = { params, label } as const;
  switch (object.kind) {
    case 'certificates':
      return (
        <Go to="/certificates/$id" {...go}>
          {text}
        </Go>
      );
    case 'ca-bundles':
      return (
        <Go to="/ca-bundles/$id" {...go}>
          {text}
        </Go>
      );
    case 'services':
      return (
        <Go to="/services/$id" {...go}>
          {text}
        </Go>
      );
    case 'routes':
      return (
        <Go to="/routes/$id" {...go}>
          {text}
        </Go>
      );
    case 'policies':
      return (
        <Go to="/clients/$id" {...go}>
          {text}
        </Go>
      );
    case 'relations':
      return (
        <Go to="/relations/$id" {...go}>
          {text}
        </Go>
      );
    default:
      return null;
  }
}
