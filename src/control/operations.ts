// Everything that the API can do, in the order of its document.
import { accountOperations } from './account-operations.ts';
import { alertOperations } from './alert-operations.ts';
import { clientOperations } from './client-operations.ts';
import { configOperations } from './config-operations.ts';
import { driftOperations } from './drift-operations.ts';
import { gatewayOperations } from './gateway-operations.ts';
import { handshakeOperations } from './handshake-operations.ts';
import { historyOperations } from './history-operations.ts';
import { planOperations } from './plan-operations.ts';
import type { Operation } from './operation.ts';
import { overviewOperations } from './overview-operations.ts';
import { providerOperations } from './provider-operations.ts';
import { relationOperations } from './relation-operations.ts';
import { revertOperations } from './revert-operations.ts';
import { sessionOperations } from './session-operations.ts';
import { trustAuditOperations } from './trust-audit-operations.ts';
import { testOperations } from './test-operations.ts';

export const operations: readonly Operation[] = [
  ...sessionOperations,
  ...providerOperations,
  ...overviewOperations,
  ...alertOperations,
  ...relationOperations,
  ...handshakeOperations,
  ...testOperations,
  ...clientOperations,
  ...trustAuditOperations,
  ...configOperations,
  ...planOperations,
  ...revertOperations,
  ...gatewayOperations,
  ...driftOperations,
  ...historyOperations,
  ...accountOperations,
];
