/**
 * Who a process is, so that what it left in a file can be told from what a living one still writes. The number alone says
 * little: numbers are used again, and in a container that is started anew they are the same small ones each time.
 */

import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  readonly pid: number;
  /** The machine, and the name space in which `pid` means something. */
  readonly machine: string;
  /** When the process began, in the kernel's own count; `null` where the system does not say. */
  readonly began: string | null;
}

export async function thisProcess(): Promise<ProcessIdentity> {
  return { pid: process.pid, machine: await thisMachine(), began: await beginOf(process.pid) };
}

/**
 * What is known of a process: `elsewhere` where it is one of another machine or container, of which nothing can be known
 * from here; `unsure` where a process of its number lives and nothing says whether it is the same.
 */
export async function stateOf({
  pid,
  machine,
  began,
}: ProcessIdentity): Promise<'lives' | 'ended' | 'elsewhere' | 'unsure'> {
  if (machine !== (await thisMachine())) return 'elsewhere';
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return 'ended';
  }
  if (began === null) return 'unsure';
  return began === (await beginOf(pid)) ? 'lives' : 'ended';
}

/** Containers have numbers of processes of their own. */
async function thisMachine(): Promise<string> {
  return `${hostname()} ${await readlink('/proc/self/ns/pid').catch(() => '')}`;
}

/** Field 22 of /proc/PID/stat, `starttime` (proc(5)); the second field is a name that may hold anything. */
async function beginOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}
