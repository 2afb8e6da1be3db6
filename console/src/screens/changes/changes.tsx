// Every revision of the store: who, what, when and why; the newest first.
import type { Item } from '../../api/client.ts';
import { useReadAll } from '../../api/queries.ts';
import { Go } from '../../parts/button.tsx';
import { FilterBox } from '../../parts/filter-box.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Empty, Loaded, NothingFits } from '../../parts/states.tsx';
import { SubNavigation } from '../../parts/sub-navigation.tsx';
import { type Column, DataTable } from '../../parts/table.tsx';
import { When } from '../../parts/when.tsx';
import { Tag } from '../../parts/tag.tsx';
import { useUrlState } from '../../shell/url-state.ts';
import { RolloutPanel } from './rollout.tsx';

type Change = Item<'listChanges'>;

const columns: readonly Column<Change>[] = [
  {
    id: 'revision',
    title: 'Revision',
    cell: ({ revision }) => (
      <Go to="/changes/$revision" params={{ revision: String(revision) }} label={`Revision ${revision}`}>
        {revision}
      </Go>
    ),
    sortBy: ({ revision }) => revision,
    isRowHeader: true,
  },
  { id: 'when', title: 'When', cell: ({ at }) => <When at={at} />, sortBy: ({ at }) => at },
  { id: 'who', title: 'Who', cell: ({ actor }) => <Hostile text={actor} />, sortBy: ({ actor }) => actor },
  {
    id: 'for',
    title: 'For',
    cell: ({ canary }) =>
      canary === null ? (
        'all gateways'
      ) : (
        <>
          <Tag tone="due">canary</Tag> <Hostile text={canary.join(', ')} max={200} />
        </>
      ),
  },
  { id: 'why', title: 'Why', cell: ({ reason }) => (reason === null ? '' : <Hostile text={reason} />) },
];

export default function Changes() {
  const query = useReadAll('listChanges', {}, { everyMs: 10_000 });
  const [filter, setFilter] = useUrlState('filter');
  const fits = ({ revision, actor, reason }: Change): boolean =>
    `${revision} ${actor} ${reason ?? ''}`.toLowerCase().includes(filter.toLowerCase());
  return (
    <Page
      title="Changes"
      sub="Each is a revision of its own: nothing is edited in place, and each can be taken back."
      actions={
        <a href="/api/v1/export" download="countersign-store.yml">
          Export as YAML
        </a>
      }
    >
      <SubNavigation of="changes" />
      <RolloutPanel />
      <Panel label="Changes">
        <Loaded query={query}>
          {({ items, more }) => {
            if (items.length === 0)
              return (
                <Empty title="Nothing was changed yet">
                  What is made here, by the API or by <span className="mono">countersign apply</span> becomes a
                  revision. What stands in the configuration file is not among them.
                </Empty>
              );
            const shown = items.filter(fits);
            return (
              <>
                <FilterBox label="Filter changes" value={filter} onChange={setFilter} />
                {shown.length === 0 ? (
                  <NothingFits count={items.length} what="changes" onClear={() => setFilter('')} />
                ) : (
                  <DataTable
                    label="Changes"
                    columns={columns}
                    rows={shown}
                    keyOf={({ revision }) => String(revision)}
                  />
                )}
                {more && <p>Older ones are not shown.</p>}
              </>
            );
          }}
        </Loaded>
      </Panel>
    </Page>
  );
}
