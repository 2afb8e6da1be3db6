// Settings that only a start can take: a reload that changes one says so for as long as the file and the process differ.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type LogLine, startGateway } from '../support/gateway.ts';

const yaml = (workers: number): string => `version: 2
gateway:
  workers: ${workers}
  accessLog: {enabled: false}
  log: {maxAgeDays: 3}
  routes: [{name: all, path: /, target: "http://127.0.0.1:9"}]
`;

it('a changed number of workers is named at each reload, and no more once it is as it was', async () => {
  await using gateway = await startGateway({ yaml: yaml(1) });
  const reload = async (workers: number, generation: number): Promise<unknown> => {
    const from = gateway.log.length;
    gateway.rewrite(yaml(workers));
    const isDone = (line: LogLine): boolean => line.msg === 'configuration reloaded';
    const done = await gateway.waitForLog(isDone, { from });
    assert.equal(done['generation'], generation);
    // A warning that was told once is only counted: what is new would drown among what everybody knows.
    assert.ok(Number(done['warningsAsBefore']) >= 1);
    return gateway.log.items.slice(from).find(({ msg }) => msg.startsWith('these settings'))?.['keys'];
  };
  const isWarning = ({ level, msg }: LogLine): boolean => level === 'warn' && msg.includes('maxAgeDays');
  assert.equal(gateway.log.items.filter(isWarning).length, 1, 'as JSON, like every line');
  assert.deepEqual(await reload(2, 2), ['workers']);
  assert.deepEqual(await reload(3, 3), ['workers']);
  assert.equal(await reload(1, 4), undefined);
  assert.equal(gateway.log.items.filter(isWarning).length, 1);
});
