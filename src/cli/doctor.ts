/** `vgg16 doctor`: a diagnosis as text (what is there in aligned lines, then what is wrong and what to type), or an object. */

import type { ExitCode } from '../errors.js';
import { printable } from '../output/printable.js';
import { type CachedFile, type Diagnosis, doctor, doctorExitCode } from '../services/doctor.js';
import type { CommandContext } from './command/context.js';
import { printJson } from './terminal/print-json.js';
import type { Style } from './terminal/style.js';

export interface DoctorFlags {
  readonly json?: boolean | undefined;
}

/** Resolves to the exit code. */
export async function runDoctor(flags: DoctorFlags, { cacheDir, style }: CommandContext): Promise<ExitCode> {
  const found = await doctor({ cacheDir });
  if (flags.json === true) printJson(found, 2);
  else process.stdout.write(`${diagnosisText(found, style)}\n`);
  return doctorExitCode(found);
}

/** Width of the column of names. */
const NAME_WIDTH = 12;

const CPU_FEATURES = [
  ['avx2', 'AVX2'],
  ['avx512f', 'AVX-512'],
  ['avx512Vnni', 'AVX512-VNNI'],
  ['avxVnni', 'AVX-VNNI'],
  ['avx512Bf16', 'AVX512-BF16'],
  ['amxBf16', 'AMX-BF16'],
  ['amxInt8', 'AMX-INT8'],
] as const;

export function diagnosisText(found: Diagnosis, { bold, dim, red }: Style): string {
  const { node, tensorflow, sharp, cpu, threads, cache, problems } = found;
  const features = CPU_FEATURES.filter(([key]) => cpu[key]).map(([, name]) => name);
  const facts: readonly (readonly [string, string | null])[] = [
    ['vgg16', found.vgg16],
    ['Node', `${node.version} (${node.platform})`],
    ['TensorFlow', tensorflow.version && `${tensorflow.version} (${routeOf(tensorflow)})`],
    ['', tensorflow.folder],
    ['tfjs-node', tensorflow.tfjsNode],
    ['sharp', sharp && `${sharp.sharp} (libvips ${sharp.libvips})`],
    ['CPU', cpu.model],
    ['', features.join(' ') || null],
    ['Threads', `${threads.available} of ${threads.processors}`],
    ['Cache', `${cache.folder} (${megabytes(cache.bytes)})`],
    ['Runtimes', filesText(cache.runtimes)],
    ['Models', filesText(cache.models)],
  ];
  const lines = facts
    .filter(([name, fact]) => name !== '' || fact !== null)
    .map(([name, fact]) => `${bold(name.padEnd(NAME_WIDTH))}${fact === null ? red('missing') : printable(fact)}`);
  const wrong = problems.flatMap(({ message, hint }) => [
    `${red('problem:')} ${printable(message)}`,
    `${dim('type:')}    ${printable(hint)}`,
  ]);
  return [...lines, '', ...(wrong.length > 0 ? wrong : ['Everything works.'])].join('\n');
}

function routeOf({ route, compiler }: Diagnosis['tensorflow']): string {
  return route === 'wheel' ? `from its wheel, addon by ${compiler}` : "tfjs-node's own download";
}

function filesText(files: readonly CachedFile[]): string {
  return files.map(({ name, bytes }) => `${name} (${megabytes(bytes)})`).join(', ') || 'none';
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
