// What the peer asked for by SETTINGS (RFC 9113 section 6.5.2). Values were checked by whoever read them.
import { initialHeaderTableSize, initialMaxFrameSize, initialWindowSize, type Setting, SettingId } from './frame.ts';

export class PeerSettings {
  headerTableSize = initialHeaderTableSize;
  maxConcurrentStreams = Infinity;
  initialWindowSize = initialWindowSize;
  maxFrameSize = initialMaxFrameSize;
  /** Of a header list, as section 6.5.2 counts it; advice only. */
  maxHeaderListSize = Infinity;
  /** RFC 8441: CONNECT with `:protocol` may be sent. */
  connectProtocol = false;
  /** SETTINGS have come at all. */
  areKnown = false;

  take(settings: readonly Setting[]): void {
    this.areKnown = true;
    for (const [id, value] of settings) {
      if (id === SettingId.headerTableSize) this.headerTableSize = value;
      else if (id === SettingId.maxConcurrentStreams) this.maxConcurrentStreams = value;
      else if (id === SettingId.initialWindowSize) this.initialWindowSize = value;
      else if (id === SettingId.maxFrameSize) this.maxFrameSize = value;
      else if (id === SettingId.maxHeaderListSize) this.maxHeaderListSize = value;
      else if (id === SettingId.enableConnectProtocol) this.connectProtocol = value === 1;
    }
  }
}
