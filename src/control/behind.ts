// Whether this gateway has run another revision than the store has for it for longer than a minute: drift of the kind `behind`.
import type { DriftFinding, DriftReport } from '../gateway/drift.ts';
import type { Fleet } from './fleet.ts';

/** Never rejects: what cannot be read is told by who reads the store. */
export async function findBehind(fleet: Pick<Fleet, 'read' | 'isBehind'>, gateway: string): Promise<DriftReport> {
  const findings = await look(fleet, gateway).catch((): DriftFinding[] => []);
  return { of: 'behind', source: 'store', findings };
}

async function look(fleet: Pick<Fleet, 'read' | 'isBehind'>, gateway: string): Promise<DriftFinding[]> {
  const own = (await fleet.read()).gateways.find(({ name }) => name === gateway);
  if (own === undefined || !fleet.isBehind(gateway)) return [];
  const { revision, expected, refused } = own;
  const sentence = `gateway ${gateway} runs revision ${revision}, and the store has revision ${expected.revision} for it`;
  const help =
    refused === null
      ? 'See the log of the gateway for why it did not take it.'
      : 'It refused it: correct the objects that it names, or revert the change.';
  return [{ key: 'revision', code: 'behind', sentence, help }];
}
