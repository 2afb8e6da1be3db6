// Where compiled code is kept between starts, so that a worker that takes the place of another comes up in a fraction of
// the time. Whoever can write there can run code as us: only a folder that nobody else can write to, nor replace, will do;
// the shared temporary folder, which is what Node takes by itself, will not. JavaScript for old Nodes, as its neighbour.
'use strict';

const fs = require('fs');
const nodeModule = require('module');
const path = require('path');

const GROUP_OR_OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/** True where only we and root can change `dir` or put another in its place (the ancestors count, as for sshd's StrictModes). */
function isSafe(dir, uid) {
  const real = fs.realpathSync(dir);
  const own = fs.statSync(real);
  if (!own.isDirectory() || own.uid !== uid || (own.mode & GROUP_OR_OTHERS_WRITE) !== 0) return false;
  for (let at = path.dirname(real); ; at = path.dirname(at)) {
    const { mode, uid: owner } = fs.statSync(at);
    if (owner !== uid && owner !== 0) return false;
    if ((mode & GROUP_OR_OTHERS_WRITE) !== 0 && (mode & STICKY) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

/**
 * True where what we would make is as ours as what is there already: under sudo root's folders in somebody's home or checkout
 * would be in his way for ever.
 */
function isOursToMake(dir, uid) {
  let at = dir;
  while (!fs.existsSync(at)) at = path.dirname(at);
  return isSafe(at, uid);
}

/** Folders that may be there, best first; what is made in them is ours alone. */
function candidates(root, env) {
  const found = [];
  const modules = path.join(root, 'node_modules');
  if (fs.existsSync(modules)) found.push(path.join(modules, '.cache', 'countersign'));
  // systemd: CacheDirectory=
  const given = (env.CACHE_DIRECTORY || '').split(':')[0];
  if (path.isAbsolute(given)) found.push(path.join(given, 'compiled'));
  const home = env.XDG_CACHE_HOME || (env.HOME ? path.join(env.HOME, '.cache') : '');
  if (path.isAbsolute(home)) found.push(path.join(home, 'countersign', 'compiled'));
  return found;
}

/** The folder to keep compiled code in, made where it was missing (mode 0700); undefined where none is safe. */
function findCacheFolder(root, env, uid) {
  for (const dir of candidates(root, env)) {
    try {
      if (!isOursToMake(dir, uid)) continue;
      fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
      if (!isSafe(dir, uid)) continue;
      fs.accessSync(dir, fs.constants.W_OK);
      return dir;
    } catch {
      // Not to be written to by us: the next one.
    }
  }
  return undefined;
}

/** For this process and the workers that it will start. What the operator decided (NODE_COMPILE_CACHE) stands. */
function keepCompiledCode(root) {
  const { env } = process;
  if (env.NODE_COMPILE_CACHE || env.NODE_DISABLE_COMPILE_CACHE || typeof process.getuid !== 'function') return;
  const dir = findCacheFolder(root, env, process.getuid());
  if (dir === undefined) return;
  env.NODE_COMPILE_CACHE = dir;
  nodeModule.enableCompileCache(dir);
}

module.exports = { findCacheFolder, keepCompiledCode };
