// One relation: the clients of a policy, the gateway, a service, and the two locks between them. For each leg who shows what, who checks it
// with what, what matched, how it went last; and what we cannot know is said.
import { useParams } from '@tanstack/react-router';
import type { Answer } from '../../api/client.ts';
import { useRead } from '../../api/queries.ts';
import { Go } from '../../parts/button.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Facts, Page, Panel } from '../../parts/page.tsx';
import { RelationPicture } from '../../parts/relation-picture.tsx';
import { Row, Rows } from '../../parts/rows.tsx';
import { Loaded } from '../../parts/states.tsx';
import type { Tone } from '../../parts/tag.tsx';
import { When } from '../../parts/when.tsx';
import { backendLeg, clientLeg, verdictOf } from './legs.tsx';

export type RelationData = Answer<'getRelation'>;
type Leg = RelationData['client'] | RelationData['backend'];

const everyMs = 15_000;

export default function Relation() {
  const { id } = useParams({ from: '/relations/$id' });
  const query = useRead('getRelation', { params: { id } }, { everyMs });
  const relation = query.data?.body;
  const title = relation === undefined ? 'Relation' : `${relation.policy} → ${relation.service ?? relation.target}`;
  return (
    <Page
      title={title}
      {...(relation !== undefined && { sub: verdictOf(relation) })}
      {...(relation !== undefined && { actions: <Acts relation={relation} /> })}
    >
      <Loaded query={query}>{({ body }) => <Content relation={body} />}</Loaded>
    </Page>
  );
}

function Acts({ relation: { service } }: { readonly relation: RelationData }) {
  if (service === null)
    return (
      <Go to="/test" kind="plain">
        Test request
      </Go>
    );
  return (
    <>
      <Go to="/services/$id" params={{ id: service }} kind="primary">
        Open the service
      </Go>
      <Go to="/test" kind="plain">
        Test request
      </Go>
    </>
  );
}

function Content({ relation }: { readonly relation: RelationData }) {
  const { policy, service, target, routes, client, backend } = relation;
  return (
    <>
      <Panel label="Trust relation">
        <RelationPicture
          label={`Clients of ${policy}, the gateway and ${target}`}
          parties={[
            {
              role: 'clients of',
              name: policy,
              detail: (
                <Go to="/clients/$id" params={{ id: policy }}>
                  Policy
                </Go>
              ),
            },
            {
              role: 'gateway',
              name:
                client.gatewayShows[0] === undefined ? (
                  'no certificate'
                ) : (
                  <Hostile text={client.gatewayShows[0].id ?? client.gatewayShows[0].subject} max={60} />
                ),
              detail: routes.length === 1 ? `route ${routes[0]}` : `${routes.length} routes`,
            },
            {
              role: service === null ? 'backend' : 'service',
              name: <Hostile text={service ?? target} max={60} />,
              detail: <Hostile text={backend.addresses[0]?.address ?? target} max={60} mono />,
            },
          ]}
          legs={[clientLeg(client), backendLeg(backend)]}
        />
      </Panel>
      <LegFacts title="Client → gateway" leg={client} />
      <LegFacts title="Gateway → service" leg={backend} />
      {backend.addresses.length > 0 && (
        <Panel title="Addresses">
          <Rows label="Addresses">
            {backend.addresses.map(({ address, state, lastOk, lastFailure }) => (
              <Row
                key={address}
                tone={addressTones[state]}
                state={state === 'unknown' ? 'not tried' : state}
                title={<Hostile text={address} mono />}
                detail={
                  lastFailure !== null && (state === 'down' || lastOk === null) ? (
                    <>
                      <When at={lastFailure.at} show="distance" />: <Hostile text={lastFailure.detail} max={300} />
                    </>
                  ) : lastOk === null ? (
                    'no handshake yet'
                  ) : (
                    <>
                      last answer <When at={lastOk} show="distance" />
                    </>
                  )
                }
              />
            ))}
          </Rows>
        </Panel>
      )}
    </>
  );
}

const addressTones: Readonly<Record<string, Tone>> = { up: 'ok', partly: 'due', down: 'bad', unknown: 'plain' };

const fieldWords: Readonly<Record<string, string>> = {
  peerChecks: 'what they check',
  peerShows: 'what they show',
  lastOk: 'whose handshake',
  matched: 'what matched',
};

function LegFacts({ title, leg }: { readonly title: string; readonly leg: Leg }) {
  const { gatewayChecks, matched, lastOk, lastFailure, unknown } = leg;
  return (
    <Panel title={title}>
      <Facts
        items={[
          [
            'We check with',
            gatewayChecks === null
              ? 'nothing: no certificate is asked for'
              : gatewayChecks.verified
                ? `${gatewayChecks.caBundles.length === 0 ? 'a bundle without a name' : gatewayChecks.caBundles.join(', ')}${
                    gatewayChecks.name === null ? '' : `, for the name ${gatewayChecks.name}`
                  }`
                : 'nothing: verification is switched off',
          ],
          matched === null
            ? undefined
            : [`Matched ${matched.kind}`, <Hostile key="matched" text={matched.text} mono />],
          [
            'Last handshake',
            lastOk === null ? (
              'none yet'
            ) : (
              <>
                <When at={lastOk.at} />, {lastOk.version}
              </>
            ),
          ],
          lastFailure === null
            ? undefined
            : [
                'Last failure',
                <span key="failure">
                  <When at={lastFailure.at} />: <Hostile text={lastFailure.detail} max={600} />{' '}
                  <code>{lastFailure.code}</code>
                  <br />
                  <small>{lastFailure.help}</small>
                </span>,
              ],
          ...unknown.map(({ field, reason }): readonly [string, string] => [
            `Not known: ${fieldWords[field] ?? field}`,
            reason,
          ]),
        ]}
      />
    </Panel>
  );
}
