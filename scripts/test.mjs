/**
 * Everything that a change is checked for, in one command: lint, types, manifest, tests. With --soak the tests that take
 * minutes, and nothing else. Either way it ends with a line that counts the tests.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bin, install, ROOT, run } from './steps.mjs';

const MANIFEST = join(ROOT, '.oclif.manifest.json');

const words = process.argv.slice(2);
const isSoak = words.includes('--soak');

install();
const failedSteps = [];
const step = (name, ok) => {
  if (!ok) failedSteps.push(name);
};

const committed = existsSync(MANIFEST) ? readFileSync(MANIFEST, 'utf8') : '';
step('build', run(process.execPath, ['scripts/build.mjs']) === 0);
if (readFileSync(MANIFEST, 'utf8') !== committed) {
  step('manifest: .oclif.manifest.json was not up to date and has been rewritten; commit it', false);
}
if (!isSoak) {
  step('lint', run(bin('biome'), ['ci', '.']) === 0);
  step('types of the tests', run(bin('tsc'), ['-p', 'tsconfig.test.json']) === 0);
}

const folder = mkdtempSync(join(tmpdir(), 'vgg16-test-'));
const report = join(folder, 'report.json');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const more = words.filter((word) => word !== '--soak');
step('tests', run(bin('vitest'), ['run', '--project', isSoak ? 'soak' : 'tests', ...reporters, ...more]) === 0);
const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
rmSync(folder, { recursive: true, force: true });

for (const name of failedSteps) console.log(`FAILED ${name}`);
if (counts === undefined) {
  console.log('The test runner left no report.');
  process.exitCode = 1;
} else {
  const failed = counts.numFailedTests + counts.numFailedTestSuites * (counts.numFailedTests === 0 ? 1 : 0);
  console.log(`${counts.numPassedTests} passed, ${failed} failed, ${counts.numPendingTests} skipped`);
  process.exitCode = failedSteps.length > 0 || failed > 0 || counts.numPassedTests === 0 ? 1 : 0;
}
