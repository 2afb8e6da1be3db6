// Writes the pages of docs/ that follow from tables in the code: `node scripts/pages.ts` after a change of one. Tests
// compare the pages with what this would write.
import { readFileSync, writeFileSync } from 'node:fs';
import { metricsPage } from '../src/telemetry/metrics-page.ts';
import { configurationPage } from './config-page.ts';
import { faultsPage } from './faults-page.ts';

const docs = new URL('../docs/', import.meta.url);
writeFileSync(new URL('faults.md', docs), faultsPage());
writeFileSync(new URL('metrics.md', docs), metricsPage());
const configuration = new URL('configuration.md', docs);
writeFileSync(configuration, configurationPage(readFileSync(configuration, 'utf8')));
