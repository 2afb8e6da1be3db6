// Every certificate, or bundle, that stood under the id: since when and by whom; an earlier one is made current again.
import { useState } from 'react';
import type { Answer } from '../../api/client.ts';
import { useRead } from '../../api/queries.ts';
import { Action, Go } from '../../parts/button.tsx';
import { ExpiryTag, SubjectAndIssuer } from '../../parts/certificate.tsx';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { useGuardedAct } from '../../parts/guarded-act.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Panel } from '../../parts/page.tsx';
import { Row, Rows } from '../../parts/rows.tsx';
import { Loaded } from '../../parts/states.tsx';
import { say } from '../../parts/toast.tsx';
import { When } from '../../parts/when.tsx';

type Version = Answer<'listCertificateVersions'>['items'][number];

const operations = {
  certificate: { list: 'listCertificateVersions', make: 'makeCurrentCertificateVersion' },
  bundle: { list: 'listCaBundleVersions', make: 'makeCurrentCaBundleVersion' },
} as const;

export function Versions({
  kind,
  id,
  canEdit,
}: {
  readonly kind: keyof typeof operations;
  readonly id: string;
  readonly canEdit: boolean;
}) {
  const { list, make } = operations[kind];
  const query = useRead(list, { params: { id } });
  const [asked, setAsked] = useState<Version>();
  const current = useGuardedAct(make, {
    title: `Make version ${asked?.version} of ${id} current?`,
    act: 'Make it current',
    onDone: () => {
      say(`Version ${asked?.version} of ${id} is current again.`);
      setAsked(undefined);
    },
  });
  const close = (): void => {
    setAsked(undefined);
    current.reset();
  };
  return (
    <Panel title="Versions">
      <Loaded query={query} what="Versions">
        {({ body }) => (
          <Rows label="Versions">
            {body.items.map((one) => (
              <Row
                key={one.version}
                state={one.current ? `${one.version}, current` : `${one.version}`}
                tone={one.current ? 'ok' : 'plain'}
                title={
                  one.certificates[0] !== undefined && (
                    <>
                      <SubjectAndIssuer of={one.certificates[0]} /> <ExpiryTag of={one.certificates[0]} />
                    </>
                  )
                }
                detail={
                  <>
                    Since{' '}
                    <Go to="/changes/$revision" params={{ revision: `${one.since.revision}` } as never}>
                      revision {one.since.revision}
                    </Go>
                    , <When at={one.since.at} />, by <Hostile text={one.since.actor} />
                    {one.since.reason !== null && (
                      <>
                        : <Hostile text={one.since.reason} />
                      </>
                    )}
                  </>
                }
                action={
                  canEdit &&
                  !one.current && (
                    <Action onPress={() => setAsked(one)}>
                      Make current<span className="visually-hidden"> version {one.version}</span>
                    </Action>
                  )
                }
              />
            ))}
          </Rows>
        )}
      </Loaded>
      {asked !== undefined && current.dialog === false && (
        <ConfirmDialog
          title={`Make version ${asked.version} of ${id} current?`}
          act="Make it current"
          isRunning={current.isRunning}
          problem={current.problem}
          onConfirm={() => void current.run({ params: { id, version: `${asked.version}` } })}
          onClose={close}
        >
          <p>Whoever uses {id} shows this certificate from then on. No connection is cut.</p>
        </ConfirmDialog>
      )}
      {current.dialog}
    </Panel>
  );
}
