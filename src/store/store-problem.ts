// What can be wrong with a store, in one table: a stable code and one sentence on what to do. The message says what happened
// and never holds a secret; the cause is kept. Whoever asks for something that the store refuses gets one of the first group.

const helps = {
  invalid: 'Correct what the message names.',
  object_refused: 'Correct the object; private keys are sealed first and referred to by digest.',
  gateway_unknown: 'Name gateways that report to the store: `countersign gateways` lists them.',
  canary_open: 'Promote or revert what is on trial first, or change it for the same gateways.',
  version_unknown: 'Ask for the versions of the object and name one of them.',
  sealed_unknown: 'Put the sealed secret into the store first, for this very object.',
  duplicate: 'Choose another name, or change the one that is there.',
  in_use: 'Take away what uses it first.',
  full: 'Remove what is not needed any more.',

  not_found: 'Give the path of a store that exists.',
  path_refused: 'The file must be a regular one of mode 0600 in a folder that only its user can write to.',
  cannot_open: 'The folder must exist, and the user of the process must be able to read and write there.',
  not_a_store: 'Give the file of a Countersign store; this one is left as it is.',
  newer: 'Run the version of Countersign that wrote it, or a newer one.',
  older: 'Start the gateway once with this version: it brings the store up to date.',
  replaced: 'Restart: the file that is open is not the one that stands there now.',
  closed: 'Open the store again.',

  disk_full: 'Make room on the disk or raise the limit of the store, then try again; nothing was changed.',
  read_only: 'Make the file and its folder writable for the user of the process; nothing was changed.',
  locked: 'Another process writes to the store or holds it; try again, and see which process that is if it stays so.',
  corrupt:
    'Run `countersign store verify`, then put a backup in its place; gateways serve their last good revision meanwhile.',
  altered:
    'Somebody wrote to the store by another way: run `countersign store verify`, put a backup in its place; nothing of it is loaded.',
  io: 'Look at the disk and at the log of the system; nothing was changed that was not confirmed before.',

  unreachable:
    'Look whether the database runs, whether the address is right and the way to it open; the gateway tries again by itself.',
  timed_out: 'Look at the load of the database and the way to it; the gateway tries again by itself.',
  login_refused: 'Correct user, password or client certificate in gateway.store.url, or let them in (pg_hba.conf).',
  tls_failed:
    'The database must show a certificate of the CA in sslrootcert for the name in gateway.store.url, and accept ours (sslcert, sslkey).',
  no_database: 'Make the database (CREATE DATABASE), or correct its name in gateway.store.url.',
  denied: 'Give the role its rights back: it owns the schema countersign, or may make it in the database.',
  too_many_connections:
    'Raise max_connections of the database, or take connections from others; a gateway needs up to eight.',
  standby:
    'Name the primary in gateway.store.url, or all servers one after the other: the one that takes writes is found.',
  another_store:
    'Put the former store back; where this one is meant, remove the file of the last good revision and restart.',

  seal_key_missing:
    'Give the file with the opening key back (it stood beside the store), or its text from the environment; without it the keys in the store are lost.',
  seal_key_wrong: 'Give the opening key that belongs to this store.',
  seal_key_refused:
    'The file with the opening key must be a regular one of mode 0600 that belongs to the user of the process.',
  unsealable: 'Upload the key again; if nobody changed the store by hand, run `countersign store verify`.',
} as const;

export type StoreProblemCode = keyof typeof helps;

export class StoreProblem extends Error {
  override readonly name = 'StoreProblem';
  readonly code: StoreProblemCode;
  /** What to do. */
  readonly help: string;

  constructor(code: StoreProblemCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.help = helps[code];
  }
}
