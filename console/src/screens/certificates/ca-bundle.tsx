// One CA bundle: its CAs, who uses it; CAs added and taken out, with everybody who would be refused named before it is saved.
import { useNavigate, useParams } from '@tanstack/react-router';
import { useRead } from '../../api/queries.ts';
import { useMay } from '../../api/session.tsx';
import { Action } from '../../parts/button.tsx';
import { Chain } from '../../parts/certificate.tsx';
import { DeleteAction } from '../../parts/delete-action.tsx';
import { countUsers, ReadOnlyNote, UsedBy } from '../../parts/origin.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Empty, Loaded, NotAllowed } from '../../parts/states.tsx';
import { useKeys } from '../../shell/keys.ts';
import { useUrlState } from '../../shell/url-state.ts';
import { EditCaBundle } from './edit-ca-bundle.tsx';
import { Versions } from './versions.tsx';

export default function CaBundle() {
  const { id } = useParams({ strict: false }) as { readonly id: string };
  const query = useRead('getCaBundle', { params: { id } });
  const [edit, setEdit] = useUrlState('edit');
  const mayWrite = useMay('config.write');
  const navigate = useNavigate();
  const bundle = query.data?.body;
  const canEdit = mayWrite && bundle?.origin.kind === 'store';
  useKeys({ e: () => canEdit && setEdit('1') });
  return (
    <Page
      title={id}
      sub={
        bundle !== undefined && (
          <>
            CA bundle{bundle.running && `, used by ${countUsers(bundle.usedBy)}`}.{' '}
            <ReadOnlyNote origin={bundle.origin} />
          </>
        )
      }
      actions={
        canEdit &&
        edit === '' && (
          <>
            <Action kind="primary" onPress={() => setEdit('1')}>
              Add or remove CAs
            </Action>
            <DeleteAction
              operation="deleteCaBundle"
              noun="CA bundle"
              id={id}
              etag={query.data?.etag ?? ''}
              onDone={() => void navigate({ to: '/certificates', search: { part: 'bundles' } as never })}
            />
          </>
        )
      }
    >
      <Loaded query={query} what="The CA bundle">
        {({ body, etag }) => {
          if (!body.running)
            return (
              <Panel label="State">
                <Empty title="It is stored and does not run yet" />
              </Panel>
            );
          if (edit !== '' && body.value !== null)
            return mayWrite ? (
              <EditCaBundle
                id={id}
                shown={body.certificates}
                value={body.value}
                etag={etag}
                onClose={() => setEdit('')}
              />
            ) : (
              <Panel label="Edit">
                <NotAllowed />
              </Panel>
            );
          return (
            <>
              <Panel title="CAs">
                {body.certificates.length === 0 ? (
                  <Empty title="There is no CA in it" />
                ) : (
                  <Chain label="CAs" certificates={body.certificates} />
                )}
              </Panel>
              <Panel title="Used by" padded>
                <UsedBy users={body.usedBy} none="Nothing refers to it." />
              </Panel>
              {body.origin.kind === 'store' && <Versions kind="bundle" id={id} canEdit={canEdit} />}
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
