// What the launcher beside it starts (countersign, a shell script). JavaScript that Node 12 can read, on purpose: an old Node is to be refused
// with one clear line. bin/package.json makes it CommonJS for the same reason. Everything else is in src/cli.
'use strict';

const fs = require('fs');
const path = require('path');
const url = require('url');

// Older ones lack what we use; 26.8 even loses the client's certificate chain, so a gateway on it cannot judge.
const NEEDED = [26, 10];

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
  const [major, minor] = version.split('.').map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return undefined;
  // Refused rather than restarted with the right Node: a parent that passes signals on would hand the gateway every
  // signal of a terminal or a service manager twice, and the second one means "stop at once". The launcher can exec.
  const bundled = findBundledNode();
  const remedy =
    bundled === undefined
      ? '`npm ci` brings it on Linux (then `npm start`, `npm run countersign`), elsewhere install it'
      : `it is installed here, run: ${path.join(__dirname, 'countersign')}`;
  return `countersign needs Node ${NEEDED.join('.')} or newer; this is Node ${version}; ${remedy}`;
}

const refused = refusal(process.versions.node);
if (refused !== undefined) {
  process.stderr.write(refused + '\n');
  process.exit(1);
}

require('./compile-cache.js').keepCompiledCode(path.join(__dirname, '..'));

// npm runs its scripts in the package's folder; who typed `npm run countersign` means files of the folder where he stands.
const { npm_lifecycle_event: script, INIT_CWD: caller } = process.env;
if (script === 'countersign' && caller) {
  try {
    process.chdir(caller);
  } catch {
    // Gone since: the package's folder will do, and paths say what they meant.
  }
}

// A checkout has both, once it was built: there what was written last counts. A package has no sources.
const built = path.join(__dirname, '..', 'dist', 'cli', 'main.js');
const source = path.join(__dirname, '..', 'src', 'cli', 'main.ts');
// Importing it runs the command line.
import(url.pathToFileURL(fs.existsSync(source) ? source : built).href).catch(function (error) {
  process.stderr.write(`countersign could not be loaded: ${error && error.stack}\n`);
  process.exit(1);
});
