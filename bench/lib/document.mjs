/**
 * Puts what the benchmark printed into Markdown pages, between two marks, so that no figure of a page is copied by hand.
 * A page has marks for the whole report, or for the parts of it that it shows.
 */

import { readFile, writeFile } from 'node:fs/promises';

/** `<!-- node bench/run.mjs: begin -->` for the whole report, `<!-- node bench/run.mjs, model: begin -->` for a part. */
const markOf = (part, end) => `<!-- node bench/run.mjs${part === '' ? '' : `, ${part}`}: ${end} -->`;

/** Throws where `file` exists without marks of these parts: before an hour of measuring, not after it. */
export async function checkDocument(file, parts) {
  await pageOf(file, parts);
}

/**
 * Replaces what is between the marks of each of `parts` by its text, `{ name: text }`, or makes the file with the whole report,
 * `''`. What this run did not measure says so: figures of another run would stand under this one's machine.
 */
export async function writeDocument(file, parts, texts) {
  let page = await pageOf(file, parts);
  for (const part of parts) {
    const place = placeOf(page, part);
    if (place === undefined) continue;
    page = `${page.slice(0, place.begin)}\n\n${texts[part] ?? 'Not measured.'}\n\n${page.slice(place.end)}`;
  }
  await writeFile(file, page);
}

async function pageOf(file, parts) {
  const page = await readFile(file, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return `${markOf('', 'begin')}${markOf('', 'end')}\n`;
    throw error;
  });
  if (parts.every((part) => placeOf(page, part) === undefined)) {
    const named = parts.filter((part) => part !== '').join(', ');
    throw new Error(
      `Expected the lines ${markOf('', 'begin')} and ${markOf('', 'end')} in ${file}, or those of a part (${named}), but found none.`,
    );
  }
  return page;
}

/** Where the text of a part begins and ends; `undefined` where the page has no marks for it. */
function placeOf(page, part) {
  const mark = markOf(part, 'begin');
  const [begin, end] = [page.indexOf(mark), page.indexOf(markOf(part, 'end'))];
  return begin < 0 || end < begin ? undefined : { begin: begin + mark.length, end };
}
