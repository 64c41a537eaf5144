/** An aligned table for people, written as the rows come: the best class first and bold, the others in brief. */

import stringWidth from 'string-width';
import { printable } from '../printable.js';
import type { RowEncoder, Scores } from './encoder.js';
import type { ClassifyRow, Prediction } from './records.js';

export interface ClassifyTableOptions {
  /** Columns of the terminal. */
  readonly width: number;
  readonly scores: Scores;
  /** One line a class instead of one an image. */
  readonly long: boolean;
  /** Labels of the model, to know how wide the column must be; `null` for class numbers. */
  readonly labels: readonly string[] | null;
  readonly paint: {
    readonly bold: (text: string) => string;
    readonly dim: (text: string) => string;
    readonly red: (text: string) => string;
  };
}

const GAP = '  ';

/** Widest column of labels; ImageNet's longest has 121 characters. */
const MAX_LABEL_WIDTH = 24;

/** Narrowest column of paths that still tells files apart. */
const MIN_PATH_WIDTH = 12;

/** Share of the terminal that paths may take. */
const PATH_SHARE = 0.4;

/** Column widths are fixed by the first rows: later ones are shortened to them. */
export function classifyTable(options: ClassifyTableOptions): RowEncoder<ClassifyRow> {
  const { bold, dim, red } = options.paint;
  const scoreWidth = formatScore({ prob: 1, logit: -10 }, options.scores).length;
  const labels = options.labels ?? ['class'];
  const labelWidth = Math.min(
    MAX_LABEL_WIDTH,
    Math.max('label'.length, ...labels.map((label) => stringWidth(printable(label)))),
  );
  let pathWidth = 0;

  const fitTo = (rows: readonly ClassifyRow[]) => {
    if (pathWidth > 0) return;
    const widest = Math.max(MIN_PATH_WIDTH, ...rows.map(({ path }) => stringWidth(printable(path))));
    const room = Math.max(MIN_PATH_WIDTH, Math.floor(options.width * PATH_SHARE));
    pathWidth = Math.min(widest, room);
  };
  const line = (path: string, rest: string) => `${pad(shortenStart(path, pathWidth), pathWidth)}${GAP}${rest}\n`;
  const prediction = (best: Prediction, paint = bold) =>
    `${paint(pad(shorten(printable(best.label), labelWidth), labelWidth))}${GAP}${paint(formatScore(best, options.scores).padStart(scoreWidth))}`;

  const encodeRow = (row: ClassifyRow): string => {
    const path = printable(row.path);
    const room = Math.max(0, options.width - pathWidth - GAP.length);
    if (row.status === 'error') {
      return line(path, red(shorten(printable(`${row.error.code}: ${row.error.message}`), room)));
    }
    const [best, ...others] = row.top;
    if (best === undefined) return line(path, dim('-'));
    if (options.long) {
      return row.top
        .map((each, i) => line(i === 0 ? path : '', prediction(each, i === 0 ? bold : (text) => text)))
        .join('');
    }
    const used = labelWidth + GAP.length + scoreWidth + GAP.length;
    return line(path, `${prediction(best)}${GAP}${dim(inBrief(others, room - used, options.scores))}`.trimEnd());
  };

  let headed = false;
  return {
    header: () => '',
    fitTo,
    encode: (rows) => {
      if (rows.length === 0) return '';
      fitTo(rows);
      const heading = headed
        ? ''
        : `${dim(line('path', `${pad('label', labelWidth)}${GAP}${'score'.padStart(scoreWidth)}`).trimEnd())}\n`;
      headed = true;
      return heading + rows.map(encodeRow).join('');
    },
  };
}

/** `42.1 %`, `12.34`, or both. */
function formatScore({ prob, logit }: Pick<Prediction, 'prob' | 'logit'>, scores: Scores): string {
  const percent = `${(prob * 100).toFixed(1)} %`.padStart('100.0 %'.length);
  const value = logit.toFixed(2).padStart('-10.00'.length);
  return { prob: percent, logit: value, both: `${percent} ${value}` }[scores];
}

/** as many classes as fit into `room` columns: `dog 3.1 % · cat 0.2 %`. */
function inBrief(predictions: readonly Prediction[], room: number, scores: Scores): string {
  let text = '';
  for (const each of predictions) {
    const part = `${text === '' ? '' : ' · '}${printable(each.label)} ${formatScore(each, scores).trim().replace(/\s+/g, ' ')}`;
    if (stringWidth(text) + stringWidth(part) > room) break;
    text += part;
  }
  return text;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)));
}

const segmenter = new Intl.Segmenter();

/** The beginning of `text`, with `…` where something is left out. */
function shorten(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  return `${firstColumns(
    [...segmenter.segment(text)].map(({ segment }) => segment),
    width - 1,
  ).join('')}…`;
}

/** The end of `text`: of a path, the file's name. */
function shortenStart(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  const segments = [...segmenter.segment(text)].map(({ segment }) => segment).reverse();
  return `…${firstColumns(segments, width - 1)
    .reverse()
    .join('')}`;
}

/** The first segments that fit into `width` columns. */
function firstColumns(segments: readonly string[], width: number): string[] {
  const taken: string[] = [];
  let used = 0;
  for (const segment of segments) {
    used += stringWidth(segment);
    if (used > width) break;
    taken.push(segment);
  }
  return taken;
}
