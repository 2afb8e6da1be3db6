import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nginxBlock, readAddress } from './nginx-block.ts';

describe('an address of a backend', () => {
  it('is a name or an IPv4 address with a port, 443 where there is none', () => {
    assert.deepEqual(readAddress(' Orders.Internal:8443 '), { name: 'orders.internal', port: '8443' });
    assert.deepEqual(readAddress('10.0.0.5'), { name: '10.0.0.5', port: '443' });
  });

  it('is nothing else, so that nothing else gets into a block that is pasted', () => {
    for (const wrong of ['', 'https://a', 'a b', 'a;}', 'a:0', 'a:99999', '-a', 'a.:1', "a'"])
      assert.equal(readAddress(wrong), undefined, wrong);
  });
});

it('the block asks for certificates and names the files that are downloaded', () => {
  const block = nginxBlock({ name: 'orders.test', port: '8443' });
  assert.match(block, /ssl_verify_client {6}on;/);
  for (const file of ['server.crt', 'server.key', 'ca.crt'])
    assert.ok(block.includes(`/etc/nginx/countersign/${file};`));
});
