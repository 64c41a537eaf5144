/** From a fresh clone to labels: sets up what is missing, then classifies the sample photos with the model that ships. */

import { buildIfStale, install, run } from './steps.mjs';

install();
buildIfStale();
process.exitCode = run(process.execPath, [
  'bin/run.js',
  'classify',
  'fixtures/images',
  '--model',
  'mini',
  '--format',
  'table',
  '--top-k',
  '3',
]);
