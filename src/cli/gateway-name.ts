// What this gateway is called, before its configuration is read.
import { hostname } from 'node:os';
import type { StoreLocation } from '../config/store-url.ts';

export function gatewayNameOf(_location: StoreLocation | undefined): string {
  return hostname().slice(0, 200);
}
