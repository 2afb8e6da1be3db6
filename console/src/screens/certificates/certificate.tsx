// One certificate id: the chain that is shown now, what happens at its end, who uses it, its versions; replace, make an earlier version
// current, download, delete.
import { useNavigate, useParams } from '@tanstack/react-router';
import { useRead } from '../../api/queries.ts';
import { useMay } from '../../api/session.tsx';
import { Action } from '../../parts/button.tsx';
import { Chain } from '../../parts/certificate.tsx';
import { DeleteAction } from '../../parts/delete-action.tsx';
import { expiryTag, firstToEnd } from '../../parts/expiry.ts';
import { DownloadLink } from '../../parts/download-link.tsx';
import { countUsers, ReadOnlyNote, UsedBy } from '../../parts/origin.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Empty, Loaded, NotAllowed } from '../../parts/states.tsx';
import { Tag } from '../../parts/tag.tsx';
import { useNow, When } from '../../parts/when.tsx';
import { useKeys } from '../../shell/keys.ts';
import { useUrlState } from '../../shell/url-state.ts';
import { consequenceOf } from './consequence.ts';
import { ReplaceCertificate } from './replace-certificate.tsx';
import { Versions } from './versions.tsx';

export default function Certificate() {
  const { id } = useParams({ strict: false }) as { readonly id: string };
  const query = useRead('getCertificate', { params: { id } });
  const [edit, setEdit] = useUrlState('edit');
  const mayWrite = useMay('certificates.write');
  const navigate = useNavigate();
  const now = useNow();
  const certificate = query.data?.body;
  const isStored = certificate?.origin.kind === 'store';
  const canEdit = mayWrite && isStored;
  useKeys({ e: () => canEdit && setEdit('1') });
  const first = certificate?.running === true ? firstToEnd(certificate.chain, now) : undefined;
  const tag = first === undefined ? undefined : expiryTag(first, now);
  return (
    <Page
      title={id}
      heading={
        <>
          {id} {tag !== undefined && <Tag tone={tag.tone}>{tag.text}</Tag>}
        </>
      }
      sub={
        certificate?.running === true && (
          <>
            Used by {countUsers(certificate.usedBy)}.{' '}
            {first !== undefined && (
              <>
                It ends <When at={first.notAfter} />; then {consequenceOf('certificate', certificate.usedBy)}.{' '}
              </>
            )}
            <ReadOnlyNote origin={certificate.origin} />
          </>
        )
      }
      actions={
        certificate !== undefined &&
        edit === '' && (
          <>
            {canEdit && (
              <Action kind="primary" onPress={() => setEdit('1')}>
                Replace
              </Action>
            )}
            <DownloadLink href={`/api/v1/certificates/${encodeURIComponent(id)}/chain.pem`} name={`${id}.pem`}>
              Download the chain
            </DownloadLink>
            {canEdit && (
              <DeleteAction
                operation="deleteCertificate"
                noun="certificate"
                id={id}
                etag={query.data?.etag ?? ''}
                onDone={() => void navigate({ to: '/certificates' })}
              />
            )}
          </>
        )
      }
    >
      <Loaded query={query} what="The certificate">
        {({ body, etag }) => {
          if (edit !== '')
            return canEdit ? (
              <ReplaceCertificate id={id} etag={etag} shown={body} onClose={() => setEdit('')} />
            ) : (
              <Panel label="Replace">
                <NotAllowed />
              </Panel>
            );
          if (!body.running)
            return (
              <Panel label="State">
                <Empty title="It is stored and does not run yet" />
              </Panel>
            );
          return (
            <>
              <Panel title="What is shown, leaf first">
                <Chain label="Chain" certificates={body.chain} />
              </Panel>
              <Panel title="Used by" padded>
                <UsedBy users={body.usedBy} none="Nothing refers to it yet." />
              </Panel>
              {isStored && <Versions kind="certificate" id={id} canEdit={canEdit} />}
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
