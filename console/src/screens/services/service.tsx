// One service: how it is reached and verified, whether it answers, who uses it; probe, edit, delete.
import { useNavigate, useParams } from '@tanstack/react-router';
import type { Answer } from '../../api/client.ts';
import { useRead } from '../../api/queries.ts';
import { useMay } from '../../api/session.tsx';
import { Action, Go } from '../../parts/button.tsx';
import { DeleteAction } from '../../parts/delete-action.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { ReadOnlyNote, UsedBy } from '../../parts/origin.tsx';
import { Facts, Page, Panel } from '../../parts/page.tsx';
import { Loaded, NotAllowed } from '../../parts/states.tsx';
import { Tag } from '../../parts/tag.tsx';
import { useKeys } from '../../shell/keys.ts';
import { useUrlState } from '../../shell/url-state.ts';
import type { NameCheck } from './draft.ts';
import { hostOf, isIp } from './draft.ts';
import { EditService } from './edit-service.tsx';
import { ProbeResult, useProbe } from './probe.tsx';
import { NameSentence } from './service-fields.tsx';
import { AddressState, modeWords, ServiceState } from './service-state.tsx';
import { TheirCa } from './services.tsx';

export default function Service() {
  const { id } = useParams({ strict: false }) as { readonly id: string };
  const query = useRead('getService', { params: { id } }, { everyMs: 20_000 });
  const [edit, setEdit] = useUrlState('edit');
  const mayWrite = useMay('config.write');
  const mayProbe = useMay('services.probe');
  const probe = useProbe();
  const navigate = useNavigate();
  const service = query.data?.body;
  const isStored = service?.origin.kind === 'store';
  const canEdit = mayWrite && isStored;
  useKeys({ e: () => canEdit && setEdit('1') });
  const isRouted = service?.running === true && service.usedBy.some(({ kind }) => kind === 'routes');
  const actions = service !== undefined && edit === '' && (
    <>
      {mayProbe && service.running && (
        <Action kind="primary" isPending={probe.isRunning} onPress={() => void probe.run(id)}>
          Probe
        </Action>
      )}
      {isRouted && (
        <Go
          to="/test"
          search={{ route: service.usedBy.find(({ kind }) => kind === 'routes')?.id } as never}
          kind="plain"
        >
          Test request
        </Go>
      )}
      {mayWrite && (
        <Go to="/routes/new" search={{ service: id } as never} kind="plain">
          Create route
        </Go>
      )}
      {canEdit && <Action onPress={() => setEdit('1')}>Edit</Action>}
      {canEdit && (
        <DeleteAction
          operation="deleteService"
          noun="service"
          id={id}
          etag={query.data?.etag ?? ''}
          onDone={() => void navigate({ to: '/services' })}
        />
      )}
    </>
  );
  return (
    <Page
      title={id}
      heading={
        <>
          {id} {service?.running === true && <ServiceState of={service} />}
        </>
      }
      sub={service !== undefined && <ReadOnlyNote origin={service.origin} />}
      actions={actions}
    >
      {probe.problem !== null && (
        <Panel title="Probe" padded>
          <p role="alert">{probe.problem.message}</p>
        </Panel>
      )}
      <ProbeResult probe={probe} title="Probe" />
      <Loaded query={query} what="The service">
        {({ body, etag }) =>
          edit !== '' && body.value !== null ? (
            mayWrite ? (
              <EditService id={id} value={body.value} etag={etag} onClose={() => setEdit('')} />
            ) : (
              <Panel label="Edit">
                <NotAllowed />
              </Panel>
            )
          ) : (
            <ServiceFacts of={body} />
          )
        }
      </Loaded>
    </Page>
  );
}

type Shown = Answer<'getService'>;

function ServiceFacts({ of }: { readonly of: Shown }) {
  if (!of.running)
    return (
      <Panel label="State" padded>
        <p>It is stored and does not run yet.</p>
      </Panel>
    );
  const { addresses, tls, protocol, healthCheck, usedBy, source } = of;
  return (
    <>
      <Panel title="Where it is">
        <Facts
          items={[
            ['Service source', source === 'dns' ? 'DNS domain' : 'Fixed addresses'],
            ...addresses.map((one): [string, React.ReactNode] => [
              addresses.length === 1
                ? 'Service address'
                : `Address, weight ${one.weight}${one.backup ? ', backup' : ''}`,
              <span key={one.address}>
                <Hostile text={one.address} mono /> <AddressState of={one} />
                {one.down !== null && (
                  <>
                    <br />
                    <Hostile text={one.down.detail} max={400} />
                    <br />
                    <small>{one.down.help}</small>
                  </>
                )}
              </span>,
            ]),
            ['Protocol', { auto: 'HTTP/2 where they agree to it', http1: 'HTTP/1.1', http2: 'HTTP/2' }[protocol]],
            [
              'Health check',
              healthCheck === null
                ? 'none: an address is down after failed connections only'
                : `GET ${healthCheck.path} every ${healthCheck.intervalMs / 1000} s`,
            ],
          ]}
        />
      </Panel>
      <Panel title="Who proves what">
        <Facts
          items={[
            ['TLS mode', modeWords[tls.mode]],
            [
              'We show',
              tls.certificateId === null ? (
                'nothing'
              ) : (
                <Go key="ours" to="/certificates/$id" params={{ id: tls.certificateId } as never}>
                  {tls.certificateId}
                </Go>
              ),
            ],
            ['They must be issued by', <TheirCa key="ca" tls={tls} />],
            tls.mode === 'off' ? undefined : ['Name', <NameSentence key="name" check={checkOf(of)} />],
            tls.notVerifiedBecause === null
              ? undefined
              : [
                  'Not verified because',
                  <span key="why">
                    <Tag tone="bad">not verified</Tag> <Hostile text={tls.notVerifiedBecause} />
                  </span>,
                ],
            tls.mode === 'off' ? undefined : ['Versions', `${tls.minVersion} to ${tls.maxVersion}`],
            tls.allowedSANs === null
              ? undefined
              : ['Their names must be', <Hostile key="sans" text={JSON.stringify(tls.allowedSANs)} mono max={600} />],
            tls.allowedSPKI === null ? undefined : ['Their key must be one of', tls.allowedSPKI.join(', ')],
            tls.crl ? ['Revocation lists', 'are looked at'] : undefined,
          ]}
        />
      </Panel>
      <Panel title="Used by" padded>
        <UsedBy users={usedBy} none="No route sends requests here yet." />
      </Panel>
    </>
  );
}

function checkOf({ tls, addresses }: Extract<Shown, { running: true }>): NameCheck {
  if (tls.serverName !== null) return { kind: 'name', name: tls.serverName, isOwn: true };
  const hosts = [...new Set(addresses.map(({ address }) => hostOf(address)))];
  const [only = ''] = hosts;
  if (hosts.length > 1) return { kind: 'each', hosts };
  // It is not empty: nothing was to be filled in here.
  return isIp(only) ? { kind: 'address', address: only } : { kind: 'name', name: only, isOwn: true };
}
