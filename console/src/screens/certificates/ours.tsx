// Our certificates, each with what happens when it has ended.
import type { Item } from '../../api/client.ts';
import { useReadAll } from '../../api/queries.ts';
import { SubjectAndIssuer } from '../../parts/certificate.tsx';
import { firstToEnd, urgency } from '../../parts/expiry.ts';
import { FilterBox } from '../../parts/filter-box.tsx';
import { UsedBy } from '../../parts/origin.tsx';
import { Panel } from '../../parts/page.tsx';
import { Empty, Loaded, NothingFits } from '../../parts/states.tsx';
import { type Column, DataTable } from '../../parts/table.tsx';
import { useNow } from '../../parts/when.tsx';
import { useUrlState } from '../../shell/url-state.ts';
import { Ends, fits, Named, subjectsOf } from './cells.tsx';
import { consequenceOf } from './consequence.ts';

type Certificate = Item<'listCertificates'>;

export function Ours() {
  const query = useReadAll('listCertificates', {}, { everyMs: 60_000 });
  const [filter, setFilter] = useUrlState('q');
  const now = useNow();
  return (
    <Panel
      label="Our certificates"
      actions={<FilterBox label="Filter certificates" value={filter} onChange={setFilter} />}
    >
      <Loaded query={query} what="Certificates">
        {({ items }) => {
          if (items.length === 0)
            return (
              <Empty title="There is no certificate yet">
                <p>
                  We show one to clients (what a server has), and one to backends that ask who we are (a client
                  certificate). Both come with their private key, which is sealed and given out to nobody.
                </p>
              </Empty>
            );
          const rows = items
            .filter((one) => fits(filter, [one.id, ...(one.running ? subjectsOf(one.chain) : [])]))
            .toSorted((a, b) => urgencyOf(a, now) - urgencyOf(b, now));
          if (rows.length === 0)
            return <NothingFits count={items.length} what="certificates" onClear={() => setFilter('')} />;
          return <DataTable label="Our certificates" columns={columnsOf(now)} rows={rows} keyOf={({ id }) => id} />;
        }}
      </Loaded>
    </Panel>
  );
}

function columnsOf(now: number): readonly Column<Certificate>[] {
  return [
    {
      id: 'name',
      title: 'Certificate ID',
      isRowHeader: true,
      sortBy: ({ id }) => id,
      cell: ({ id, origin }) => <Named to="/certificates/$id" id={id} origin={origin} />,
    },
    {
      id: 'who',
      title: 'Subject and issuer',
      cell: (one) =>
        one.running && one.chain[0] !== undefined ? <SubjectAndIssuer of={one.chain[0]} /> : 'not running',
    },
    {
      id: 'ends',
      title: 'Ends',
      sortBy: (one) => urgencyOf(one, now),
      cell: (one) => <Ends of={one.running ? one.chain : []} />,
    },
    {
      id: 'then',
      title: 'Then',
      cell: (one) => one.running && <small>{consequenceOf('certificate', one.usedBy)}</small>,
    },
    {
      id: 'used',
      title: 'Used by',
      cell: (one) => one.running && <UsedBy users={one.usedBy} none="nothing yet" />,
    },
  ];
}

function urgencyOf(one: Certificate, now: number): number {
  return urgency(one.running ? firstToEnd(one.chain, now) : undefined, now);
}
