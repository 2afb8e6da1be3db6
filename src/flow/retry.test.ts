// Which failed attempts may be made again, and which never.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault, type FaultCode } from '../base/fault.ts';
import { type RefusedBy, StreamRefused } from '../http/stream-refused.ts';
import { type Attempt, mayTryAgain } from './retry.ts';

type Given = Partial<Omit<Attempt, 'fault' | 'context'>> & { readonly method?: string; readonly by?: RefusedBy };

function isTried(code: FaultCode, { method = 'POST', by = 'stream', ...more }: Given = {}): boolean {
  const context = { outgoing: { method } } as Attempt['context'];
  const fault = code === 'stream_refused' ? new StreamRefused(by, { detail: '', raw: '' }) : new Fault(code, 'backend');
  const retry = { attempts: 1, on: [] };
  return mayTryAgain({ fault, stale: false, attempts: 1, retry, isBodyGone: false, ...more, context });
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
});
