#!/usr/bin/env node
// The installed command. JavaScript that Node 12 can read, on purpose: an old Node is to be refused
// with one clear line. bin/package.json makes it CommonJS for the same reason. Everything else is in src/cli.
'use strict';

const fs = require('fs');
const path = require('path');
const url = require('url');

const NEEDED_MAJOR = 26;
// These lose the peer's certificate chain on the server side, so a gateway on them cannot judge a client.
const BROKEN = ['26.8.0', '26.8.1'];

/** The runtime that `npm ci` installed beside us, or undefined where the platform has none. */
function findBundledNode() {
  try {
    const manifest = require.resolve(`node-${process.platform}-${process.arch}/package.json`);
    const binary = path.join(path.dirname(manifest), 'bin', 'node');
    return fs.existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

/** One line that says what was found, what is needed and what to do; undefined where this Node will do. */
function refusal(version) {
  const major = Number(version.split('.')[0]);
  const broken = BROKEN.indexOf(version) !== -1;
  if (major >= NEEDED_MAJOR && !broken) return undefined;
  // Refused rather than restarted with the right Node: a parent that passes signals on would hand the gateway every
  // signal of a terminal or a service manager twice, and the second one means "stop at once".
  const bundled = findBundledNode();
  const remedy =
    bundled === undefined
      ? '`npm ci` brings it on Linux (then `npm start`, `npm run countersign`), elsewhere install it'
      : `it is installed here, run: ${bundled} ${__filename}`;
  const fault = broken ? ', which loses client certificates' : '';
  return `countersign needs Node ${NEEDED_MAJOR} or newer; this is Node ${version}${fault}; ${remedy}`;
}

const refused = refusal(process.versions.node);
if (refused !== undefined) {
  process.stderr.write(refused + '\n');
  process.exit(1);
}

const built = path.join(__dirname, '..', 'dist', 'cli', 'main.js');
const source = path.join(__dirname, '..', 'src', 'cli', 'main.ts');
// Importing it runs the command line.
import(url.pathToFileURL(fs.existsSync(built) ? built : source).href).catch(function (error) {
  process.stderr.write(`countersign could not be loaded: ${error && error.stack}\n`);
  process.exit(1);
});
