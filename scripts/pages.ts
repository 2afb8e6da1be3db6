// Writes the pages of docs/, and the types of the console, that follow from tables in the code: `node scripts/pages.ts` after a
// change of one. Tests compare them with what this would write.
import { readFileSync, writeFileSync } from 'node:fs';
import { metricsPage } from '../src/telemetry/metrics-page.ts';
import { alertSchemaText } from './alert-schema.ts';
import { apiTypes } from './api-types.ts';
import { configurationPage } from './config-page.ts';
import { faultsPage } from './faults-page.ts';
import { withLosses } from './losses-page.ts';
import { withSignInFaults } from './sign-in-page.ts';

const docs = new URL('../docs/', import.meta.url);
writeFileSync(new URL('faults.md', docs), faultsPage());
writeFileSync(new URL('metrics.md', docs), metricsPage());
const configuration = new URL('configuration.md', docs);
writeFileSync(configuration, configurationPage(readFileSync(configuration, 'utf8')));
const coming = new URL('from-envoy-and-nginx.md', docs);
writeFileSync(coming, withLosses(readFileSync(coming, 'utf8')));
writeFileSync(new URL('alert-message.schema.json', docs), alertSchemaText());
const signIn = new URL('single-sign-on.md', docs);
writeFileSync(signIn, withSignInFaults(readFileSync(signIn, 'utf8')));
writeFileSync(new URL('../console/src/api/operations.ts', import.meta.url), apiTypes());
