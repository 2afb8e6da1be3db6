// One route: what it takes, where that goes, both legs; test, edit, delete.
import { useNavigate, useParams } from '@tanstack/react-router';
import type { Answer } from '../../api/client.ts';
import { useRead } from '../../api/queries.ts';
import { useMay } from '../../api/session.tsx';
import { Action, Go } from '../../parts/button.tsx';
import { DeleteAction } from '../../parts/delete-action.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { ReadOnlyNote } from '../../parts/origin.tsx';
import { Facts, Page, Panel } from '../../parts/page.tsx';
import { Loaded, NotAllowed } from '../../parts/states.tsx';
import { useKeys } from '../../shell/keys.ts';
import { useUrlState } from '../../shell/url-state.ts';
import { EditRoute } from './edit-route.tsx';
import { BackendLeg, ClientLeg, useLegs } from './legs.tsx';
import { GoesTo } from './routes.tsx';

export default function Route() {
  const { id } = useParams({ strict: false }) as { readonly id: string };
  const query = useRead('getRoute', { params: { id } });
  const [edit, setEdit] = useUrlState('edit');
  const mayWrite = useMay('config.write');
  const navigate = useNavigate();
  const route = query.data?.body;
  const canEdit = mayWrite && route?.origin.kind === 'store';
  useKeys({ e: () => canEdit && setEdit('1') });
  return (
    <Page
      title={id}
      sub={route !== undefined && <ReadOnlyNote origin={route.origin} />}
      actions={
        route !== undefined &&
        edit === '' && (
          <>
            {route.running && (
              <Go to="/test" search={{ route: id } as never} kind="primary">
                Test request
              </Go>
            )}
            {canEdit && <Action onPress={() => setEdit('1')}>Edit</Action>}
            {canEdit && (
              <DeleteAction
                operation="deleteRoute"
                noun="route"
                id={id}
                etag={query.data?.etag ?? ''}
                onDone={() => void navigate({ to: '/routes' })}
              />
            )}
          </>
        )
      }
    >
      <Loaded query={query} what="The route">
        {({ body, etag }) =>
          edit !== '' && body.value !== null ? (
            mayWrite ? (
              <EditRoute id={id} value={body.value} etag={etag} onClose={() => setEdit('')} />
            ) : (
              <Panel label="Edit">
                <NotAllowed />
              </Panel>
            )
          ) : (
            <RouteFacts of={body} />
          )
        }
      </Loaded>
    </Page>
  );
}

function RouteFacts({ of }: { readonly of: Answer<'getRoute'> }) {
  const legs = useLegs();
  if (!of.running)
    return (
      <Panel label="State" padded>
        <p>It is stored and does not run: it is switched off, or not in force yet.</p>
      </Panel>
    );
  const { hosts, path, methods, priority, middlewares } = of;
  return (
    <>
      <Panel title="What it takes">
        <Facts
          items={[
            [
              'Hosts',
              hosts.length === 0 ? 'every host' : <Hostile key="hosts" text={hosts.join(', ')} mono max={600} />,
            ],
            ['Path', <Hostile key="path" text={path} mono />],
            ['Methods', methods.length === 0 ? 'all' : methods.join(', ')],
            ['Priority', `${priority}, lower goes first`],
          ]}
        />
      </Panel>
      <Panel title="Where it goes, and how both legs are protected">
        <Facts
          items={[
            ['Client’s leg', <ClientLeg key="client" of={of} legs={legs} />],
            ['Goes to', <GoesTo key="to" of={of} />],
            ['Backend’s leg', <BackendLeg key="backend" of={of} legs={legs} />],
            [
              'Middlewares',
              middlewares.length === 0 ? 'none' : middlewares.map(({ name, type }) => `${name} (${type})`).join(', '),
            ],
          ]}
        />
      </Panel>
    </>
  );
}
