// The side of a connection that we are on, as the connection sees it (session.ts): server.ts or client.ts.
import type { Clock } from '../base/clock.ts';
import type { Fields } from '../http/field.ts';
import type { TurnEnd } from '../http/turn-end.ts';
import type { Role } from './control-frames.ts';
import type { Setting } from './frame.ts';
import type { Http2Error } from './http2-error.ts';
import type { PeerSettings } from './peer-settings.ts';
import type { Http2Shared } from './shared.ts';
import type { Http2Stream } from './stream.ts';

export type SessionOptions = {
  readonly clock: Clock;
  readonly turn: TurnEnd;
  /** One for all connections of a worker. */
  readonly shared: Http2Shared;
  /** What we tell the peer at the beginning. */
  readonly settings: readonly Setting[];
  /** Window of each stream that we give, as `settings` says it. */
  readonly streamWindow: number;
  /** Window of the connection that we give. */
  readonly connectionWindow: number;
};

/** The side that we are on. Called synchronously; must not throw. */
export interface SessionRole {
  readonly role: Role;
  /** The last stream of the peer that was taken on; 0 where it opens none. */
  readonly lastStreamId: number;
  /** As FrameHandler.onHeaders; the block must be decoded. `stream` undefined: none that is open has this id. */
  onHeaders(
    streamId: number,
    stream: Http2Stream | undefined,
    bytes: Buffer,
    start: number,
    end: number,
    endStream: boolean,
  ): void;
  /** HEADERS with END_STREAM. */
  sendTrailers(stream: Http2Stream, trailers: Fields): void;
  /** The peer's limits changed. */
  onPeerSettings(settings: PeerSettings): void;
  onPingAck(): void;
  onGoAway(lastStreamId: number, code: number): void;
  onStreamClosed(stream: Http2Stream): void;
  /** A stream never was, or is no more, open: whether its id was never used. */
  isIdle(streamId: number): boolean;
  /** A rule of the connection was broken; the session is closed already. */
  onBroken(error: Http2Error): void;
  /** Something came. */
  onRead(): void;
  /** It was read; before streams hear that their part of it is over. */
  onReadOver(): void;
  /** The peer has begun, or gone on, to take what was written. */
  onTaken(): void;
  /** So much was written and is not taken, control frames included; once for each turn in which there is too much. */
  onBehind(waitingBytes: number): void;
  /** The peer has done something of no use that its connection has not earned. False: its other connections have done too much of it. */
  mayWaste(): boolean;
  /** All was taken. */
  onCaughtUp(): void;
}
