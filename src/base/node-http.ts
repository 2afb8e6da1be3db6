// What we use of node:http, without the ES module that Node makes of it for an import statement: that evaluates every export,
// WebSocket among them, which brings undici, 60 ms of CPU and 16 MB to each process, workers too, that never ask for it.
export const { createServer, get, request, STATUS_CODES } = process.getBuiltinModule('node:http');
