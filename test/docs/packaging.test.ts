// What the Debian package says to others on the machine, where a mistake would show on a customer's machine only.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';

const read = (name: string): string => readFileSync(new URL(`../../packaging/debian/${name}`, import.meta.url), 'utf8');

it('logs are rotated by who owns their folder, since root must trust nothing in it', () => {
  const unit = read('countersign.service');
  const [, user] = /^User=(.+)$/m.exec(unit) ?? [];
  const [, folder] = /^LogsDirectory=(.+)$/m.exec(unit) ?? [];
  const rules = read('logrotate');
  assert.ok(rules.includes(`\n/var/log/${folder}/*.log {\n`));
  assert.match(rules, new RegExp(`^\\tsu ${user} ${user}$`, 'm'));
  assert.match(rules, new RegExp(`^\\tcreate \\d{4} ${user} ${user}$`, 'm'));
});
