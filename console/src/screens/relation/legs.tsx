// What the API says of a leg, as the two arrows of the picture.
import type { Answer } from '../../api/client.ts';
import { Hostile } from '../../parts/hostile.tsx';
import type { Leg as LegPicture, Showing } from '../../parts/relation-picture.tsx';
import { When } from '../../parts/when.tsx';

type Relation = Answer<'getRelation'>;
type Leg = Relation['client'] | Relation['backend'];

export function verdictOf({ state, client, backend }: Relation): string {
  if (state === 'holds') return 'Both sides of both legs accepted each other when they last met.';
  if (state === 'failing') {
    const broken =
      backend.state === 'failing' ? 'between the gateway and the service' : 'between clients and the gateway';
    return `It fails ${broken}.`;
  }
  if (state === 'none') return 'Neither leg has certificates on both sides.';
  return client.state === 'unknown' && backend.state === 'unknown'
    ? 'Nobody has come through yet: send a test request.'
    : 'One leg holds; the other has not been tried yet.';
}

const refusedBy = new Set(['refused_by_peer', 'no_client_cert']);

/** Clients come from the left: they show forth, the gateway shows back. */
export function clientLeg(leg: Leg): LegPicture {
  return {
    label: 'Between clients and the gateway',
    forth: peerShowing(leg, 'client'),
    back: ownShowing(leg, 'client'),
  };
}

/** The gateway shows forth, the service back. */
export function backendLeg(leg: Leg): LegPicture {
  return {
    label: 'Between the gateway and the service',
    forth: ownShowing(leg, 'service'),
    back: peerShowing(leg, 'service'),
  };
}

function ownShowing(
  { gatewayShows: [shown], mode, state, lastOk, lastFailure }: Leg,
  peer: 'client' | 'service',
): Showing {
  if (mode === 'plain') return { state: 'none', what: 'we show nothing', how: 'plain HTTP' };
  if (shown === undefined)
    return {
      state: 'none',
      what: 'we show no certificate',
      how: peer === 'service' ? 'the mode does not ask for one' : 'there is none for these names',
    };
  const what = (
    <>
      we show{' '}
      <b>
        <Hostile text={shown.id ?? shown.subject} max={60} />
      </b>
      , ends <When at={shown.notAfter} show="distance" />
    </>
  );
  if (state === 'failing' && lastFailure !== null && refusedBy.has(lastFailure.code) && peer === 'service')
    return {
      state: 'refused',
      what,
      how: (
        <>
          <span>refused: </span>
          <Hostile text={lastFailure.detail} max={200} />
        </>
      ),
    };
  if (lastOk !== null)
    return {
      state: 'ok',
      what,
      how: (
        <>
          we cannot see their CA · accepted <When at={lastOk.at} show="distance" />
        </>
      ),
    };
  return { state: 'unknown', what, how: 'whether they accept it, nobody has tried yet' };
}

function peerShowing(
  { peerShows, gatewayChecks, matched, mode, state, lastOk, lastFailure, unknown }: Leg,
  peer: 'client' | 'service',
): Showing {
  const they = peer === 'client' ? 'they show' : 'it shows';
  if (mode === 'plain' || (mode === 'off' && peer === 'service'))
    return { state: 'none', what: `${they} nothing`, how: 'plain HTTP' };
  if (mode === 'off') return { state: 'none', what: 'they show nothing', how: 'the policy asks for no certificate' };
  const isRefused =
    state === 'failing' && lastFailure !== null && !(peer === 'service' && refusedBy.has(lastFailure.code));
  const checked =
    gatewayChecks === null
      ? 'not checked'
      : gatewayChecks.verified
        ? `checked by ${gatewayChecks.caBundles.map((id) => `“${id}”`).join(', ') || 'its own bundle'}`
        : 'not checked: verification is switched off';
  if (isRefused)
    return {
      state: 'refused',
      what:
        peerShows === null ? (
          `${they} nothing that we took`
        ) : (
          <>
            {they}{' '}
            <b>
              <Hostile text={peerShows.subject} max={60} />
            </b>
          </>
        ),
      how: (
        <>
          <span>refused: </span>
          <Hostile text={lastFailure.detail} max={200} />
        </>
      ),
    };
  if (peerShows === null)
    return {
      state: lastOk === null ? 'unknown' : 'ok',
      what: lastOk === null ? 'not seen yet' : `${they} a certificate`,
      how: unknown.find(({ field }) => field === 'peerShows')?.reason ?? checked,
    };
  return {
    state: lastOk === null ? 'unknown' : 'ok',
    what: (
      <>
        {they}{' '}
        <b>
          <Hostile text={peerShows.subject} max={60} />
        </b>
        , ends <When at={peerShows.notAfter} show="distance" />
      </>
    ),
    how: (
      <>
        {checked}
        {matched !== null && (
          <>
            {' '}
            · {matched.kind} <Hostile text={matched.text} max={60} /> matched
          </>
        )}
      </>
    ),
  };
}
