// One policy: what clients of its server names are shown and asked for, who came with what, and the mode, changed with an eye on who
// would be cut off.
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { Answer, Item } from '../../api/client.ts';
import { useRead, useReadAll } from '../../api/queries.ts';
import { useMay } from '../../api/session.tsx';
import { Action, Go } from '../../parts/button.tsx';
import { ExpiryTag } from '../../parts/certificate.tsx';
import { Radios } from '../../parts/fields.tsx';
import { EditForm } from '../../parts/form.tsx';
import { useGuardedAct } from '../../parts/guarded-act.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { ReadOnlyNote } from '../../parts/origin.tsx';
import { Facts, Page, Panel } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { type Column, DataTable } from '../../parts/table.tsx';
import { Tag } from '../../parts/tag.tsx';
import { say } from '../../parts/toast.tsx';
import { When } from '../../parts/when.tsx';
import { type Mode, modeWords, namesOf } from './words.ts';

type Policy = Extract<Answer<'getPolicy'>, { readonly running: true }>;
type Identity = Item<'listIdentities'>;

export default function ClientPolicy() {
  const { id } = useParams({ strict: false }) as { readonly id: string };
  const query = useRead('getPolicy', { params: { id } }, { everyMs: 15_000 });
  const [isEditing, setEditing] = useState(false);
  const mayWrite = useMay('config.write');
  const policy = query.data?.body;
  const canEdit =
    mayWrite && policy?.running === true && policy.origin.kind === 'store' && policy.clientCertificate !== 'off';
  return (
    <Page
      title={id}
      sub={policy !== undefined && <ReadOnlyNote origin={policy.origin} />}
      actions={
        <>
          {canEdit && !isEditing && <Action onPress={() => setEditing(true)}>Change the mode</Action>}
          <Go to="/clients">All listeners</Go>
        </>
      }
    >
      <Loaded query={query} what="The policy">
        {({ body, etag }) =>
          body.running ? (
            <>
              {isEditing && (
                <Panel title="Client certificate" padded>
                  <ModeForm key={etag} policy={body} etag={etag} onClose={() => setEditing(false)} />
                </Panel>
              )}
              <Terms policy={body} />
            </>
          ) : (
            <Panel label="The policy">
              <Empty title="It does not run">
                It is stored, and no gateway has it in force: see what the gateway refused.
              </Empty>
            </Panel>
          )
        }
      </Loaded>
      <Identities policy={id} />
    </Page>
  );
}

function Terms({ policy }: { readonly policy: Policy }) {
  const { hosts, shows, clientCertificate, caBundles, allowedSANs, allowedFingerprints, allowedSPKI, trustDomains } =
    policy;
  const { minVersion, maxVersion, crl, ocsp } = policy;
  const list = (values: readonly string[] | null): string | undefined =>
    values === null ? undefined : values.join(', ');
  return (
    <Panel title="What clients find" padded>
      <Facts
        items={[
          ['Server names', <Hostile key="names" text={namesOf(hosts)} max={1000} />],
          ['We show', <Shows key="shows" pairs={shows} />],
          ['Client certificate', `${modeWords[clientCertificate].label}: ${modeWords[clientCertificate].detail}`],
          clientCertificate === 'off'
            ? undefined
            : [
                'Checked by',
                caBundles.length === 0
                  ? 'CAs of the file without a name'
                  : caBundles.map((id) => (
                      <Go key={id} to="/ca-bundles/$id" params={{ id }}>
                        {id}
                      </Go>
                    )),
              ],
          allowedSANs === null
            ? undefined
            : [
                'Names let in',
                <Hostile
                  key="sans"
                  text={allowedSANs.map((rule) => JSON.stringify(rule)).join(' or ')}
                  max={2000}
                  mono
                />,
              ],
          trustDomains.length === 0 ? undefined : ['SPIFFE trust domains', trustDomains.join(', ')],
          allowedFingerprints === null ? undefined : ['Fingerprints let in', list(allowedFingerprints)],
          allowedSPKI === null ? undefined : ['Keys let in', list(allowedSPKI)],
          ['TLS', minVersion === maxVersion ? minVersion : `${minVersion} to ${maxVersion}`],
          clientCertificate === 'off'
            ? undefined
            : [
                'Revocation',
                [crl ? 'CRL' : '', ocsp === null ? '' : `OCSP (${ocsp})`].filter((one) => one !== '').join(', ') ||
                  'not looked at',
              ],
        ]}
      />
    </Panel>
  );
}

function Shows({ pairs }: { readonly pairs: Policy['shows'] }) {
  if (pairs.length === 0) return <Tag tone="bad">no certificate</Tag>;
  return (
    <ul>
      {pairs.map((one) => (
        <li key={one.sha256}>
          {one.id === null ? (
            <Hostile text={one.subject} />
          ) : (
            <Go to="/certificates/$id" params={{ id: one.id }}>
              {one.id}
            </Go>
          )}{' '}
          <ExpiryTag of={one} />
        </li>
      ))}
    </ul>
  );
}

function ModeForm({
  policy,
  etag,
  onClose,
}: {
  readonly policy: Policy;
  readonly etag: string;
  readonly onClose: () => void;
}) {
  const [mode, setMode] = useState<Mode>(policy.clientCertificate);
  const change = useGuardedAct('changePolicy', {
    title: `Change what ${policy.id} asks of clients?`,
    act: 'Change it',
    onDone: () => {
      say(`${policy.id}: client certificate ${modeWords[mode].label}.`);
      onClose();
    },
  });
  const save = (): void => {
    if (mode === policy.clientCertificate) onClose();
    else {
      const value = { clientAuth: { required: mode === 'required' } };
      void change.run({ params: { id: policy.id }, body: { value }, ifMatch: etag });
    }
  };
  return (
    <>
      <EditForm
        label="Client certificate"
        fields={['/value/clientAuth/required']}
        problem={change.problem}
        isRunning={change.isRunning}
        submit="Change it"
        buttons={<Action onPress={onClose}>Cancel</Action>}
        onSubmit={save}
      >
        <Radios
          name="/value/clientAuth/required"
          label="Client certificate"
          value={mode}
          onChange={(next) => setMode(next as Mode)}
          options={(['required', 'optional'] as const).map((one) => ({ id: one, ...modeWords[one] }))}
        />
      </EditForm>
      {change.dialog}
    </>
  );
}

const columns: readonly Column<Identity>[] = [
  {
    id: 'subject',
    title: 'Certificate',
    cell: ({ subject, sans }) => (
      <>
        <Hostile text={subject === '' ? 'no subject' : subject} max={160} />{' '}
        <small>
          <Hostile text={sans.slice(0, 3).join(', ')} max={200} mono />
        </small>
      </>
    ),
    sortBy: ({ subject }) => subject,
    isRowHeader: true,
  },
  {
    id: 'issuer',
    title: 'Issuer',
    cell: ({ issuer }) => <Hostile text={issuer} max={120} />,
    sortBy: ({ issuer }) => issuer,
  },
  {
    id: 'verdict',
    title: 'Last verdict',
    cell: ({ code, title }) => (code === 'ok' ? <Tag tone="ok">{title}</Tag> : <Tag tone="bad">{code}</Tag>),
    sortBy: ({ code }) => code,
  },
  {
    id: 'count',
    title: 'Handshakes',
    align: 'end',
    cell: ({ accepted, refused }) => `${accepted}${refused > 0 ? `, ${refused} refused` : ''}`,
    sortBy: ({ accepted }) => accepted,
  },
  {
    id: 'seen',
    title: 'Last seen',
    cell: ({ lastSeen }) => <When at={lastSeen} show="distance" />,
    sortBy: ({ lastSeen }) => lastSeen,
  },
];

function Identities({ policy }: { readonly policy: string }) {
  const query = useReadAll('listIdentities', { within: '7d', policy }, { everyMs: 15_000 });
  return (
    <Panel title="Who came in the last 7 days">
      <Loaded query={query}>
        {({ items, more }) =>
          items.length === 0 ? (
            <Empty title="Nobody showed a certificate">
              Whoever comes with one is here, let in or not, as long as{' '}
              <span className="mono">gateway.trustRecord</span> is on.
            </Empty>
          ) : (
            <>
              <DataTable label="Who came" columns={columns} rows={items} keyOf={({ id }) => id} />
              {more && <p>There are more.</p>}
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}
