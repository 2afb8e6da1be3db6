import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Draft, type DraftMap } from './draft.ts';
import { ImportReport } from './report.ts';
import { writeYaml } from './write-yaml.ts';

const place = { file: 'envoy.yaml', line: 7, col: 3 };

describe('the text of a draft', () => {
  it('puts small things in one line, routes one below another, and comments in front of what they are about', () => {
    const draft = new Draft();
    const api: DraftMap = { name: 'api', path: '/', target: 'https://api:8443' };
    draft.root['gateway'] = {
      entryPoints: { web: { enabled: false } },
      tls: { certificates: [{ cert: 'server.crt', key: 'server.key' }] },
      routes: [api, { name: 'status', path: '/status', target: 'http://status:8080' }],
    };
    draft.comment('of the first route', api);
    draft.comment('of the file');
    assert.equal(
      writeYaml(draft),
      `# of the file

gateway:
  entryPoints: {web: {enabled: false}}
  tls:
    certificates: [{cert: server.crt, key: server.key}]
  routes:
    # of the first route
    - {name: api, path: /, target: "https://api:8443"}
    - {name: status, path: /status, target: "http://status:8080"}
`,
    );
  });

  it('lets no text of a source end a comment or become a line of its own', () => {
    const draft = new Draft();
    draft.root['gateway'] = {};
    draft.comment('said\nworkers: 4\u2028x');
    assert.match(writeYaml(draft), /^# said workers: 4 x\n\n?gateway: \{\}\n$/);
  });

  it('keeps the comment of what did not get into the file', () => {
    const draft = new Draft();
    draft.root['gateway'] = {};
    draft.comment('gone', { a: 'b' });
    assert.match(writeYaml(draft), /^# gone$/m);
  });
});

describe('a loss', () => {
  it('fails the import', () => {
    const report = new ImportReport(new Set(), new Draft());
    assert.equal(report.loses('rate_limit', { place }, 'ratelimit', 'has no counterpart'), false);
    assert.equal(report.failed, true);
  });

  it('is a comment in the file once its code is accepted, and no other code', () => {
    const draft = new Draft();
    const report = new ImportReport(new Set(['rate_limit']), draft);
    assert.equal(report.loses('rate_limit', { place }, 'ratelimit', 'has no counterpart'), true);
    assert.equal(report.failed, false);
    report.writeComments();
    assert.deepEqual(draft.topComments, ['LOST (rate_limit, line 7): ratelimit: has no counterpart']);
    report.loses('token_check', { place }, 'jwt_authn', 'has no counterpart');
    assert.equal(report.failed, true);
  });

  it('cannot be accepted where nothing would be left to run', () => {
    const report = new ImportReport(new Set(['rate_limit']), new Draft());
    report.refuse('rate_limit', { place }, 'file', 'is not YAML');
    assert.equal(report.failed, true);
  });
});
