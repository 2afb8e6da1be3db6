// `gateway.buffering`: what may be kept for slow clients, so that they hold no backend connection.
import { integer } from './atoms.ts';
import { key } from './key.ts';

const totalBytes = integer(0, 17_179_869_184);

export const bufferingKeys = {
  requestBytes: key(integer(0, 16_777_216), {
    says: 'Bytes of a request body that are read before a scarce backend connection is taken. Default {default}.',
    default: 65_536,
    page: "own. While half of `maxConnsPerHost` are in use, a request body is read up to here before a connection to the backend is taken, so that who sends slowly takes nobody's place. A chunked body goes on with its first piece. `0`: every body does.",
  }),
  requestTotalBytes: key(totalBytes, {
    says: 'Of all requests, per worker. Default {default}.',
    default: 67_108_864,
    page: 'own. Of all requests, per worker; what is more goes on at once.',
  }),
  responseBytes: key(integer(0, 1_073_741_824), {
    says: 'Bytes of an answer that may wait for a slow client beyond 256 KiB. Default {default}.',
    default: 1_048_576,
    page: 'own. What may wait of an answer for a slow client, beyond 256 KiB and while half of `maxConnsPerHost` are in use: the backend is free as soon as it has told all.',
  }),
  responseTotalBytes: key(totalBytes, {
    says: 'Of all answers, per worker. Default {default}.',
    default: 67_108_864,
    page: 'own. Of all answers, per worker; above it slow clients slow their backends.',
  }),
};
