// Which failed attempts may be made again, and which never.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault, type FaultCode } from '../base/fault.ts';
import { type RefusedBy, StreamRefused } from '../http/stream-refused.ts';
import { type Attempt, type NextAttempt, planNextAttempt } from './retry.ts';

type Given = Partial<Omit<Attempt, 'fault' | 'context'>> & {
  readonly method?: string;
  readonly by?: RefusedBy;
  readonly source?: Fault['source'];
  readonly keepsClients?: boolean;
};

function next(code: FaultCode, given: Given = {}): NextAttempt {
  const { method = 'POST', by = 'stream', source = 'backend', keepsClients = false, ...more } = given;
  const context = { outgoing: { method }, route: { cluster: { keepsClients } } } as Attempt['context'];
  const fault = code === 'stream_refused' ? new StreamRefused(by, { detail: '', raw: '' }) : new Fault(code, source);
  const retry = { attempts: 1, on: [] };
  return planNextAttempt({ fault, stale: false, attempts: 1, retry, isBodyGone: false, ...more, context });
}

function isTried(code: FaultCode, given: Given = {}): boolean {
  return next(code, given) !== 'none';
}

describe('another attempt', () => {
  it('is made once where the backend says that it did not begin, whatever the method', () => {
    assert.equal(isTried('stream_refused'), true);
    assert.equal(isTried('stream_refused', { attempts: 2 }), false);
    assert.equal(isTried('stream_refused', { attempts: 2, retry: { attempts: 3, on: ['refused-stream'] } }), true);
    assert.equal(isTried('stream_refused', { attempts: 3, retry: { attempts: 3, on: ['refused-stream'] } }), false);
  });

  it('is made for as many connections as end before it, but not for ever', () => {
    assert.equal(isTried('stream_refused', { attempts: 63, by: 'connection that served others' }), true);
    assert.equal(isTried('stream_refused', { attempts: 64, by: 'connection that served others' }), false);
    assert.equal(isTried('stream_refused', { attempts: 2, by: 'connection that served nothing' }), false);
  });

  it('is never made without the whole body', () => {
    for (const code of ['stream_refused', 'refused', 'backend_closed'] as const)
      assert.equal(
        isTried(code, { isBodyGone: true, stale: true, method: 'PUT', retry: { attempts: 9, on: ['connect'] } }),
        false,
      );
  });

  it('is made of what may have been processed only where that does no harm, on a connection that had been idle', () => {
    assert.equal(isTried('backend_closed', { stale: true, method: 'GET' }), true);
    assert.equal(isTried('backend_closed', { stale: true, method: 'GET', attempts: 2 }), false);
    assert.equal(isTried('backend_closed', { stale: true }), false);
    assert.equal(isTried('backend_closed', { method: 'GET' }), false);
    const retry = { attempts: 9, on: ['connect', 'refused-stream'] } as const;
    for (const code of ['backend_closed', 'response_timeout', 'backend_protocol', 'backend_truncated'] as const)
      assert.equal(isTried(code, { retry }), false, code);
  });

  it('is made of what never reached the backend where the route says so', () => {
    assert.equal(isTried('refused', { retry: { attempts: 2, on: ['connect'] } }), true);
    assert.equal(isTried('refused', { attempts: 2, retry: { attempts: 2, on: ['connect'] } }), false);
    assert.equal(isTried('refused', { retry: { attempts: 2, on: [] } }), false);
    assert.equal(isTried('refused'), false);
  });

  it('is made at other backends by default where nothing was sent, at most at two', () => {
    const retry = { attempts: undefined, on: ['connect'] } as const;
    for (const code of ['refused', 'timeout', 'expired'] as const) assert.equal(next(code, { retry }), 'elsewhere');
    assert.equal(next('refused', { retry, attempts: 2 }), 'elsewhere');
    assert.equal(next('refused', { retry, attempts: 3 }), 'none');
    assert.equal(next('backend_closed', { retry }), 'none');
    assert.equal(next('refused', { retry: { attempts: undefined, on: [] } }), 'none');
    assert.equal(next('backend_busy', { retry, source: 'gateway' }), 'none');
    assert.equal(next('refused', { retry, isBodyGone: true }), 'none');
  });

  it('may go back to the same backend where the route says how many', () => {
    assert.equal(next('refused', { retry: { attempts: 2, on: ['connect'] } }), 'anywhere');
  });

  it('stays at its backend where that keeps its clients and only a connection ended', () => {
    assert.equal(next('backend_closed', { stale: true, method: 'GET', keepsClients: true }), 'there');
    assert.equal(next('stream_refused', { keepsClients: true }), 'there');
    assert.equal(next('stream_refused'), 'anywhere');
    const retry = { attempts: undefined, on: ['connect'] } as const;
    assert.equal(next('refused', { retry, keepsClients: true }), 'elsewhere');
  });
});
