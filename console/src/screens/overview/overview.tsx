// What needs somebody now, worst first; else that all is well, and since when that is known. Below it the trust relations, the traffic of
// the last hour and what ends next. Where nothing is set up yet: the first three steps.
import { type Answer } from '../../api/client.ts';
import { useRead, useReadAll } from '../../api/queries.ts';
import { AlertRow } from '../../parts/alert-row.tsx';
import { Go } from '../../parts/button.tsx';
import { ExpiryStrip, StackedBars } from '../../parts/charts.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Rows } from '../../parts/rows.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { plural, relative } from '../../parts/time.ts';
import { useNow } from '../../parts/when.tsx';
import { FirstSteps } from './first-steps.tsx';
import { Relations } from './relations.tsx';
import { barsOf, reasonsOf, shares } from './traffic.ts';
import css from './overview.module.css';

export type OverviewData = Answer<'getOverview'>;

const everyMs = 15_000;

export default function Overview() {
  const query = useRead('getOverview', {}, { everyMs });
  const now = useNow(5_000);
  const data = query.data?.body;
  const title = data === undefined ? 'Overview' : titleOf(data);
  return (
    <Page title={title} {...(data !== undefined && { sub: <Sub data={data} now={now} /> })}>
      <Loaded query={query}>{({ body }) => <Content data={body} now={now} />}</Loaded>
    </Page>
  );
}

const counts = [
  'No thing needs',
  'One thing needs',
  'Two things need',
  'Three things need',
  'Four things need',
  'Five things need',
];

function titleOf({ needs, relations: { total, holds } }: OverviewData): string {
  if (needs.length > 0) return `${counts[needs.length] ?? `${needs.length} things need`} you`;
  if (total === 0) return 'Nothing is set up yet';
  if (holds === total) return total === 1 ? 'The one trust relation holds' : `All ${total} trust relations hold`;
  return 'Nothing needs you';
}

function Sub({ data, now }: { readonly data: OverviewData; readonly now: number }) {
  const { relations, gateways, revision, checkedAt } = data;
  return (
    <>
      {relations.total > 0 &&
        `${plural(relations.total, 'trust relation')} · ${relations.holds} hold · ${
          relations.unknown > 0 ? `${relations.unknown} not tried yet · ` : ''
        }`}
      checked {relative(Math.min(Date.parse(checkedAt), now), now)} on {gateways.current} of{' '}
      {plural(gateways.known, 'gateway')} · {revision === 0 ? 'the file alone' : `revision ${revision}`}
    </>
  );
}

function Content({ data, now }: { readonly data: OverviewData; readonly now: number }) {
  const relations = useReadAll('listRelations', {}, { everyMs });
  return (
    <>
      {data.needs.length > 0 && (
        <Panel label="Needs you" actions={<Go to="/alerts">Alerts and who is told</Go>}>
          <Rows label="Needs you">
            {data.needs.map((need) => (
              <AlertRow key={need.id} alert={need} />
            ))}
          </Rows>
        </Panel>
      )}
      {data.relations.total === 0 && <FirstSteps />}
      {data.relations.total > 0 && (
        <Panel title="Trust relations">
          <Loaded query={relations}>{({ items }) => <Relations items={items} />}</Loaded>
        </Panel>
      )}
      <div className={css['charts']}>
        <div>
          <Traffic data={data} />
        </div>
        {data.expiries.length > 0 && (
          <div>
            <Panel title="What ends next" actions={<Go to="/certificates">Certificates</Go>}>
              <ExpiryStrip
                label="Ends of certificates"
                now={now}
                items={data.expiries.map(({ name, role, notAfter, state, shareLeft }) => ({
                  name: `${name} (${role})`,
                  notAfter,
                  tone: state === 'valid' ? 'ok' : state === 'expiresSoon' ? 'due' : 'bad',
                  state: state === 'valid' ? `${Math.round(shareLeft * 100)} % of its lifetime left` : words[state],
                }))}
              />
            </Panel>
          </div>
        )}
      </div>
      {data.relations.total > 0 && data.revision === 0 && <FirstSteps />}
    </>
  );
}

const words = { expiresSoon: 'due', expired: 'expired', notYetValid: 'not valid yet' } as const;

function Traffic({ data: { traffic } }: { readonly data: OverviewData }) {
  const reasons = reasonsOf(traffic);
  const bars = barsOf(traffic);
  return (
    <Panel title="The last hour" actions={<Go to="/handshakes">Handshakes</Go>}>
      {bars.some(({ values }) => values.some((value) => value > 0)) ? (
        <StackedBars label="Requests and refusals per minute" shares={shares} bars={bars} slots={60} />
      ) : (
        <Empty title="No requests in the last hour" />
      )}
      {reasons.length > 0 && (
        <ul className={css['reasons']} aria-label="Refusals by reason">
          {reasons.map(({ code, count }) => (
            <li key={code}>
              <code>{code}</code> <b>{count}</b>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
