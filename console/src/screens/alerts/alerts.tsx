// What needs somebody at any gateway, who is told of it and whether that arrives, and what ended lately. Somebody who takes care of an alert
// silences it for a while; a receiver can be tried.
import { useState } from 'react';
import { useMay } from '../../api/session.tsx';
import { useRead, useReadAll } from '../../api/queries.ts';
import { type Alert, AlertRow } from '../../parts/alert-row.tsx';
import { Action } from '../../parts/button.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Rows } from '../../parts/rows.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { plural } from '../../parts/time.ts';
import { ReceiverPanel } from './receiver.tsx';
import { SilenceDialog, UnsilenceButton } from './silence.tsx';

const everyMs = 10_000;

export default function Alerts() {
  const alerts = useReadAll('listAlerts', {}, { everyMs });
  const receivers = useRead('listAlertReceivers', {}, { everyMs });
  const mayWrite = useMay('alerts.write');
  const [silenced, setSilenced] = useState<Alert>();
  return (
    <Page title="Alerts" sub="What needs somebody at any gateway, and who is told of it.">
      <Panel label="Alerts that last">
        <Loaded query={alerts}>
          {({ items }) => {
            const active = items.filter(({ state }) => state === 'firing');
            return active.length === 0 ? (
              <Empty title="Nothing needs you" />
            ) : (
              <Rows label="Alerts that last">
                {active.map((alert) => (
                  <AlertRow
                    key={alert.id}
                    alert={alert}
                    action={mayWrite && <SilenceAct alert={alert} onSilence={setSilenced} />}
                  />
                ))}
              </Rows>
            );
          }}
        </Loaded>
      </Panel>
      <Loaded query={receivers}>
        {({ body: { items } }) =>
          items.length === 0 ? (
            <Panel title="Who is told">
              <Empty title="Nobody is told">
                Name a receiver of webhooks under <code>gateway.alerts</code> in the file of the gateway.
              </Empty>
            </Panel>
          ) : (
            items.map((receiver) => <ReceiverPanel key={receiver.name} receiver={receiver} />)
          )
        }
      </Loaded>
      <Loaded query={alerts}>
        {({ items }) => {
          const ended = items.filter(({ state }) => state === 'resolved');
          return (
            ended.length > 0 && (
              <Panel title={`Over since yesterday: ${plural(ended.length, 'alert')}`}>
                <Rows label="Alerts that are over">
                  {ended.slice(0, 50).map((alert) => (
                    <AlertRow key={alert.id} alert={alert} />
                  ))}
                </Rows>
              </Panel>
            )
          );
        }}
      </Loaded>
      {silenced !== undefined && <SilenceDialog alert={silenced} onClose={() => setSilenced(undefined)} />}
    </Page>
  );
}

function SilenceAct({ alert, onSilence }: { readonly alert: Alert; readonly onSilence: (alert: Alert) => void }) {
  if (alert.silence !== null) return <UnsilenceButton alert={alert} />;
  return (
    <Action kind="quiet" onPress={() => onSilence(alert)} aria-label={`Silence: ${alert.sentence}`}>
      Silence
    </Action>
  );
}
