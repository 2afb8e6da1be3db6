// What clients find: for each entry point and server name the certificate that is shown, what is asked of them, and who came.
import type { Item } from '../../api/client.ts';
import { useReadAll } from '../../api/queries.ts';
import { Go } from '../../parts/button.tsx';
import { ExpiryTag } from '../../parts/certificate.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { type Column, DataTable } from '../../parts/table.tsx';
import { Tag } from '../../parts/tag.tsx';
import { modeWords, namesOf } from './words.ts';

type Listener = Item<'listListeners'>;
type Policy = Listener['policies'][number];

const columns: readonly Column<Policy>[] = [
  {
    id: 'policy',
    title: 'Server names',
    cell: ({ id, hosts }) => (
      <>
        <Go to="/clients/$id" params={{ id }} label={`Policy ${id}`}>
          {id}
        </Go>{' '}
        <small>
          <Hostile text={namesOf(hosts)} max={200} />
        </small>
      </>
    ),
    sortBy: ({ id }) => id,
    isRowHeader: true,
  },
  {
    id: 'shows',
    title: 'We show',
    cell: ({ shows }) =>
      shows[0] === undefined ? (
        <Tag tone="bad">no certificate</Tag>
      ) : (
        <>
          <Hostile text={shows[0].subject} max={120} /> <ExpiryTag of={shows[0]} />
          {shows.length > 1 && <small> and {shows.length - 1} more</small>}
        </>
      ),
  },
  { id: 'mode', title: 'Client certificate', cell: ({ clientCertificate }) => modeWords[clientCertificate].label },
  {
    id: 'bundles',
    title: 'Checked by',
    cell: ({ caBundles, clientCertificate }) =>
      clientCertificate === 'off' ? (
        'nothing'
      ) : caBundles.length === 0 ? (
        <small>CAs of the file without a name</small>
      ) : (
        caBundles.map((id) => (
          <Go key={id} to="/ca-bundles/$id" params={{ id }}>
            {id}
          </Go>
        ))
      ),
  },
  {
    id: 'seen',
    title: 'Last 24 hours',
    cell: ({ identities: { today } }) => (
      <>
        {today.accepted} let in
        {today.refused > 0 && (
          <>
            , <Tag tone="due">{today.refused} refused</Tag>
          </>
        )}
      </>
    ),
    sortBy: ({ identities: { today } }) => today.accepted,
  },
];

export default function Clients() {
  const query = useReadAll('listListeners', {}, { everyMs: 15_000 });
  return (
    <Page
      title="Clients and listeners"
      sub="The server name that a client asks for decides what it is shown and what is asked of it, on every entry point alike."
    >
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Panel label="Listeners">
              <Empty title="Nothing listens" />
            </Panel>
          ) : (
            items.map((listener) => <One key={listener.id} listener={listener} />)
          )
        }
      </Loaded>
    </Page>
  );
}

function One({ listener: { id, host, port, tls, proxyProtocol, policies } }: { readonly listener: Listener }) {
  const where = `${host === '' ? 'all addresses' : host}, port ${port}${proxyProtocol ? ', PROXY protocol' : ''}`;
  return (
    <Panel title={`${id}: ${where}`} label={`Entry point ${id}`}>
      {tls ? (
        <DataTable
          label={`Policies of ${id}`}
          columns={columns}
          rows={policies}
          keyOf={(policy) => policy.id}
          sortName={`sort-${id}`}
        />
      ) : (
        <Empty title="Plain HTTP">
          Nobody proves who he is here. Routes that ask for a client certificate refuse what comes this way.
        </Empty>
      )}
    </Panel>
  );
}
