// The floor table: which folder of src/ may import which. src/README.md shows it to people; this file makes the
// linter enforce it (run `node scripts/floors.ts` after a change, it rewrites .oxlintrc.json's overrides).
import { readFileSync, writeFileSync } from 'node:fs';

/** Folders of src/ by floor, lowest first. A file imports from its own folder or from a lower floor, types included. */
export const floors: readonly (readonly string[])[] = [
  ['base'],
  ['asn1', 'dns', 'http', 'proxy-protocol', 'telemetry', 'yaml'],
  ['certs', 'config', 'http1', 'http2'],
  ['acme', 'store', 'trust', 'vault'],
  ['crl', 'ocsp', 'postgres', 'sources', 'sqlite'],
  ['downstream', 'upstream', 'routing', 'forwarding', 'filters'],
  ['flow', 'passthrough', 'diagnosis', 'inventory'],
  ['loading', 'sharing'],
  ['gateway'],
  ['access', 'admin', 'alerts', 'audit', 'drift', 'import', 'oidc', 'probe'],
  ['caddy', 'control', 'envoy', 'nginx', 'traefik'],
  ['process'],
  ['cli'],
];

/** One linter override per folder that forbids everything beside it and above it. */
export function floorOverrides(): object[] {
  return floors.flatMap((folders, floor) =>
    folders.map((folder) => ({
      files: [`src/${folder}/**`],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            patterns: [
              {
                group: floors
                  .flatMap((others, at) => (at < floor ? [] : others))
                  .filter((other) => other !== folder)
                  .map((other) => `../${other}/*`),
                message: `src/${folder} stands on floor ${floor}: it may import its own folder and lower floors only (src/README.md).`,
              },
            ],
          },
        ],
      },
    })),
  );
}

/** What the steps of a request hand on is proved, never asserted: a cast would stand for a check that did not run. */
const proofOverrides: readonly object[] = [
  { files: ['src/flow/*.ts'], rules: { 'typescript/no-unsafe-type-assertion': 'error' } },
  { files: ['src/flow/*.test.ts'], rules: { 'typescript/no-unsafe-type-assertion': 'off' } },
];

/** What holds for pages besides: how React works, and that everybody can use them. */
const consoleOverrides: readonly object[] = [
  {
    files: ['console/src/**'],
    plugins: ['typescript', 'import', 'unicorn', 'promise', 'react', 'jsx-a11y'],
    rules: {
      // JSX makes its own import; a field that is the purpose of a page has the focus; what scrolls is reached by keyboard.
      'react/react-in-jsx-scope': 'off',
      'jsx-a11y/no-autofocus': 'off',
      'jsx-a11y/no-noninteractive-tabindex': 'off',
      'jsx-a11y/prefer-tag-over-role': 'off',
      'import/no-unassigned-import': 'off',
    },
  },
];

/** All overrides of the linter. */
export function overrides(): object[] {
  return [...floorOverrides(), ...proofOverrides, ...consoleOverrides];
}

if (import.meta.main) {
  const file = new URL('../.oxlintrc.json', import.meta.url);
  const config = JSON.parse(readFileSync(file, 'utf8')) as { overrides: object[] };
  config.overrides = overrides();
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`);
}
