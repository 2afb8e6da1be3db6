// What a gateway is called among others on one store. It stands in reports, in canaries and in names of files, so there is nothing
// in it that any of them could be fooled with.
import { hostname } from 'node:os';

const form = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/;

export function isGatewayName(name: string): boolean {
  return form.test(name);
}

/** What the machine is called, made fit for a name where it is not. */
export function defaultGatewayName(): string {
  const fit = hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 128)
    .replaceAll(/^[._-]+|[._-]+$/g, '');
  return fit === '' ? 'gateway' : fit;
}
