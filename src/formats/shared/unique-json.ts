/** JSON whose keys are unique: JSON.parse keeps the last of two equal keys without a word. */

export class DuplicateKeyError extends Error {
  override readonly name = 'DuplicateKeyError';
}

/** The parsed text; throws a DuplicateKeyError that names the key, or JSON.parse's SyntaxError. */
export function parseUniqueJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined)
    throw new DuplicateKeyError(`the key ${JSON.stringify(duplicate.slice(0, 80))} occurs twice`);
  return value;
}

/** Strings and the punctuation that decides whether a string is a key. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]]/gy;
const BETWEEN = /[^"{}[\]]*/gy;
const COLON = /\s*:/y;

/** The first key that an object of valid JSON `text` holds twice. */
function duplicateKey(text: string): string | undefined {
  /** Keys of the open objects from the outside in; `undefined` for an array. */
  const open: (Set<string> | undefined)[] = [];
  let position = 0;
  for (;;) {
    BETWEEN.lastIndex = position;
    BETWEEN.test(text);
    TOKEN.lastIndex = BETWEEN.lastIndex;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) return undefined;
    position = TOKEN.lastIndex;
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else {
      COLON.lastIndex = position;
      if (!COLON.test(text)) continue;
      const key = JSON.parse(token) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
}
