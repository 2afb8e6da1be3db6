// The CAs that we believe, bundle by bundle.
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

type Bundle = Item<'listCaBundles'>;

export function Bundles() {
  const query = useReadAll('listCaBundles', {}, { everyMs: 60_000 });
  const [filter, setFilter] = useUrlState('q');
  const now = useNow();
  return (
    <Panel label="CA bundles" actions={<FilterBox label="Filter CA bundles" value={filter} onChange={setFilter} />}>
      <Loaded query={query} what="CA bundles">
        {({ items }) => {
          if (items.length === 0)
            return (
              <Empty title="There is no CA bundle yet">
                <p>CAs under a name: a policy lets in whom they issued, a service is believed when they issued it.</p>
              </Empty>
            );
          const rows = items
            .filter((one) => fits(filter, [one.id, ...(one.running ? subjectsOf(one.certificates) : [])]))
            .toSorted((a, b) => urgencyOf(a, now) - urgencyOf(b, now));
          if (rows.length === 0)
            return <NothingFits count={items.length} what="CA bundles" onClear={() => setFilter('')} />;
          return <DataTable label="CA bundles" columns={columnsOf(now)} rows={rows} keyOf={({ id }) => id} />;
        }}
      </Loaded>
    </Panel>
  );
}

function columnsOf(now: number): readonly Column<Bundle>[] {
  return [
    {
      id: 'name',
      title: 'CA bundle',
      isRowHeader: true,
      sortBy: ({ id }) => id,
      cell: ({ id, origin }) => <Named to="/ca-bundles/$id" id={id} origin={origin} />,
    },
    {
      id: 'who',
      title: 'CAs',
      cell: (one) =>
        one.running && (
          <>
            {one.certificates[0] !== undefined && <SubjectAndIssuer of={one.certificates[0]} />}
            {one.certificates.length > 1 && <small>and {one.certificates.length - 1} more</small>}
          </>
        ),
    },
    {
      id: 'ends',
      title: 'First to end',
      sortBy: (one) => urgencyOf(one, now),
      cell: (one) => <Ends of={one.running ? one.certificates : []} />,
    },
    { id: 'then', title: 'Then', cell: (one) => one.running && <small>{consequenceOf('bundle', one.usedBy)}</small> },
    { id: 'used', title: 'Used by', cell: (one) => one.running && <UsedBy users={one.usedBy} none="nothing yet" /> },
  ];
}

function urgencyOf(one: Bundle, now: number): number {
  return urgency(one.running ? firstToEnd(one.certificates, now) : undefined, now);
}
