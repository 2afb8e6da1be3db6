// What became of a request that was tried. Green is an answer of the backend, and nothing less.
import { Fragment } from 'react';
import type { Answer } from '../../api/client.ts';
import { Go } from '../../parts/button.tsx';
import { CodeBlock } from '../../parts/copy.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Ladder } from '../../parts/ladder.tsx';
import { Facts, Panel } from '../../parts/page.tsx';
import { Tag } from '../../parts/tag.tsx';
import { duration } from '../../parts/time.ts';
import css from './test-request.module.css';

type Told = Answer<'sendTestRequest'>;

export function Report({ of }: { readonly of: Told }) {
  const { client, backends, answer, curl, openssl, match } = of;
  const route = match['route'] as { readonly name: string } | null | undefined;
  return (
    <>
      <Panel title={<Outcome of={of} />} label="Outcome">
        <Facts
          items={[
            [
              'Route',
              route === null || route === undefined ? 'none takes it' : <RouteLink key="route" name={route.name} />,
            ],
            ['Sent to', `${of.address} (${of.entryPoint})`],
            of.code === null
              ? undefined
              : [
                  'Why',
                  <span key="why">
                    {of.title}
                    <br />
                    <span className="mono">{of.code}</span>
                  </span>,
                ],
            of.help === null ? undefined : ['What to do', of.help],
          ]}
        />
      </Panel>
      <Panel title="Client’s leg: the client and this gateway">
        <Ladder label="Client’s leg" steps={client} />
      </Panel>
      {backends.map(({ backend, steps }) => (
        <Panel
          key={backend}
          title={
            <>
              Backend’s leg: this gateway and <Hostile text={backend} />
            </>
          }
          label={`Backend’s leg: ${backend}`}
        >
          <Ladder label={`Backend’s leg, ${backend}`} steps={steps} />
        </Panel>
      ))}
      {answer !== null && (
        <Panel title="Answer">
          <Facts
            items={[
              ['Status', `${answer.status}`],
              ...answer.headers.map(([name, value], at): [string, React.ReactNode] => [
                name,
                <Hostile key={`${name} ${at}`} text={value} mono max={500} />,
              ]),
            ]}
          />
          <pre className={css['body']} tabIndex={0} aria-label="Body of the answer">
            <Lines of={answer.text ?? answer.base64 ?? ''} />
          </pre>
          {answer.truncated && <p className={css['cut']}>There was more than the first 16 KiB.</p>}
        </Panel>
      )}
      <Panel title="The same by hand" padded>
        <div className={css['commands']}>
          <CodeBlock label="curl" text={curl} />
          {openssl !== null && <CodeBlock label="openssl s_client" text={openssl} />}
        </div>
      </Panel>
    </>
  );
}

/** Line by line: an end of a line is one, and every other control character is shown. */
function Lines({ of }: { readonly of: string }) {
  return of.split(/\r?\n/).map((line, at) => (
    <Fragment key={at}>
      {at > 0 && '\n'}
      <Hostile text={line} max={16_384} />
    </Fragment>
  ));
}

function RouteLink({ name }: { readonly name: string }) {
  return (
    <Go to="/routes/$id" params={{ id: name } as never}>
      {name}
    </Go>
  );
}

function Outcome({ of: { answer, code, durationMs, match } }: { readonly of: Told }) {
  const took = <small>after {duration(durationMs)}</small>;
  if (answer === null)
    return (
      <>
        <Tag tone="bad">no answer</Tag> {took}
      </>
    );
  const tone = code !== null ? 'bad' : answer.status < 400 ? 'ok' : 'due';
  return (
    <>
      <Tag tone={tone}>
        {answer.status} {code === null && match.reachesBackend ? 'by the backend' : 'by the gateway'}
      </Tag>{' '}
      {took}
    </>
  );
}
