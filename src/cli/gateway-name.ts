// What this gateway is called, before its configuration is read.
import { defaultGatewayName } from '../config/own-name.ts';
import type { StoreLocation } from '../config/store-location.ts';

export function gatewayNameOf(location: StoreLocation | undefined): string {
  return location?.gateway ?? defaultGatewayName();
}
