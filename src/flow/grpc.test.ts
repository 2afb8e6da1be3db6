// What is a call of gRPC, how long it may take, and what its client is told of a fault.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault, type FaultCode, type FaultSource, faultTable } from '../base/fault.ts';
import type { RequestHead } from '../http/exchange.ts';
import { FieldNames, Fields } from '../http/field.ts';
import { grpcFields, grpcTimeoutMs, grpcTrailers, isGrpc, parseGrpcTimeout } from './grpc.ts';

function head(version: number, pairs: Readonly<Record<string, string>>): RequestHead {
  const names = new FieldNames();
  const fields = new Fields();
  for (const [raw, value] of Object.entries(pairs)) {
    const name = names.find(raw);
    assert.ok(name !== undefined);
    fields.push(name, value);
  }
  return { version, fields } as unknown as RequestHead;
}

const statusOf = (code: FaultCode, source: FaultSource): string | undefined =>
  grpcFields(new Fault(code, source)).find(([name]) => name === 'grpc-status')?.[1];

describe('a call of gRPC', () => {
  it('is one by its type, over HTTP/2 alone', () => {
    const types = ['application/grpc', 'application/grpc+proto', 'Application/GRPC;charset=utf-8'];
    for (const type of types) {
      assert.ok(isGrpc(head(20, { 'content-type': type })), type);
      assert.ok(!isGrpc(head(11, { 'content-type': type })), `${type} over HTTP/1.1`);
    }
    for (const type of ['application/grpc-web', 'application/grpc-web+proto', 'application/json', 'x application/grpc'])
      assert.ok(!isGrpc(head(20, { 'content-type': type })), type);
    assert.ok(!isGrpc(head(20, {})));
  });

  it('may take as long as grpc-timeout says, where that says anything', () => {
    const good = { '1H': 3_600_000, '2M': 120_000, '3S': 3000, '4m': 4, '5u': 0.005, '99999999n': 99.999_999, '0S': 0 };
    for (const [value, ms] of Object.entries(good)) {
      const read = parseGrpcTimeout(value);
      assert.ok(read !== undefined && Math.abs(read - ms) < 1e-9, value);
    }
    for (const value of ['', 'S', '1', '1h', '1 S', '-1S', '+1S', '1.5S', '123456789S', '1SS', '1S ', '0x1S'])
      assert.equal(parseGrpcTimeout(value), undefined, value);
    assert.equal(grpcTimeoutMs(head(20, { 'grpc-timeout': '5S' }).fields), 5000);
    assert.equal(grpcTimeoutMs(head(20, {}).fields), undefined);
  });
});

describe('a fault told to a client of gRPC', () => {
  it('has the status that says what to do about it', () => {
    const expected: readonly [FaultCode, FaultSource, number][] = [
      ['no_client_cert', 'client', 16],
      ['no_client_cert', 'backend', 14],
      ['untrusted_issuer', 'client', 7],
      ['untrusted_issuer', 'backend', 14],
      ['policy_denied', 'client', 7],
      ['host_mismatch', 'client', 7],
      ['no_route', 'client', 12],
      ['method_not_allowed', 'client', 12],
      ['body_too_large', 'client', 8],
      ['over_fair_share', 'gateway', 8],
      ['response_timeout', 'backend', 4],
      ['deadline_exceeded', 'gateway', 4],
      ['request_timeout', 'client', 4],
      ['timeout', 'backend', 14],
      ['refused', 'backend', 14],
      ['backend_truncated', 'backend', 14],
      ['no_healthy_backend', 'gateway', 14],
      ['maintenance', 'gateway', 14],
      ['draining', 'gateway', 14],
      ['ambiguous_path', 'client', 13],
      ['uri_too_long', 'client', 13],
      ['expectation_failed', 'client', 13],
      ['internal', 'gateway', 13],
    ];
    for (const [code, source, status] of expected)
      assert.equal(statusOf(code, source), String(status), `${code} ${source}`);
  });

  it('is never a success, and a message that needs no escapes', () => {
    for (const [code, spec] of Object.entries(faultTable) as [FaultCode, (typeof faultTable)[FaultCode]][])
      for (const source of ['client', 'gateway', 'backend'] as const) {
        if (spec[source] === undefined) continue;
        const trailers = grpcTrailers(new Fault(code, source, { detail: 'secret.internal:8443' }));
        assert.match(trailers.find('grpc-status') ?? '', /^[1-9][0-9]?$/);
        assert.match(trailers.find('grpc-message') ?? '', /^[ -$&-~]+$/, 'printable, no percent sign');
        assert.ok(!trailers.find('grpc-message')?.includes('secret'));
        assert.equal(trailers.find('countersign-fault'), code);
        assert.equal(trailers.length, 3);
      }
  });
});
