// One receiver: what it is told of, whether the last messages arrived and why not, and a message of test with each step of the way.
import type { Answer } from '../../api/client.ts';
import { useAct } from '../../api/queries.ts';
import { useMay } from '../../api/session.tsx';
import { Action } from '../../parts/button.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Ladder } from '../../parts/ladder.tsx';
import { Facts, Panel } from '../../parts/page.tsx';
import { Row, Rows } from '../../parts/rows.tsx';
import { Tag } from '../../parts/tag.tsx';
import { plural } from '../../parts/time.ts';
import { When } from '../../parts/when.tsx';

type Receiver = Answer<'listAlertReceivers'>['items'][number];
type Delivery = Receiver['deliveries'][number];

const most = 5;
const tones = { delivered: 'ok', pending: 'due', given_up: 'bad' } as const;
const words = { delivered: 'delivered', pending: 'on its way', given_up: 'given up' } as const;

export function ReceiverPanel({ receiver }: { readonly receiver: Receiver }) {
  const { name, target, format, signed, certificateId, on, severity, failures, nextAttemptAt, deliveries } = receiver;
  const mayTest = useMay('alerts.test');
  const test = useAct('testAlertReceiver', { outdates: [] });
  const report = test.reply?.body;
  return (
    <>
      <Panel
        title={`Receiver ${name}`}
        padded
        actions={
          mayTest && (
            <Action
              isPending={test.isRunning}
              onPress={() => void test.run({ body: { receiver: name } })}
              aria-label={`Send a test message to ${name}`}
            >
              Send a test message
            </Action>
          )
        }
      >
        <Facts
          items={[
            ['Where', <Hostile key="where" text={target} mono />],
            [
              'State',
              failures > 0 ? (
                <>
                  <Tag tone="bad">does not answer</Tag> {plural(failures, 'attempt')} in a row
                  {nextAttemptAt !== null && (
                    <>
                      , again <When at={nextAttemptAt} show="distance" />
                    </>
                  )}
                </>
              ) : deliveries.length === 0 ? (
                'nothing was to be told yet'
              ) : (
                <Tag key="state" tone="ok">
                  answers
                </Tag>
              ),
            ],
            [
              'Told of',
              `${on === null ? 'everything' : on.join(', ')}${severity === 'due' ? '' : `, ${severity} or worse`}`,
            ],
            ['As', `${format === 'slack' ? 'text for a chat' : 'JSON'}${signed ? ', signed' : ', not signed'}`],
            certificateId === null ? undefined : ['Our certificate', <Hostile key="ours" text={certificateId} />],
          ]}
        />
        <div role="status">
          {test.isRunning && <p>Sending …</p>}
          {report !== undefined && (
            <p>
              {report.delivered ? (
                <>
                  <Tag tone="ok">received</Tag> The test message arrived.
                </>
              ) : (
                <>
                  <Tag tone="bad">not received</Tag> The test message did not arrive.
                </>
              )}
            </p>
          )}
        </div>
        {test.problem !== null && <p role="alert">{test.problem.message}</p>}
      </Panel>
      {report !== undefined && (
        <Panel title={`Test of ${name}`}>
          <Ladder label={`Test of ${name}`} steps={report.steps} />
        </Panel>
      )}
      {deliveries.length > 0 && (
        <Panel title={`Last messages to ${name}`}>
          <Rows label={`Last messages to ${name}`}>
            {deliveries.slice(0, most).map((one) => (
              <DeliveryRow key={one.id} delivery={one} />
            ))}
          </Rows>
        </Panel>
      )}
    </>
  );
}

function DeliveryRow({ delivery: { createdAt, state, summary, tries, attempts } }: { readonly delivery: Delivery }) {
  const failed = attempts.find(({ ok }) => !ok);
  return (
    <Row
      tone={tones[state]}
      state={words[state]}
      title={<Hostile text={summary} max={300} />}
      detail={
        <>
          <When at={createdAt} />
          {tries > 1 && `, ${plural(tries, 'attempt')}`}
          {failed !== undefined && (
            <>
              {' '}
              · last failure <When at={failed.at} />: <Hostile text={failed.why} max={300} /> <code>{failed.code}</code>
            </>
          )}
        </>
      }
    />
  );
}
