/** Puts the report into a Markdown file, between two marks, so that a page holds exactly what the benchmark printed. */

import { readFile, writeFile } from 'node:fs/promises';

const BEGIN = '<!-- node bench/run.mjs: begin -->';
const END = '<!-- node bench/run.mjs: end -->';

/** Throws where `file` exists without the marks: before an hour of measuring, not after it. */
export async function checkDocument(file) {
  await parts(file);
}

/** Replaces what is between the marks, or makes the file. */
export async function writeDocument(file, text) {
  const [before, after] = await parts(file);
  await writeFile(file, `${before}${BEGIN}\n\n${text}\n\n${END}${after}`);
}

/** The text before the first mark and that after the second. */
async function parts(file) {
  const page = await readFile(file, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return `${BEGIN}${END}\n`;
    throw error;
  });
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new Error(`Expected the lines ${BEGIN} and ${END} in ${file} but did not find both.`);
  }
  return [page.slice(0, begin), page.slice(end + END.length)];
}
