// The rows with HTTP/2 on one side or both.
import { GRPC_BYTES, GRPC_PATH, http1, type Workload } from './workload.ts';

const http2 = { ...http1, client: 'h2', connections: 16, after: 'keep' } as const;
const small = { path: '/', streams: 8, bodyBytes: 107 } as const;
const large = { unit: 'MiB', path: '/1m', streams: 1, bodyBytes: 1 << 20 } as const;

export const http2Workloads: readonly Workload[] = [
  { ...http2, ...small, name: 'h2-h1', title: 'HTTP/2 to HTTP/1.1, 107 bytes, 16 × 8 streams' },
  { ...http2, ...small, name: 'h2-h2', title: 'HTTP/2 to HTTP/2, 107 bytes, 16 × 8 streams', backend: 'h2' },
  {
    ...http1,
    name: 'h1-h2',
    title: 'HTTP/1.1 to HTTP/2, 107 bytes, 64 connections',
    backend: 'h2',
    path: '/',
    connections: 64,
    after: 'keep',
    bodyBytes: 107,
  },
  {
    ...http2,
    name: 'h2-grpc',
    title: 'gRPC-like calls, 100 bytes each way and trailers, 16 × 8 streams',
    unit: 'call',
    backend: 'grpc',
    path: GRPC_PATH,
    streams: 8,
    requestBytes: GRPC_BYTES,
    bodyBytes: GRPC_BYTES,
  },
  { ...http2, ...large, name: 'h2-h1-body', title: 'HTTP/2 to HTTP/1.1, 1 MiB answers, 16 connections' },
  {
    ...http2,
    ...large,
    name: 'h2-upload',
    title: 'HTTP/2 to HTTP/1.1, uploads of 1 MiB, 16 connections',
    path: '/upload',
    requestBytes: 1 << 20,
    bodyBytes: 107,
  },
  { ...http2, ...large, name: 'h2-h2-body', title: 'HTTP/2 to HTTP/2, 1 MiB answers, 16 connections', backend: 'h2' },
  {
    ...http2,
    ...small,
    name: 'h2-idle',
    title: 'idle connections of HTTP/2, one request each',
    unit: 'connection',
    connections: 2000,
    streams: 1,
    after: 'idle',
  },
];
