/** The results as a bar chart: an SVG that follows the reader's light or dark mode. Lengths are pixels. */

import { best, figure } from './table.mjs';
import { counted } from './turns.mjs';

const NAMES = {
  own: 'vgg16',
  openvino: 'OpenVINO',
  onnx: 'ONNX Runtime',
  torch: 'PyTorch',
  tfjs: 'tfjs-node, layers',
};

const PANELS = { model: 'Model alone', pipeline: 'JPEG files to CSV' };

const WIDTH = 860;
const MARGIN = 20;
const GAP = 40;
const PANEL = (WIDTH - 2 * MARGIN - GAP) / 2;

/** Of a panel: the names on the left, the figures on the right, bars between. */
const LABELS = 130;
const VALUES = 50;
const BARS = PANEL - LABELS - VALUES;

const TITLE_HEIGHT = 76;
const PANEL_TITLE = 30;
const ROW = 26;
const BAR = 16;

const STYLE = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-size: 17px; font-weight: 600 }
  .panel { font-weight: 600 }
  .note { font-size: 12px; fill: #59636e }
  .own { font-weight: 600 }
  rect { fill: #afb8c1 }
  rect.own { fill: #0969da }
  line { stroke: #1f2328; stroke-width: 1.5; opacity: .55 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note { fill: #9198a1 }
    rect { fill: #57606a }
    rect.own { fill: #388bfd }
    line { stroke: #e6edf3 }
  }`;

/** Model alone on the left, pipelines on the right, a row of panels a precision; each contender with its best settings. */
export function chart(results) {
  const precisions = ['f32', 'bf16', 'int8'];
  let top = TITLE_HEIGHT;
  const drawn = precisions.flatMap((precision) => {
    const panels = Object.keys(PANELS).map((part) => barsOf(results[part] ?? [], precision));
    const rows = Math.max(...panels.map((bars) => bars.length));
    if (rows === 0) return [];
    const texts = panels.map((bars, i) => {
      const title = `${Object.values(PANELS)[i]}, ${precision}`;
      return bars.length === 0 ? '' : panel(bars, title, MARGIN + i * (PANEL + GAP), top);
    });
    top += PANEL_TITLE + rows * ROW + MARGIN;
    return texts;
  });
  const { machine, settings } = results;
  const title = `VGG-16, images a second: ${machine.cpu}, ${counted(machine.threads, 'thread')}`;
  const note =
    `${machine.date}, median of ${counted(settings.rounds, 'round')}; ` +
    `${settings.rounds > 1 ? 'lines: slowest to fastest round; ' : ''}longer is better` +
    (settings.quick ? '; a quick run, which says nothing about speed' : '');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" role="img" aria-labelledby="title">
<title id="title">${escaped(title)}</title>
<style>${STYLE}
</style>
${text(MARGIN, 34, title, 'title')}
${text(MARGIN, 56, note, 'note')}
${drawn.filter((one) => one !== '').join('\n')}
</svg>
`;
}

/** The best of each group, fastest first. */
function barsOf(results, precision) {
  return Object.keys(NAMES)
    .map((group) => best(results, group, precision))
    .filter((one) => one !== undefined)
    .sort((a, b) => b.rate.median - a.rate.median);
}

function panel(bars, title, left, top) {
  const most = Math.max(...bars.map(({ rate }) => rate.high));
  const x = (rate) => round(left + LABELS + (BARS * rate) / most);
  const rows = bars.map(({ group, rate }, i) => {
    const y = top + PANEL_TITLE + i * ROW;
    const kind = group === 'own' ? 'own' : '';
    const middle = y + BAR / 2;
    return [
      text(left, y + 13, NAMES[group], kind),
      `<rect${kind && ` class="${kind}"`} x="${left + LABELS}" y="${y}" width="${round(x(rate.median) - left - LABELS)}" height="${BAR}" rx="2"/>`,
      ...(rate.rounds.length > 1
        ? [`<line x1="${x(rate.low)}" x2="${x(rate.high)}" y1="${middle}" y2="${middle}"/>`]
        : []),
      text(x(rate.high) + 6, y + 13, figure(rate.median), kind),
    ].join('\n');
  });
  return [text(left, top + 14, title, 'panel'), ...rows].join('\n');
}

function text(x, y, content, kind) {
  return `<text${kind && ` class="${kind}"`} x="${x}" y="${y}">${escaped(content)}</text>`;
}

function escaped(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function round(value) {
  return Math.round(value * 10) / 10;
}
