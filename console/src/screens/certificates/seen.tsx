// Certificates of others, as they were shown: by clients, strangers among them, and by backends.
import type { Item } from '../../api/client.ts';
import { useReadAll } from '../../api/queries.ts';
import { FilterBox } from '../../parts/filter-box.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Panel } from '../../parts/page.tsx';
import { Empty, Loaded, NothingFits } from '../../parts/states.tsx';
import { type Column, DataTable } from '../../parts/table.tsx';
import { Tag } from '../../parts/tag.tsx';
import { duration } from '../../parts/time.ts';
import { useNow, When } from '../../parts/when.tsx';
import { useUrlState } from '../../shell/url-state.ts';
import { fits } from './cells.tsx';

type Shown = Item<'listSeenCertificates'>;

export function Seen() {
  const query = useReadAll('listSeenCertificates', {}, { everyMs: 30_000 });
  const [filter, setFilter] = useUrlState('q');
  const now = useNow();
  return (
    <Panel
      label="Certificates that were seen"
      actions={<FilterBox label="Filter certificates that were seen" value={filter} onChange={setFilter} />}
    >
      <Loaded query={query} what="What was seen">
        {({ items }) => {
          if (items.length === 0)
            return (
              <Empty title="Nobody has shown a certificate yet">
                <p>
                  What clients show, let in or not, and what backends show stands here from their first handshake on. It
                  is kept as long as the record of clients is (trustRecord).
                </p>
              </Empty>
            );
          const rows = items.filter(({ subject, issuer, sans, by }) => fits(filter, [subject, issuer, ...sans, ...by]));
          if (rows.length === 0)
            return <NothingFits count={items.length} what="certificates" onClear={() => setFilter('')} />;
          return (
            <DataTable
              label="Certificates that were seen"
              columns={columnsOf(now)}
              rows={rows}
              keyOf={({ id }) => id}
            />
          );
        }}
      </Loaded>
    </Panel>
  );
}

function columnsOf(now: number): readonly Column<Shown>[] {
  return [
    {
      id: 'who',
      title: 'Subject and issuer',
      isRowHeader: true,
      sortBy: ({ subject }) => subject,
      cell: ({ subject, issuer }) => (
        <>
          <Hostile text={subject === '' ? 'no subject' : subject} />
          <br />
          <small>
            ← <Hostile text={issuer} />
          </small>
        </>
      ),
    },
    {
      id: 'names',
      title: 'Names',
      cell: ({ sans }) => (
        <>
          <Hostile text={sans.slice(0, 3).join(', ')} mono />
          {sans.length > 3 && <small> and {sans.length - 3} more</small>}
        </>
      ),
    },
    {
      id: 'by',
      title: 'Shown',
      sortBy: ({ side }) => side,
      cell: ({ side, by, stranger }) => (
        <>
          {side === 'client' ? 'by a client to ' : 'by '}
          <Hostile text={by.slice(0, 3).join(', ')} /> {stranger && <Tag tone="due">never let in</Tag>}
        </>
      ),
    },
    {
      id: 'ends',
      title: 'Ends',
      sortBy: ({ notAfter }) => Date.parse(notAfter),
      cell: ({ notAfter, state }) =>
        state === 'expired' ? (
          <Tag tone="bad">expired</Tag>
        ) : (
          <>
            <Tag tone={state === 'expiresSoon' ? 'due' : 'plain'}>{duration(Date.parse(notAfter) - now)} left</Tag>{' '}
            <small>
              <When at={notAfter} show="date" />
            </small>
          </>
        ),
    },
    {
      id: 'seen',
      title: 'Last seen',
      sortBy: ({ lastSeen }) => Date.parse(lastSeen),
      cell: ({ lastSeen }) => <When at={lastSeen} show="distance" />,
    },
  ];
}
